//! The events of a product: those of its items in all warehouses, in the log's order.
//!
//! Where a page begins in each item's stream is found by halving, as in [`super::stock_then`]. From there, each item gives
//! at most a page of events. So a page costs the same wherever it lies.

use super::Seen;
use super::events::{EventPage, MAX_PAGE_BYTES, and_one, page};
use super::stock::MAX_ITEMS;
use crate::db::{ReadModel, ReadModelError, Sql, stored};

/// Up to here, both the items and their events are there. Above it, projections that several partitions feed may have
/// gaps.
const APPLIED: &str =
    "COALESCE((SELECT MIN(position) FROM projections WHERE name IN ('history', 'stock')), 0)";

fn events(product_id: &str, warehouse: Option<&str>, after: u64, limit: usize) -> Sql {
    let mut sql = Sql::new(
        "WITH RECURSIVE halved (item_id, low, high) AS (SELECT * FROM (SELECT i.item_id, CAST(0 AS BIGINT) AS low, \
         COALESCE((SELECT MAX(h.version) FROM history h WHERE h.stream_id = i.item_id AND h.stream_type = 'stock'), 0) \
         AS high FROM stock_items i WHERE i.product_id = ",
    );
    sql.push_bind(product_id);
    if let Some(warehouse) = warehouse {
        sql.push(" AND i.warehouse = ").push_bind(warehouse);
    }
    sql.push(format_args!(
        " ORDER BY i.warehouse LIMIT {MAX_ITEMS}) AS items UNION ALL SELECT s.item_id, CASE WHEN h.position <= "
    ));
    sql.push_bind(stored(after)).push(" THEN h.version ELSE s.low END, CASE WHEN h.position <= ");
    sql.push_bind(stored(after)).push(
        " THEN s.high ELSE h.version - 1 END FROM halved s JOIN history h ON h.stream_id = s.item_id \
         AND h.stream_type = 'stock' AND h.version = (s.low + s.high + 1) / 2 WHERE s.low < s.high), \
         chosen AS (SELECT h.position FROM halved s JOIN history h ON h.stream_id = s.item_id \
         AND h.stream_type = 'stock' AND h.version > s.low AND h.version <= s.low + ",
    );
    sql.push_bind(and_one(limit)).push(format_args!(
        " WHERE s.low = s.high AND h.position <= {APPLIED} ORDER BY h.position LIMIT "
    ));
    sql.push_bind(and_one(limit)).push(format_args!(
        ") SELECT p.applied, h.position, h.stream_type, h.stream_id, h.partition_key, h.version, h.event_id, \
         h.event_type, h.schema_version, h.occurred_at, h.recorded_at, h.actor, h.correlation_id, h.causation_id, \
         h.traceparent, h.data FROM (SELECT {APPLIED} AS applied) AS p LEFT JOIN chosen c ON TRUE \
         LEFT JOIN history h ON h.position = c.position ORDER BY h.position"
    ));
    sql
}

impl ReadModel {
    /// A page of the events of a product's items after a position, in the log's order.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn stock_events(
        &self,
        product_id: &str,
        warehouse: Option<&str>,
        after: u64,
        limit: usize,
    ) -> Result<Seen<EventPage>, ReadModelError> {
        let sql = events(product_id, warehouse, after, limit);
        page(self.stream(sql), limit, MAX_PAGE_BYTES).await
    }
}
