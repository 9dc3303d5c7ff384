//! When customers' personal data were erased: a table of each projection that shows it.

use crate::db::{Binds, BulkStatement, Row, stored};

/// An erasure of a customer's personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRow {
    /// Whose data.
    pub customer_id: String,
    /// The position of the event that records it.
    pub position: u64,
    /// When they were erased, in microseconds.
    pub erased_at: i64,
}

impl ErasureRow {
    /// Takes this erasure if it is the customer's last in the log, in whatever order they come.
    pub fn keep_last(kept: &mut Vec<Self>, row: Self) {
        match kept.iter_mut().find(|kept| kept.customer_id == row.customer_id) {
            Some(kept) if kept.position >= row.position => {}
            Some(kept) => *kept = row,
            None => kept.push(row),
        }
    }
}

impl Row for ErasureRow {
    fn bind(self, binds: &mut Binds) {
        binds.text(self.customer_id).int(stored(self.position)).int(self.erased_at);
    }
}

/// Keeps the last erasure of each customer, whatever the order of arrival.
const fn keep_last(table: &'static str) -> BulkStatement {
    BulkStatement {
        id: table,
        head: "INSERT INTO {table} AS kept (customer_id, position, erased_at)",
        table,
        columns: 3,
        tail: "ON CONFLICT (customer_id) DO UPDATE SET position = excluded.position, \
            erased_at = excluded.erased_at WHERE excluded.position > kept.position",
    }
}

/// Of the projection `orders`.
pub(super) const OF_ORDERS: BulkStatement = keep_last("order_erasures");
/// Of the projection `customers`.
pub(super) const OF_CUSTOMERS: BulkStatement = keep_last("customer_erasures");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_erasure_of_each_customer_stays_in_any_order_of_arrival() {
        let row = |customer: &str, position| ErasureRow {
            customer_id: customer.to_owned(),
            position,
            erased_at: 10 * position.cast_signed(),
        };
        for [first, second] in [[3, 7], [7, 3]] {
            let mut kept = Vec::new();
            for (customer, position) in [("a", first), ("b", 5), ("a", second), ("a", first)] {
                ErasureRow::keep_last(&mut kept, row(customer, position));
            }
            assert_eq!(kept, [row("a", 7), row("b", 5)]);
        }
    }
}
