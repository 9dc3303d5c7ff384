//! One order's events and the state after each of them, as far as they are known.

use super::compose::compose;
use super::decide::completed;
use super::fact::{Event, Fact, Time};
use super::order::Order;
use serde_json::Value;
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct Stream {
    pub id: Uuid,
    pub events: Vec<Event>,
    now: Option<Order>,
}

impl Stream {
    pub fn empty(id: Uuid) -> Self {
        Self { id, events: vec![], now: None }
    }

    pub fn version(&self) -> u64 {
        self.events.len() as u64
    }

    /// Position of the last event; 0 before the first.
    pub fn position(&self) -> u64 {
        self.events.last().map_or(0, |event| event.position)
    }

    pub fn order(&self) -> Option<&Order> {
        self.now.as_ref()
    }

    pub fn last_time(&self) -> Option<Time> {
        self.events.last().map(|event| event.occurred_at)
    }

    /// The order after its first `version` events.
    pub fn order_at(&self, version: u64) -> Option<Order> {
        let version = usize::try_from(version).expect("few events");
        Order::after(self.events[..version].iter().map(|event| (&event.fact, event.occurred_at)))
    }

    /// The stream as it was after its first `version` events.
    pub fn at(&self, version: u64) -> Self {
        let events = self.events.iter().take(usize::try_from(version).expect("few events"));
        Self { id: self.id, events: events.cloned().collect(), now: self.order_at(version) }
    }

    /// The number of events that match, from the first on: times never go back within an order.
    pub fn version_when(&self, matches: impl Fn(&Event) -> bool) -> u64 {
        self.events.iter().take_while(|event| matches(event)).count() as u64
    }

    /// The order document after its first `version` events.
    pub fn document(&self, version: u64) -> Value {
        let order = self.order_at(version).expect("there is an order from version 1 on");
        let index = usize::try_from(version - 1).expect("few events");
        compose(self.id, version, self.events[index].position, &order)
    }

    pub fn push(&mut self, event: Event) {
        assert_eq!(event.version, self.version() + 1, "events are taken in their order");
        self.now = Some(Order::moved(self.now.take(), &event.fact, event.occurred_at));
        self.events.push(event);
    }

    /// These facts, plus the completion if they make the order complete.
    pub fn with_completion(&self, mut facts: Vec<Fact>, at: Time) -> Vec<Fact> {
        if facts.is_empty() {
            return facts;
        }
        let after = self.after(&facts, at);
        if completed(&after) {
            facts.push(Fact::Completed);
        }
        facts
    }

    /// The order after these facts.
    pub fn after(&self, facts: &[Fact], at: Time) -> Order {
        let order =
            facts.iter().fold(self.now.clone(), |order, fact| Some(Order::moved(order, fact, at)));
        order.expect("there are facts, or there is an order")
    }
}
