//! All orders of a customer, of every status, in an order in which none is left out while they change: an order that is
//! placed meanwhile moves forward.

use super::Seen;
use super::order::erased_at;
use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded};
use uuid::Uuid;

/// An order of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderOfCustomer {
    /// The order's id.
    pub order_id: Uuid,
    /// The version that the row shows.
    pub version: u64,
    /// When it was placed, or else created: what the list is sorted by, before the id.
    pub listed_at: i64,
    /// When it was placed, if it was.
    pub placed_at: Option<i64>,
    /// When the personal data in it were erased.
    pub erased_at: Option<i64>,
}

/// A page of a customer's orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrdersOfCustomer {
    /// When the customer's personal data were erased last.
    pub erased_at: Option<i64>,
    /// The orders, oldest first.
    pub orders: Vec<OrderOfCustomer>,
}

from_row! {
    struct OrderRow {
        applied: i64,
        customer_erased_at: Option<i64>,
        order_id: Option<Uuid>,
        version: Option<i64>,
        listed_at: Option<i64>,
        placed_at: Option<i64>,
        erased_at: Option<i64>,
    }
}

const PAGE: &str = concat!(
    "SELECT COALESCE((SELECT position FROM projections WHERE name = 'orders'), 0) AS applied, \
     (SELECT e.erased_at FROM order_erasures e WHERE e.customer_id = $1) AS customer_erased_at, \
     o.order_id, o.version, o.listed_at, o.placed_at, ",
    erased_at!("o"),
    " AS erased_at FROM (SELECT 1 AS one) AS one LEFT JOIN (SELECT * FROM orders c WHERE c.customer_id = $1 \
     AND (c.listed_at, c.order_id) > ($2, $3) ORDER BY c.listed_at, c.order_id LIMIT $4) AS o ON TRUE \
     ORDER BY o.listed_at, o.order_id"
);

impl OrderRow {
    fn order(self) -> Option<OrderOfCustomer> {
        Some(OrderOfCustomer {
            order_id: self.order_id?,
            version: loaded(self.version?).ok()?,
            listed_at: self.listed_at?,
            placed_at: self.placed_at,
            erased_at: self.erased_at,
        })
    }
}

impl ReadModel {
    /// A page of a customer's orders after a place: the time that an order is listed at, and its id.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn orders_of_customer(
        &self,
        customer_id: &str,
        after: (i64, Uuid),
        limit: u32,
    ) -> Result<Seen<OrdersOfCustomer>, ReadModelError> {
        let (listed_at, order_id) = after;
        let sql = Sql::new(PAGE).bind(customer_id).bind(listed_at).bind(order_id);
        let rows: Vec<OrderRow> = self.rows(sql.bind(i64::from(limit))).await?;
        let mut seen = Seen { position: 0, found: OrdersOfCustomer::default() };
        for row in rows {
            seen.position = loaded(row.applied)?;
            seen.found.erased_at = row.customer_erased_at;
            seen.found.orders.extend(row.order());
        }
        Ok(seen)
    }
}
