//! What a customer has ordered.

use super::{CurrencyAmount, Seen};
use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded, sum};

/// What one customer has ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct CustomerFigures {
    pub customer_id: String,
    pub name: Option<String>,
    pub orders: i64,
    pub cancelled_orders: i64,
    /// Placed and not cancelled, by currency.
    pub lifetime: Vec<CurrencyAmount>,
    pub first_order_at: i64,
    pub last_order_at: i64,
    /// When the customer's personal data were erased last, in microseconds.
    pub erased_at: Option<i64>,
}

from_row! {
    struct CustomerRow {
        applied: i64,
        customer_id: Option<String>,
        name: Option<String>,
        orders: Option<i64>,
        cancelled_orders: Option<i64>,
        first_order_at: Option<i64>,
        last_order_at: Option<i64>,
        erased_at: Option<i64>,
        currency: Option<String>,
        amount_high: Option<i64>,
        amount_low: Option<i64>,
    }
}

const ONE: &str = "SELECT COALESCE((SELECT position FROM projections WHERE name = 'customers'), 0) AS applied, \
     c.customer_id, c.name, c.orders, c.cancelled_orders, c.first_order_at, c.last_order_at, e.erased_at, l.currency, \
     l.amount_high, l.amount_low \
     FROM (SELECT 1 AS one) AS one LEFT JOIN customers c ON c.customer_id = $1 \
     LEFT JOIN customer_erasures e ON e.customer_id = c.customer_id \
     LEFT JOIN customer_lifetimes l ON l.customer_id = c.customer_id ORDER BY l.currency";

impl ReadModel {
    /// A customer's figures.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn customer(
        &self,
        customer_id: &str,
    ) -> Result<Seen<Option<CustomerFigures>>, ReadModelError> {
        let rows: Vec<CustomerRow> = self.rows(Sql::new(ONE).bind(customer_id)).await?;
        let mut seen = Seen { position: 0, found: None };
        for row in rows {
            seen.position = loaded(row.applied)?;
            let amount =
                row.amount_high.zip(row.amount_low).map(|(high, low)| sum::join(high, low));
            let amount = row.currency.clone().zip(amount);
            if seen.found.is_none() {
                seen.found = figures(row);
            }
            if let (Some(customer), Some((currency, amount))) = (&mut seen.found, amount) {
                customer.lifetime.push(CurrencyAmount { currency, amount });
            }
        }
        Ok(seen)
    }
}

fn figures(row: CustomerRow) -> Option<CustomerFigures> {
    Some(CustomerFigures {
        customer_id: row.customer_id?,
        name: row.name,
        orders: row.orders?,
        cancelled_orders: row.cancelled_orders?,
        lifetime: Vec::new(),
        first_order_at: row.first_order_at?,
        last_order_at: row.last_order_at?,
        erased_at: row.erased_at,
    })
}
