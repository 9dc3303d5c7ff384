//! The units of a product as they were: after its last event that had happened, or was known, at a moment.
//!
//! The version at a moment is found by halving. Versions have no holes, and both times only grow along them, so each step
//! looks at one row and halves what is left: 24 steps for ten million events.

use super::Seen;
use super::stock::{ItemFigures, MAX_ITEMS};
use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded};
use uuid::Uuid;

/// The moment that is asked about, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockMoment {
    /// Events count that had happened by then.
    OccurredAt(i64),
    /// Events count that the log had stored by then.
    RecordedAt(i64),
}

/// A product at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockThen {
    /// The items that had begun, in the order of their warehouses.
    pub items: Vec<ItemFigures>,
    /// How many there are at present.
    pub present: usize,
    /// When the newest of their last events happened or was stored: since when it was so.
    pub since: i64,
}

from_row! {
    struct ThenRow {
        applied: i64,
        item_id: Option<Uuid>,
        product_id: Option<String>,
        warehouse: Option<String>,
        on_hand: Option<i64>,
        reserved: Option<i64>,
        committed_total: Option<i64>,
        version: Option<i64>,
        updated_at: Option<i64>,
        since: Option<i64>,
    }
}

impl ThenRow {
    fn figures(self) -> Option<ItemFigures> {
        let (on_hand, reserved) = (self.on_hand?, self.reserved?);
        Some(ItemFigures {
            item_id: self.item_id?,
            product_id: self.product_id?,
            warehouse: self.warehouse?,
            on_hand,
            reserved,
            available: on_hand.saturating_sub(reserved),
            committed_total: self.committed_total?,
            version: loaded(self.version?).ok()?,
            updated_at: self.updated_at?,
        })
    }
}

fn then(product_id: &str, warehouse: Option<&str>, moment: StockMoment) -> Sql {
    let (time, at) = match moment {
        StockMoment::OccurredAt(at) => ("occurred_at", at),
        StockMoment::RecordedAt(at) => ("recorded_at", at),
    };
    let mut sql = Sql::new(
        "WITH RECURSIVE halved (item_id, product_id, warehouse, low, high) AS (SELECT * FROM (SELECT i.item_id, \
         i.product_id, i.warehouse, CAST(0 AS BIGINT) AS low, i.version AS high FROM stock_items i WHERE i.product_id = ",
    );
    sql.push_bind(product_id);
    if let Some(warehouse) = warehouse {
        sql.push(" AND i.warehouse = ").push_bind(warehouse);
    }
    sql.push(format_args!(
        " ORDER BY i.warehouse LIMIT {}) AS items UNION ALL SELECT h.item_id, h.product_id, h.warehouse, \
         CASE WHEN v.{time} <= ",
        MAX_ITEMS + 1
    ));
    sql.push_bind(at).push(format_args!(" THEN v.version ELSE h.low END, CASE WHEN v.{time} <= "));
    sql.push_bind(at).push(format_args!(
        " THEN h.high ELSE v.version - 1 END FROM halved h JOIN stock_versions v ON v.item_id = h.item_id \
         AND v.version = (h.low + h.high + 1) / 2 WHERE h.low < h.high) \
         SELECT p.applied, f.item_id, f.product_id, f.warehouse, v.on_hand, v.reserved, v.committed_total, v.version, \
         v.occurred_at AS updated_at, v.{time} AS since FROM (SELECT COALESCE((SELECT position FROM projections WHERE name = 'stock'), 0) AS applied) \
         AS p LEFT JOIN halved f ON f.low = f.high LEFT JOIN stock_versions v ON v.item_id = f.item_id \
         AND v.version = f.low ORDER BY f.warehouse"
    ));
    sql
}

impl ReadModel {
    /// A product in all warehouses, or in one, as it was at a moment. More than [`MAX_ITEMS`] present items mean that
    /// the list is cut off.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn stock_of_product_at(
        &self,
        product_id: &str,
        warehouse: Option<&str>,
        moment: StockMoment,
    ) -> Result<Seen<StockThen>, ReadModelError> {
        let rows: Vec<ThenRow> = self.rows(then(product_id, warehouse, moment)).await?;
        let found = StockThen { since: i64::MIN, ..StockThen::default() };
        let mut seen = Seen { position: 0, found };
        for row in rows {
            seen.position = loaded(row.applied)?;
            seen.found.since = seen.found.since.max(row.since.unwrap_or(i64::MIN));
            seen.found.present += usize::from(row.item_id.is_some());
            seen.found.items.extend(row.figures());
        }
        Ok(seen)
    }
}
