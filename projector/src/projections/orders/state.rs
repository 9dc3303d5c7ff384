//! What the fold keeps of one order between its events.

use super::listed::Listed;
use crate::decoded::Poison;
use domain::order::{Order, OrderEvent};

/// An order under the fold.
#[derive(Debug, Default)]
pub(super) struct State {
    /// `None` before its first event.
    pub order: Option<Order>,
    /// The version of its last folded event.
    pub version: u64,
    /// The position of its last folded event.
    pub position: u64,
    /// The position of its first event.
    pub begun_position: u64,
    /// Its values in lists after that event.
    pub listed: Option<Listed>,
    /// The batch that last touched it.
    pub touched_in: u64,
    /// Why its row cannot be continued from.
    pub broken: Option<String>,
    /// Whether it has a row already.
    pub stored: bool,
    /// Whether this batch may have changed its customer, total or place in lists.
    pub reshaped: bool,
    /// Its index entries before this batch, if this batch may have changed them.
    pub indexed: Option<Indexed>,
}

/// Where an order is found by its products.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Indexed {
    pub listed_at: i64,
    /// The ids of its products, sorted, each once.
    pub products: Vec<String>,
}

impl Indexed {
    pub(super) fn of(order: Option<&Order>) -> Self {
        let Some(order) = order else { return Self::default() };
        let mut products: Vec<String> =
            order.lines.iter().map(|line| line.product_id.as_str().to_owned()).collect();
        products.sort_unstable();
        products.dedup();
        Self { listed_at: listed_at(order), products }
    }
}

/// What lists sort by: when the order was placed, or begun; in microseconds.
pub(super) fn listed_at(order: &Order) -> i64 {
    order.placed_at.unwrap_or(order.created_at).timestamp_micros()
}

impl State {
    pub(super) fn stored(order: Order, version: u64, begun_position: u64) -> Self {
        let listed = Some(Listed::of(&order));
        let order = Some(order);
        Self { order, version, begun_position, listed, stored: true, ..Self::default() }
    }

    pub(super) fn broken(why: String) -> Self {
        Self { broken: Some(why), ..Self::default() }
    }

    /// Checks that an event can follow, before anything is changed.
    pub(super) fn accepts(&self, fact: &OrderEvent, version: u64) -> Result<(), Poison> {
        if let Some(why) = &self.broken {
            return Err(Poison(why.clone()));
        }
        if version != self.version + 1 {
            return Err(Poison(format!("version {version} follows {}", self.version)));
        }
        let begins =
            matches!(fact, OrderEvent::OrderDrafted { .. } | OrderEvent::OrderPlaced { .. });
        if self.order.is_none() && !begins {
            return Err(Poison("the first event does not begin an order".into()));
        }
        if self.order.is_some() && matches!(fact, OrderEvent::OrderDrafted { .. }) {
            return Err(Poison("the order has begun already".into()));
        }
        Ok(())
    }

    /// The approximate size in bytes.
    pub(super) fn weight(&self) -> usize {
        let Some(order) = &self.order else { return 128 };
        let shipped: usize = order.shipments.iter().map(|shipment| shipment.lines.len()).sum();
        640 + 192 * order.lines.len()
            + 128 * (order.payments.len() + order.refunds.len())
            + 192 * order.shipments.len()
            + 8 * shipped
    }
}
