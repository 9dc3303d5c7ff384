//! Tables of the projection `sales`: deltas by day, and the single changes behind them.

use crate::db::{Binds, BulkStatement, ReadModelError, Row, Tables, WriteTx, stored};

/// The tables of this projection.
pub const TABLES: &[&str] = &["sales_days", "sales_changes"];

/// What a batch changes in these tables.
#[derive(Debug, Default)]
pub struct SalesChanges {
    /// One for each day of placing, currency and day of change.
    pub days: Vec<SalesDayDelta>,
    /// Every single change.
    pub changes: Vec<SalesChangeRow>,
}

/// The change of the figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SalesFigures {
    pub orders: i64,
    pub units: i64,
    pub revenue: i128,
    pub cancelled_orders: i64,
    pub cancelled_revenue: i128,
}

/// What changed on one day for orders placed on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SalesDayDelta {
    pub placed_day: i64,
    pub currency: &'static str,
    pub changed_day: i64,
    pub figures: SalesFigures,
}

/// What one event changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SalesChangeRow {
    pub position: u64,
    pub changed_at: i64,
    pub placed_day: i64,
    pub currency: &'static str,
    pub figures: SalesFigures,
}

const DAYS: BulkStatement = BulkStatement {
    id: "sales_days",
    head: "INSERT INTO {table} AS kept (placed_day, currency, changed_day, orders, units, revenue_high, revenue_low, \
        cancelled_orders, cancelled_revenue_high, cancelled_revenue_low)",
    table: "sales_days",
    columns: 10,
    tail: "ON CONFLICT (placed_day, currency, changed_day) DO UPDATE SET \
        orders = kept.orders + excluded.orders, units = kept.units + excluded.units, \
        revenue_high = kept.revenue_high + excluded.revenue_high \
            + (kept.revenue_low + excluded.revenue_low) / 1000000000, \
        revenue_low = (kept.revenue_low + excluded.revenue_low) % 1000000000, \
        cancelled_orders = kept.cancelled_orders + excluded.cancelled_orders, \
        cancelled_revenue_high = kept.cancelled_revenue_high + excluded.cancelled_revenue_high \
            + (kept.cancelled_revenue_low + excluded.cancelled_revenue_low) / 1000000000, \
        cancelled_revenue_low = (kept.cancelled_revenue_low + excluded.cancelled_revenue_low) % 1000000000",
};

const CHANGES: BulkStatement = BulkStatement {
    id: "sales_changes",
    head: "INSERT INTO {table} (position, changed_at, placed_day, currency, orders, units, revenue_high, revenue_low, \
        cancelled_orders, cancelled_revenue_high, cancelled_revenue_low)",
    table: "sales_changes",
    columns: 11,
    tail: "",
};

impl SalesFigures {
    fn bind(self, binds: &mut Binds) {
        binds
            .int(self.orders)
            .int(self.units)
            .sum(self.revenue)
            .int(self.cancelled_orders)
            .sum(self.cancelled_revenue);
    }
}

impl Row for SalesDayDelta {
    fn bind(self, binds: &mut Binds) {
        binds.int(self.placed_day).text(self.currency).int(self.changed_day);
        self.figures.bind(binds);
    }
}

impl Row for SalesChangeRow {
    fn bind(self, binds: &mut Binds) {
        binds
            .int(stored(self.position))
            .int(self.changed_at)
            .int(self.placed_day)
            .text(self.currency);
        self.figures.bind(binds);
    }
}

impl WriteTx {
    /// Writes a batch's changes.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn write_sales(
        &mut self,
        tables: Tables,
        changes: SalesChanges,
    ) -> Result<(), ReadModelError> {
        self.bulk(&DAYS, tables, changes.days).await?;
        self.bulk(&CHANGES, tables, changes.changes).await
    }
}
