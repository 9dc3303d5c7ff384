//! Tables of the projection `customers`: deltas that are added to the stored rows.

use super::erasures::{self, ErasureRow};
use super::named::{Named, bind_placing, is_later, keep_last_name};
use crate::db::{
    Binds, BulkStatement, MAX_KEYS, ReadModelError, Row, Sql, Tables, WriteTx, padded,
};

/// The tables of this projection.
pub const TABLES: &[&str] = &["customers", "customer_lifetimes", "customer_erasures"];

/// What a batch changes in these tables.
#[derive(Debug, Default)]
pub struct CustomersChanges {
    /// One for each customer.
    pub customers: Vec<CustomerDelta>,
    /// One for each customer and currency.
    pub lifetimes: Vec<LifetimeDelta>,
    /// The last erasure of each customer.
    pub erasures: Vec<ErasureRow>,
    /// Whether names may have come after the erasure of theirs, because events come in any order.
    pub names_may_be_late: bool,
}

/// What changes for a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerDelta {
    /// The customer's id.
    pub customer_id: String,
    /// The name in the last-placed order that names the customer.
    pub named: Option<Named>,
    /// Orders placed, minus orders cancelled.
    pub orders: i64,
    /// Orders cancelled.
    pub cancelled_orders: i64,
    /// The earliest time of placing.
    pub first_order_at: i64,
    /// The latest time of placing.
    pub last_order_at: i64,
}

/// What changes in a customer's spending.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LifetimeDelta {
    pub customer_id: String,
    pub currency: &'static str,
    pub amount: i128,
}

const CUSTOMERS: BulkStatement = BulkStatement {
    id: "customers",
    head: "INSERT INTO {table} AS kept (customer_id, name, named_at, named_position, orders, cancelled_orders, \
        first_order_at, last_order_at)",
    table: "customers",
    columns: 8,
    tail: concat!(
        "ON CONFLICT (customer_id) DO UPDATE SET ",
        keep_last_name!(),
        ", orders = kept.orders + excluded.orders, \
        cancelled_orders = kept.cancelled_orders + excluded.cancelled_orders, \
        first_order_at = CASE WHEN excluded.first_order_at < kept.first_order_at \
            THEN excluded.first_order_at ELSE kept.first_order_at END, \
        last_order_at = CASE WHEN excluded.last_order_at > kept.last_order_at \
            THEN excluded.last_order_at ELSE kept.last_order_at END"
    ),
};

const LIFETIMES: BulkStatement = BulkStatement {
    id: "customer_lifetimes",
    head: "INSERT INTO {table} AS kept (customer_id, currency, amount_high, amount_low)",
    table: "customer_lifetimes",
    columns: 4,
    tail: "ON CONFLICT (customer_id, currency) DO UPDATE SET \
        amount_high = kept.amount_high + excluded.amount_high \
            + (kept.amount_low + excluded.amount_low) / 1000000000, \
        amount_low = (kept.amount_low + excluded.amount_low) % 1000000000",
};

impl Row for CustomerDelta {
    fn bind(self, binds: &mut Binds) {
        let placing = self.named.as_ref().map(|named| (named.at, named.position));
        binds.text(self.customer_id).maybe_text(self.named.map(|named| named.name));
        bind_placing(placing, binds);
        binds
            .int(self.orders)
            .int(self.cancelled_orders)
            .int(self.first_order_at)
            .int(self.last_order_at);
    }
}

impl Row for LifetimeDelta {
    fn bind(self, binds: &mut Binds) {
        binds.text(self.customer_id).text(self.currency).sum(self.amount);
    }
}

impl WriteTx {
    /// Writes a batch's changes.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn write_customers(
        &mut self,
        tables: Tables,
        changes: CustomersChanges,
    ) -> Result<(), ReadModelError> {
        let mut erased: Vec<String> =
            changes.erasures.iter().map(|row| row.customer_id.clone()).collect();
        if changes.names_may_be_late {
            let named = changes.customers.iter().filter(|delta| delta.named.is_some());
            erased.extend(named.map(|delta| delta.customer_id.clone()));
        }
        self.bulk(&CUSTOMERS, tables, changes.customers).await?;
        self.bulk(&LIFETIMES, tables, changes.lifetimes).await?;
        self.bulk(&erasures::OF_CUSTOMERS, tables, changes.erasures).await?;
        self.erase_names(tables, &erased).await
    }

    /// Makes the names null that orders before the erasure gave. The placing stays, so that no older name comes back.
    async fn erase_names(
        &mut self,
        tables: Tables,
        customers: &[String],
    ) -> Result<(), ReadModelError> {
        let customers: Vec<&str> = customers.iter().map(String::as_str).collect();
        for customers in customers.chunks(MAX_KEYS) {
            let mut sql = Sql::new("UPDATE ");
            sql.push(tables.name("customers"))
                .push(" AS kept SET name = NULL WHERE name IS NOT NULL AND EXISTS (SELECT 1 FROM ")
                .push(tables.name("customer_erasures"))
                .push(
                    " e WHERE e.customer_id = kept.customer_id AND e.position > kept.named_position) \
                     AND customer_id IN ",
                )
                .push_list(padded(customers));
            self.execute(sql).await?;
        }
        Ok(())
    }
}
