//! Projection `sales`: placed and cancelled orders, by day of placing and day of change.

use super::{ORDER_STREAMS, OrderSums, day};
use crate::projection::{Projection, Streams};
use domain::order::OrderEvent;
use event_store::RecordedEvent;
use faults::{Fault, planted};
use read_model::write::sales::{self, SalesChangeRow, SalesChanges, SalesDayDelta, SalesFigures};
use std::collections::BTreeMap;

/// The projection.
pub static SALES: Projection = Projection {
    name: "sales",
    version: 1,
    tables: sales::TABLES,
    streams: Streams::Of(ORDER_STREAMS),
    keeps_events: false,
    fold: |_| Box::new(SalesFold::default()),
};

written_by!(SalesChanges, write_sales);

/// The fold.
#[derive(Debug, Default)]
pub(super) struct SalesFold {
    days: BTreeMap<(i64, &'static str, i64), SalesFigures>,
    changes: Vec<SalesChangeRow>,
}

impl OrderSums for SalesFold {
    type Changes = SalesChanges;

    fn fold(&mut self, event: &OrderEvent, recorded: &RecordedEvent) {
        let changed_at = recorded.occurred_at.timestamp_micros();
        let (placed_at, currency, figures) = match event {
            OrderEvent::OrderPlaced { lines, total, .. } => {
                let units = lines.iter().map(|line| i64::from(line.quantity)).sum();
                let figures = SalesFigures {
                    orders: 1,
                    units,
                    revenue: total.minor().into(),
                    ..Default::default()
                };
                (changed_at, total.currency().code(), figures)
            }
            OrderEvent::OrderCancelled { placed_at, total, lines, .. }
                if !planted(Fault::CancelledStillSold) =>
            {
                let units: i64 = lines.iter().map(|line| i64::from(line.quantity)).sum();
                let figures = SalesFigures {
                    orders: -1,
                    units: -units,
                    revenue: -i128::from(total.minor()),
                    cancelled_orders: 1,
                    cancelled_revenue: total.minor().into(),
                };
                (placed_at.timestamp_micros(), total.currency().code(), figures)
            }
            _ => return,
        };
        let placed_day = day(placed_at);
        let sum = self.days.entry((placed_day, currency, day(changed_at))).or_default();
        *sum = added(*sum, figures);
        let position = recorded.position;
        self.changes.push(SalesChangeRow { position, changed_at, placed_day, currency, figures });
    }

    fn changes(&mut self) -> SalesChanges {
        let days = std::mem::take(&mut self.days);
        let days = days.into_iter().map(|((placed_day, currency, changed_day), figures)| {
            SalesDayDelta { placed_day, currency, changed_day, figures }
        });
        SalesChanges { days: days.collect(), changes: std::mem::take(&mut self.changes) }
    }
}

fn added(a: SalesFigures, b: SalesFigures) -> SalesFigures {
    SalesFigures {
        orders: a.orders + b.orders,
        units: a.units + b.units,
        revenue: a.revenue + b.revenue,
        cancelled_orders: a.cancelled_orders + b.cancelled_orders,
        cancelled_revenue: a.cancelled_revenue + b.cancelled_revenue,
    }
}
