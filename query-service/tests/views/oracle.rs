//! What the views must answer, by brute force: every order folded up to the moment, filtered and sorted in memory.

use crate::shop::{Happened, Shop};
use chrono::{DateTime, Utc};
use domain::Aggregate;
use domain::order::document::micros::Wire;
use domain::order::{Order, OrderAggregate, Status};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// An order at a moment.
pub struct Then {
    pub id: Uuid,
    pub version: u64,
    pub order: Order,
}

/// All orders that had begun when everything up to and including `at` had happened.
pub fn at(shop: &Shop, at: DateTime<Utc>) -> Vec<Then> {
    let mut orders: BTreeMap<Uuid, (u64, Option<Order>)> = BTreeMap::new();
    for Happened { order, version, event, at, .. } in
        shop.happened.iter().filter(|happened| happened.at <= at)
    {
        let (last, state) = orders.entry(*order).or_default();
        *last = *version;
        *state = OrderAggregate::evolve(state.take(), event, *at);
    }
    orders
        .into_iter()
        .map(|(id, (version, order))| Then { id, version, order: order.unwrap() })
        .collect()
}

impl Then {
    pub fn is_placed(&self) -> bool {
        self.order.placed_at.is_some()
    }

    pub fn listed_at(&self) -> DateTime<Utc> {
        self.order.placed_at.unwrap_or(self.order.created_at)
    }

    pub fn holds(&self, product: &str) -> bool {
        self.order.lines.iter().any(|line| line.product_id.as_str() == product)
    }

    pub fn summary(&self) -> Value {
        let order = &self.order;
        json!({
            "order_id": self.id, "status": order.status, "payment_status": order.payment_status(),
            "fulfillment_status": order.fulfillment_status(), "version": self.version,
            "customer": {"id": order.customer.id, "name": order.customer.name}, "currency": order.currency.code(),
            "total": order.total.to_string(), "paid": order.paid.to_string(),
            "refunded": order.refunded.to_string(), "balance_due": order.balance_due().to_string(),
            "line_count": order.lines.len(), "units": order.units(), "created_at": Wire(order.created_at),
            "placed_at": order.placed_at.map(Wire), "updated_at": Wire(order.updated_at),
        })
    }
}

/// The counts of the status report.
pub fn counts(orders: &[Then]) -> [BTreeMap<&'static str, i64>; 3] {
    let mut counts = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
    for Then { order, .. } in orders {
        *counts[0].entry(order.status.as_str()).or_default() += 1;
        if matches!(order.status, Status::Placed | Status::Confirmed | Status::Completed) {
            *counts[1].entry(order.payment_status().as_str()).or_default() += 1;
            *counts[2].entry(order.fulfillment_status().as_str()).or_default() += 1;
        }
    }
    counts
}

/// Orders, units, revenue, cancelled orders, cancelled revenue.
type Sums = (i64, u64, i64, i64, i64);

/// The sales report.
pub fn sales(orders: &[Then], period: &str) -> Value {
    let mut sums: BTreeMap<(String, &str), Sums> = BTreeMap::new();
    for Then { order, .. } in orders.iter().filter(|then| then.is_placed()) {
        let period = order.placed_at.unwrap().format(period).to_string();
        let sum = sums.entry((period, order.currency.code())).or_default();
        if order.status == Status::Cancelled {
            sum.3 += 1;
            sum.4 += order.total.minor();
        } else {
            sum.0 += 1;
            sum.1 += order.units();
            sum.2 += order.total.minor();
        }
    }
    let rows =
        sums.into_iter().map(|((period, currency), (orders, units, revenue, gone, lost))| {
            let money = |minor| {
                let currency = domain::Currency::from_code(currency).unwrap();
                domain::Money::from_minor(minor, currency).to_string()
            };
            json!({"period": period, "currency": currency, "orders": orders, "units": units,
            "revenue": money(revenue), "cancelled_orders": gone, "cancelled_revenue": money(lost)})
        });
    json!({"data": rows.collect::<Vec<_>>()})
}
