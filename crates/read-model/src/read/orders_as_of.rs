//! Lists of orders as of a moment in business time: each order's last version then.
//!
//! An order that was placed by then has kept its place in lists, its total, customer and products ever since, so the
//! same indexes find it. An order that was a draft or discarded then may still be so, or may have been placed later.
//! Both kinds are read only when the filter asks for their status.

use super::Seen;
use super::order::erased_at;
use super::orders::{
    OrderFilter, OrderPage, SortKey, push_codes, push_constants, push_page, push_unplaced,
};
use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded};
use uuid::Uuid;

/// An order as a list showed it at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as they were then
pub struct OrderThen {
    pub order_id: Uuid,
    pub sort_key: i64,
    /// The order's version then, and when that version's event happened.
    pub version: u64,
    pub updated_at: i64,
    pub status: i16,
    pub payment_status: i16,
    pub fulfillment_status: i16,
    pub total: i64,
    pub paid: i64,
    pub refunded: i64,
    pub line_count: i64,
    pub units: i64,
    /// The present summary: the members that never change come from it.
    pub summary: String,
    /// When the customer's personal data in it were erased, then or later.
    pub erased_at: Option<i64>,
}

from_row! {
    struct ThenRow {
        applied: i64,
        order_id: Option<Uuid>,
        sort_key: Option<i64>,
        version: Option<i64>,
        occurred_at: Option<i64>,
        status: Option<i16>,
        payment_status: Option<i16>,
        fulfillment_status: Option<i16>,
        total: Option<i64>,
        paid: Option<i64>,
        refunded: Option<i64>,
        line_count: Option<i64>,
        units: Option<i64>,
        summary: Option<String>,
        last_version: Option<i64>,
        last_occurred_at: Option<i64>,
        erased_at: Option<i64>,
    }
}

/// A part of the list, by where its orders are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Placed by then.
    Placed,
    /// Not placed by then, and not placed since.
    NeverPlaced,
    /// Not placed by then, but later.
    PlacedLater,
}

const APPLIED: &str = "SELECT COALESCE((SELECT MIN(position) FROM projections \
     WHERE name IN ('orders', 'history')), 0) AS applied";

fn push_part(sql: &mut Sql, part: Part, filter: &OrderFilter, page: &OrderPage, at: i64) {
    let by_product = part == Part::Placed && filter.product_id.is_some();
    let key = match (page.sort.by, part) {
        (SortKey::Listed, Part::Placed) if by_product => "f.listed_at",
        (SortKey::Listed, Part::Placed | Part::NeverPlaced) => "o.listed_at",
        (SortKey::Listed, Part::PlacedLater) => "o.created_at",
        (SortKey::Total, Part::Placed) => "o.total",
        (SortKey::Total, _) => "v.total",
    };
    sql.push(format_args!(
        "SELECT * FROM (SELECT o.order_id, {key} AS sort_key, o.summary, v.version, v.occurred_at, v.status, \
         v.payment_status, v.fulfillment_status, v.total, v.paid, v.refunded, v.line_count, v.units, \
         o.version AS newest, o.customer_id, o.begun_position FROM {} \
         CROSS JOIN order_versions v WHERE v.order_id = o.order_id AND v.version = \
         (SELECT x.version FROM order_versions x WHERE x.order_id = o.order_id AND x.occurred_at <= ",
        if by_product { "order_products f CROSS JOIN orders o" } else { "orders o" },
    ));
    sql.push_bind(at).push(" ORDER BY x.version DESC LIMIT 1)");
    match part {
        Part::Placed => {
            sql.push(" AND o.placed_at IS NOT NULL AND o.listed_at <= ").push_bind(at);
        }
        Part::NeverPlaced => {
            push_unplaced(sql);
            sql.push(" AND o.listed_at <= ").push_bind(at);
        }
        Part::PlacedLater => {
            sql.push(" AND o.placed_at IS NOT NULL AND o.listed_at > ").push_bind(at);
            sql.push(" AND o.created_at <= ").push_bind(at);
        }
    }
    if by_product {
        sql.push(" AND f.order_id = o.order_id");
    }
    push_codes(sql, "v.status", &filter.statuses);
    push_codes(sql, "v.payment_status", &filter.payment_statuses);
    push_codes(sql, "v.fulfillment_status", &filter.fulfillment_statuses);
    if by_product {
        push_constants(sql, filter);
    } else {
        push_constants(sql, &OrderFilter { product_id: None, ..filter.clone() });
    }
    push_page(sql, key, page);
    sql.push(") AS part");
}

fn parts(filter: &OrderFilter) -> Vec<Part> {
    let mut parts = Vec::with_capacity(3);
    if filter.shows_placed() {
        parts.push(Part::Placed);
    }
    // A filter on the time of placing selects placed orders only.
    if filter.shows_unplaced() && filter.placed_from.is_none() && filter.placed_to.is_none() {
        parts.extend([Part::NeverPlaced, Part::PlacedLater]);
    }
    parts
}

/// The page and, for each order on it, its last version then: not every version changes what a list shows. For a parked
/// order, history may have more versions than the projection `orders`; they do not count.
fn then(filter: &OrderFilter, page: &OrderPage, at: i64, parts: &[Part]) -> Sql {
    let direction = page.sort.direction();
    let mut sql = Sql::new(format!(
        "SELECT p.applied, t.*, h.version AS last_version, h.occurred_at AS last_occurred_at, \
         {} AS erased_at FROM ({APPLIED}) AS p LEFT JOIN (SELECT * FROM (",
        erased_at!("t")
    ));
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            sql.push(" UNION ALL ");
        }
        push_part(&mut sql, *part, filter, page, at);
    }
    sql.push(format_args!(") AS parts ORDER BY sort_key {direction}, order_id {direction} LIMIT "));
    sql.push_bind(i64::from(page.limit));
    sql.push(
        ") AS t ON TRUE LEFT JOIN history h ON h.stream_id = t.order_id AND h.stream_type = 'order' \
         AND h.version = (SELECT x.version FROM history x \
         WHERE x.stream_id = t.order_id AND x.stream_type = 'order' AND x.version >= t.version \
         AND x.version < COALESCE((SELECT MIN(n.version) FROM order_versions n \
         WHERE n.order_id = t.order_id AND n.version > t.version), 9223372036854775807) \
         AND x.version <= t.newest AND x.occurred_at <= ",
    );
    sql.push_bind(at);
    sql.push(format_args!(
        " ORDER BY x.version DESC LIMIT 1) ORDER BY t.sort_key {direction}, t.order_id {direction}"
    ));
    sql
}

fn found(row: ThenRow) -> Option<OrderThen> {
    let version = row.last_version.or(row.version)?;
    Some(OrderThen {
        order_id: row.order_id?,
        sort_key: row.sort_key?,
        version: loaded(version).ok()?,
        updated_at: row.last_occurred_at.or(row.occurred_at)?,
        status: row.status?,
        payment_status: row.payment_status?,
        fulfillment_status: row.fulfillment_status?,
        total: row.total?,
        paid: row.paid?,
        refunded: row.refunded?,
        line_count: row.line_count?,
        units: row.units?,
        summary: row.summary?,
        erased_at: row.erased_at,
    })
}

impl ReadModel {
    /// A page of orders as they were after everything up to and including `at`.
    ///
    /// Orders that were not placed then are found by every filter but the product, which only replay knows. The caller
    /// checks the product itself.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn list_orders_as_of(
        &self,
        filter: &OrderFilter,
        page: &OrderPage,
        at: i64,
    ) -> Result<Seen<Vec<OrderThen>>, ReadModelError> {
        let parts = parts(filter);
        if parts.is_empty() {
            let applied: Option<(i64,)> = self.first(Sql::new(APPLIED)).await?;
            let position = loaded(applied.map_or(0, |(applied,)| applied))?;
            return Ok(Seen { position, found: Vec::new() });
        }
        let rows: Vec<ThenRow> = self.rows(then(filter, page, at, &parts)).await?;
        let position = loaded(rows.first().map_or(0, |row| row.applied))?;
        Ok(Seen { position, found: rows.into_iter().filter_map(found).collect() })
    }
}
