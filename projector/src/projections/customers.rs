//! Projection `customers`: adds and takes back, needs no memory.

use super::{ORDER_AND_CUSTOMER_STREAMS, OrderSums};
use crate::projection::{Pace, Projection, Streams};
use domain::order::OrderEvent;
use event_store::RecordedEvent;
use read_model::write::customers::{self, CustomerDelta, CustomersChanges, LifetimeDelta};
use read_model::write::erasures::ErasureRow;
use read_model::write::named::Named;
use std::collections::HashMap;

/// The projection.
pub static CUSTOMERS: Projection = Projection {
    name: "customers",
    version: 2,
    tables: customers::TABLES,
    streams: Streams::Of(ORDER_AND_CUSTOMER_STREAMS),
    keeps_events: false,
    fold: |pace| Box::new(CustomersFold::new(pace)),
};

written_by!(CustomersChanges, write_customers);

/// The fold.
#[derive(Debug)]
pub(super) struct CustomersFold {
    pace: Pace,
    customers: HashMap<String, CustomerDelta>,
    lifetimes: HashMap<(String, &'static str), i128>,
    erasures: Vec<ErasureRow>,
}

impl OrderSums for CustomersFold {
    type Changes = CustomersChanges;

    fn fold(&mut self, event: &OrderEvent, recorded: &RecordedEvent) {
        match event {
            OrderEvent::OrderPlaced { customer, total, .. } => {
                let at = recorded.occurred_at.timestamp_micros();
                self.earn(customer.id.as_str(), total.currency().code(), total.minor());
                let delta = self.customer(customer.id.as_str(), at);
                delta.orders += 1;
                if let Some(name) = &customer.name {
                    Named::keep_last(&mut delta.named, name.as_str(), at, recorded.position);
                }
            }
            OrderEvent::OrderCancelled { customer_id, placed_at, total, .. } => {
                let at = placed_at.timestamp_micros();
                self.earn(customer_id.as_str(), total.currency().code(), -total.minor());
                let delta = self.customer(customer_id.as_str(), at);
                delta.orders -= 1;
                delta.cancelled_orders += 1;
            }
            _ => {}
        }
    }

    fn erase(&mut self, erasure: ErasureRow) {
        ErasureRow::keep_last(&mut self.erasures, erasure);
    }

    fn changes(&mut self) -> CustomersChanges {
        let mut customers: Vec<_> = self.customers.drain().map(|(_, delta)| delta).collect();
        customers.sort_unstable_by(|a, b| a.customer_id.cmp(&b.customer_id));
        let mut lifetimes: Vec<_> = self
            .lifetimes
            .drain()
            .map(|((customer_id, currency), amount)| LifetimeDelta {
                customer_id,
                currency,
                amount,
            })
            .collect();
        lifetimes.sort_unstable_by(|a, b| {
            (&a.customer_id, a.currency).cmp(&(&b.customer_id, b.currency))
        });
        let erasures = std::mem::take(&mut self.erasures);
        let names_may_be_late = self.pace == Pace::Repeating;
        CustomersChanges { customers, lifetimes, erasures, names_may_be_late }
    }
}

impl CustomersFold {
    pub(super) fn new(pace: Pace) -> Self {
        let (customers, lifetimes) = (HashMap::new(), HashMap::new());
        Self { pace, customers, lifetimes, erasures: Vec::new() }
    }

    fn customer(&mut self, id: &str, at: i64) -> &mut CustomerDelta {
        if !self.customers.contains_key(id) {
            self.customers.insert(
                id.to_owned(),
                CustomerDelta {
                    customer_id: id.to_owned(),
                    named: None,
                    orders: 0,
                    cancelled_orders: 0,
                    first_order_at: at,
                    last_order_at: at,
                },
            );
        }
        let delta = self.customers.get_mut(id).expect("inserted above if it was missing");
        delta.first_order_at = delta.first_order_at.min(at);
        delta.last_order_at = delta.last_order_at.max(at);
        delta
    }

    fn earn(&mut self, id: &str, currency: &'static str, amount: i64) {
        *self.lifetimes.entry((id.to_owned(), currency)).or_default() += i128::from(amount);
    }
}
