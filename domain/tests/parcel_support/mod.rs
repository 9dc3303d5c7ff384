//! The kit of the tests of shipments and notifications: a story of one stream, whatever its aggregate.

#![allow(clippy::unwrap_used, dead_code, missing_docs)]

use chrono::{DateTime, TimeDelta};
use domain::shipment::{
    CarrierSnapshot, CarrierState, Destination, ShipmentCommand, ShipmentLine, ShipmentPlan,
};
use domain::{Aggregate, Label, Name, Reason, Reference, Timestamp};
use uuid::Uuid;

pub fn id(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

pub fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// The moment of the `version`-th event.
pub fn at(version: usize) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(version as i64)
}

/// One stream's events, with the state after the last.
pub struct Story<A: Aggregate> {
    pub state: A::State,
    pub events: Vec<A::Event>,
}

impl<A: Aggregate> Default for Story<A> {
    fn default() -> Self {
        Self { state: A::State::default(), events: Vec::new() }
    }
}

impl<A: Aggregate> Story<A> {
    /// Decides and folds one more command.
    pub fn tell(&mut self, command: &A::Command) -> Result<Vec<A::Event>, A::Rejection> {
        let decided = A::decide(&self.state, command)?;
        for event in &decided {
            self.events.push(event.clone());
            self.state = A::evolve(self.state.clone(), event, at(self.events.len()));
        }
        Ok(decided)
    }
}

/// The fold of events onto a state, the next event being number `from`.
pub fn fold<A: Aggregate>(state: A::State, events: &[A::Event], from: usize) -> A::State {
    let numbered = events.iter().enumerate();
    numbered.fold(state, |state, (index, event)| A::evolve(state, event, at(from + index)))
}

pub fn plan() -> ShipmentPlan {
    ShipmentPlan {
        checkout_id: Uuid::from_u128(1),
        order_id: Uuid::from_u128(2),
        customer_id: id("c-1"),
        number: 1,
        carrier: id("post"),
        lines: vec![ShipmentLine { product_id: id("tea"), quantity: 2, warehouse: id("north") }],
        to: Destination {
            name: Name::parse("Ada").unwrap(),
            street: label("Main Street 1"),
            extra: None,
            postal_code: Some(label("12345")),
            city: label("Springfield"),
            country: id("US"),
            phone: None,
        },
    }
}

pub fn planned() -> ShipmentCommand {
    ShipmentCommand::Plan(Box::new(plan()))
}

pub fn cancel() -> ShipmentCommand {
    ShipmentCommand::Cancel { reason: Reason::parse("changed my mind").unwrap() }
}

pub fn rebook(carrier: &str) -> ShipmentCommand {
    ShipmentCommand::Rebook { by: label("clerk"), carrier: id(carrier) }
}

pub fn retry() -> ShipmentCommand {
    ShipmentCommand::Retry { by: label("clerk") }
}

/// What a carrier says of a booking; without an id, it has none.
pub fn snapshot(booking: u32, carrier_id: Option<&str>, state: CarrierState) -> CarrierSnapshot {
    let carrier_id = carrier_id.map(id);
    CarrierSnapshot { booking, carrier_id, state, tracking: None, refusal: None }
}

pub fn observe(booking: u32, carrier_id: Option<&str>, state: CarrierState) -> ShipmentCommand {
    ShipmentCommand::Observe(snapshot(booking, carrier_id, state))
}
