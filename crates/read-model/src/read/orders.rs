//! Lists of present orders: found by index, a page at a time from a key onwards, summaries as stored.

use super::order::erased_at;
use super::{Seen, packed_rows};
use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded};
use uuid::Uuid;

/// Statuses that a list shows only when a filter names them: draft and discarded.
const UNPLACED: [i16; 2] =
    [domain::order::Status::Draft.code(), domain::order::Status::Discarded.code()];

/// Which orders a list holds. An empty list of codes is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // each is the column of that name
pub struct OrderFilter {
    pub statuses: Vec<i16>,
    pub payment_statuses: Vec<i16>,
    pub fulfillment_statuses: Vec<i16>,
    pub customer_id: Option<String>,
    pub product_id: Option<String>,
    pub currency: Option<String>,
    /// Placed at this moment or later.
    pub placed_from: Option<i64>,
    /// Placed before this moment.
    pub placed_to: Option<i64>,
}

/// The sort key of a list; the order's id breaks ties in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderSort {
    /// The value that orders are compared by.
    pub by: SortKey,
    /// Which end of the list comes first.
    pub direction: Direction,
}

/// A sort key of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// When the order was placed, or else created.
    Listed,
    /// Its total, in minor units.
    Total,
}

/// Which end of the list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The smallest.
    Ascending,
    /// The largest.
    Descending,
}

/// Where a page begins and how long it is.
#[derive(Debug, Clone, Copy)]
pub struct OrderPage {
    /// How the list is sorted.
    pub sort: OrderSort,
    /// The sort key and id of the last order before the page.
    pub after: Option<(i64, Uuid)>,
    /// The most orders it holds.
    pub limit: u32,
}

/// An order on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedOrder {
    /// The order's id.
    pub order_id: Uuid,
    /// The value that the list is sorted by.
    pub sort_key: i64,
    /// The order's summary, as JSON.
    pub summary: String,
    /// When the customer's personal data in it were erased, in microseconds.
    pub erased_at: Option<i64>,
}

from_row! {
    struct ListedRow {
        applied: i64,
        order_id: Option<Uuid>,
        sort_key: Option<i64>,
        summary: Option<String>,
        erased_at: Option<i64>,
    }
}

pub(crate) const APPLIED_ORDERS: &str =
    "SELECT COALESCE((SELECT position FROM projections WHERE name = 'orders'), 0) AS applied";

impl OrderFilter {
    /// Whether an order that is (or was) in this status can be on the list.
    pub(crate) fn shows(&self, status: i16) -> bool {
        match self.statuses.as_slice() {
            [] => !UNPLACED.contains(&status),
            named => named.contains(&status),
        }
    }

    /// Whether the list may hold orders that are (or were) not placed.
    pub(crate) fn shows_unplaced(&self) -> bool {
        UNPLACED.iter().any(|status| self.shows(*status))
    }

    /// Whether the list may hold orders that are (or were) placed.
    pub(crate) fn shows_placed(&self) -> bool {
        self.statuses.is_empty() || self.statuses.iter().any(|status| !UNPLACED.contains(status))
    }
}

impl OrderSort {
    pub(crate) fn direction(self) -> &'static str {
        match self.direction {
            Direction::Ascending => "ASC",
            Direction::Descending => "DESC",
        }
    }

    fn beyond(self) -> &'static str {
        match self.direction {
            Direction::Ascending => ">",
            Direction::Descending => "<",
        }
    }
}

/// `AND key IN (…)`, unless there are no codes. The `+` hides the column from SQLite's choice of an index: with an
/// index on a status, SQLite would sort every order of that status for one page.
pub(crate) fn push_codes(sql: &mut Sql, column: &str, codes: &[i16]) {
    if codes.is_empty() {
        return;
    }
    sql.push(" AND +").push(column).push(" IN ").push_list(codes.iter().copied());
}

/// Orders that have never been placed: few, and found by their status.
pub(crate) fn push_unplaced(sql: &mut Sql) {
    sql.push(" AND o.status IN ").push_list(UNPLACED);
}

/// Conditions on what never changes once an order is placed.
pub(crate) fn push_constants(sql: &mut Sql, filter: &OrderFilter) {
    if let Some(product_id) = &filter.product_id {
        sql.push(" AND f.product_id = ").push_bind(product_id);
    }
    if let Some(customer_id) = &filter.customer_id {
        sql.push(" AND o.customer_id = ").push_bind(customer_id);
    }
    if let Some(currency) = &filter.currency {
        sql.push(" AND o.currency = ").push_bind(currency);
    }
    if let Some(from) = filter.placed_from {
        sql.push(" AND o.placed_at IS NOT NULL AND o.listed_at >= ").push_bind(from);
    }
    if let Some(to) = filter.placed_to {
        sql.push(" AND o.placed_at IS NOT NULL AND o.listed_at < ").push_bind(to);
    }
}

/// The orders from the start of the page on, in the page's order, up to its limit.
pub(crate) fn push_page(sql: &mut Sql, key: &str, page: &OrderPage) {
    let (beyond, direction) = (page.sort.beyond(), page.sort.direction());
    if let Some((sort_key, order_id)) = page.after {
        sql.push(format_args!(" AND ({key}, o.order_id) {beyond} ("));
        sql.push_bind(sort_key).push(", ").push_bind(order_id).push(")");
    }
    sql.push(format_args!(" ORDER BY {key} {direction}, o.order_id {direction} LIMIT "));
    sql.push_bind(i64::from(page.limit));
}

/// How a page's rows are returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One row for each order.
    Rows,
    /// All rows in one text: see [`packed_rows`].
    Packed,
}

fn live(filter: &OrderFilter, page: &OrderPage, form: Form) -> Sql {
    let key = match (page.sort.by, &filter.product_id) {
        (SortKey::Listed, None) => "o.listed_at",
        (SortKey::Listed, Some(_)) => "f.listed_at",
        (SortKey::Total, _) => "o.total",
    };
    let direction = page.sort.direction();
    let order = format!("ORDER BY t.sort_key {direction}, t.order_id {direction}");
    let columns = match form {
        Form::Rows => {
            concat!("t.order_id, t.sort_key, t.summary, ", erased_at!("t"), " AS erased_at")
                .to_owned()
        }
        Form::Packed => format!(
            "string_agg(t.sort_key || ' ' || hex(t.order_id) || ' ' || COALESCE({erased_at}, '') || ' ' || \
             t.summary, {packed} {order})",
            erased_at = erased_at!("t"),
            packed = packed_rows::SEPARATOR_SQL
        ),
    };
    let mut sql = Sql::new(format!(
        "SELECT p.applied, {columns} FROM ({APPLIED_ORDERS}) AS p LEFT JOIN \
         (SELECT o.order_id, {key} AS sort_key, o.summary, o.customer_id, o.begun_position FROM "
    ));
    sql.push(match filter.product_id {
        Some(_) => "order_products f CROSS JOIN orders o WHERE o.order_id = f.order_id",
        None => "orders o WHERE 1 = 1",
    });
    match filter.statuses.as_slice() {
        [] => {
            sql.push(" AND o.placed_at IS NOT NULL");
        }
        [status] if page.sort.by == SortKey::Listed && filter.customer_id.is_none() => {
            sql.push(" AND o.status = ").push_bind(*status);
        }
        statuses => {
            if !filter.shows_placed() {
                push_unplaced(&mut sql);
            }
            push_codes(&mut sql, "o.status", statuses);
        }
    }
    push_codes(&mut sql, "o.payment_status", &filter.payment_statuses);
    push_codes(&mut sql, "o.fulfillment_status", &filter.fulfillment_statuses);
    push_constants(&mut sql, filter);
    push_page(&mut sql, key, page);
    sql.push(") AS t ON TRUE ");
    if form == Form::Rows {
        sql.push(order);
    }
    sql
}

/// An order from a packed page: sort key, id, erasure, summary.
fn unpacked(text: &str) -> Option<ListedOrder> {
    let mut parts = text.splitn(4, ' ');
    Some(ListedOrder {
        sort_key: parts.next()?.parse().ok()?,
        order_id: Uuid::try_parse(parts.next()?).ok()?,
        erased_at: packed_rows::number(parts.next()?)?,
        summary: parts.next()?.to_owned(),
    })
}

impl ReadModel {
    /// A page of present orders.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn list_orders(
        &self,
        filter: &OrderFilter,
        page: &OrderPage,
    ) -> Result<Seen<Vec<ListedOrder>>, ReadModelError> {
        if let Self::Sqlite(_) = self {
            let row: Option<(i64, Option<String>)> =
                self.first(live(filter, page, Form::Packed)).await?;
            let (applied, texts) = row.unwrap_or_default();
            let found = packed_rows::unpack(texts.as_deref(), unpacked)?;
            return Ok(Seen { position: loaded(applied)?, found });
        }
        let rows: Vec<ListedRow> = self.rows(live(filter, page, Form::Rows)).await?;
        let position = loaded(rows.first().map_or(0, |row| row.applied))?;
        let listed = rows.into_iter().filter_map(|row| {
            Some(ListedOrder {
                order_id: row.order_id?,
                sort_key: row.sort_key?,
                summary: row.summary?,
                erased_at: row.erased_at,
            })
        });
        Ok(Seen { position, found: listed.collect() })
    }
}
