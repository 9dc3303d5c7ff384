//! The kit of the stock tests: streams in memory, on which joint decisions are applied whole.

#![allow(clippy::unwrap_used, dead_code, missing_docs)]

use chrono::{DateTime, TimeDelta};
use domain::stock::{
    Reservation, StockAggregate, StockCommand, StockEvent, StockItem, StockRejection, StockState,
    Untracked, WantedLine, item_id,
};
use domain::{Aggregate, JointDecision, Reason, Reference, Timestamp};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Type and id of a stream.
pub type Key = (&'static str, Uuid);
/// The decision on a command, or the rule that refuses it.
pub type Outcome = Result<JointDecision<StockEvent>, StockRejection>;

pub fn id(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

pub fn why() -> Reason {
    Reason::parse("counted again").unwrap()
}

/// A moment, in seconds of the tests' time.
pub fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(seconds)
}

pub fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub fn receive(receipt: u128, product: &str, warehouse: &str, quantity: u64) -> StockCommand {
    let (product_id, warehouse) = (id(product), id(warehouse));
    StockCommand::Receive { receipt_id: uuid(receipt), product_id, warehouse, quantity }
}

pub fn adjust(adjustment: u128, product: &str, warehouse: &str, delta: i64) -> StockCommand {
    let (product_id, warehouse) = (id(product), id(warehouse));
    let adjustment_id = uuid(adjustment);
    StockCommand::Adjust { adjustment_id, product_id, warehouse, delta, reason: why() }
}

pub fn take_back(
    number: u128,
    product: &str,
    warehouse: &str,
    quantity: u64,
    restocked: bool,
) -> StockCommand {
    let (product_id, warehouse) = (id(product), id(warehouse));
    StockCommand::Return { return_id: uuid(number), product_id, warehouse, quantity, restocked }
}

/// Asks the warehouses `north` and `south`, until second 100, for counted products only.
pub fn reserve(reservation: u128, lines: &[(&str, u32)]) -> StockCommand {
    let lines = lines
        .iter()
        .map(|(product, quantity)| WantedLine { product_id: id(product), quantity: *quantity });
    StockCommand::Reserve {
        reservation_id: uuid(reservation),
        order_id: Some(uuid(77)),
        lines: lines.collect(),
        warehouses: vec![id("north"), id("south")],
        expires_at: Some(at(100)),
        untracked: Untracked::Refuse,
    }
}

pub fn release() -> StockCommand {
    StockCommand::Release { why: None }
}

pub fn commit() -> StockCommand {
    StockCommand::Commit { shipment: Some(id("parcel-1")) }
}

pub fn expire(seconds: i64) -> StockCommand {
    StockCommand::Expire { now: at(seconds) }
}

/// All streams, with their events in order.
#[derive(Debug, Clone, Default)]
pub struct Shelves {
    pub states: BTreeMap<Key, StockState>,
    pub events: BTreeMap<Key, Vec<StockEvent>>,
}

static ABSENT: StockState = StockState::Absent;

impl Shelves {
    pub fn state(&self, key: Key) -> &StockState {
        self.states.get(&key).unwrap_or(&ABSENT)
    }

    pub fn item(&self, product: &str, warehouse: &str) -> Option<&StockItem> {
        match self.state(("stock", item_id(&id(warehouse), &id(product)))) {
            StockState::Item(item) => Some(item),
            StockState::Absent => None,
            other => panic!("not an item: {other:?}"),
        }
    }

    pub fn reservation(&self, number: u128) -> Option<&Reservation> {
        match self.state(("reservation", uuid(number))) {
            StockState::Reservation(reservation) => Some(reservation),
            StockState::Absent => None,
            other => panic!("not a reservation: {other:?}"),
        }
    }

    /// The leading stream of a command; `reservation` is that of a command on a known reservation.
    pub fn leader(reservation: u128, command: &StockCommand) -> Key {
        let leader = match command {
            StockCommand::Receive { product_id, warehouse, .. }
            | StockCommand::Adjust { product_id, warehouse, .. }
            | StockCommand::Return { product_id, warehouse, .. } => item_id(warehouse, product_id),
            StockCommand::Reserve { reservation_id, .. } => *reservation_id,
            _ => uuid(reservation),
        };
        (StockAggregate::stream_type(command), leader)
    }

    pub fn partners(&self, leader: Key, command: &StockCommand) -> Vec<Key> {
        let partners = StockAggregate::partners(self.state(leader), command);
        partners.into_iter().map(|partner| (partner.stream_type, partner.id)).collect()
    }

    pub fn decide(&self, reservation: u128, command: &StockCommand) -> Outcome {
        let leader = Self::leader(reservation, command);
        let partners = self.partners(leader, command);
        let states: Vec<_> = partners.iter().map(|key| self.state(*key)).collect();
        StockAggregate::decide_jointly(self.state(leader), &states, command)
    }

    /// Decides and applies a command. Gives the events with their streams.
    pub fn tell(
        &mut self,
        reservation: u128,
        command: &StockCommand,
    ) -> Result<Vec<(Key, StockEvent)>, StockRejection> {
        let decision = self.decide(reservation, command)?;
        let leader = Self::leader(reservation, command);
        let partners = self.partners(leader, command);
        assert!(decision.partners.len() <= partners.len(), "events for no stream");
        let mut written: Vec<_> = decision.own.into_iter().map(|event| (leader, event)).collect();
        for (key, events) in partners.into_iter().zip(decision.partners) {
            written.extend(events.into_iter().map(|event| (key, event)));
        }
        for (key, event) in &written {
            self.apply(*key, event);
        }
        Ok(written)
    }

    fn apply(&mut self, key: Key, event: &StockEvent) {
        let state = self.states.remove(&key).unwrap_or_default();
        self.states.insert(key, StockAggregate::evolve(state, event, at(0)));
        self.events.entry(key).or_default().push(event.clone());
    }

    /// The names of the events that one more command would make.
    pub fn when(
        &self,
        reservation: u128,
        command: &StockCommand,
    ) -> Result<Vec<&'static str>, StockRejection> {
        let decision = self.decide(reservation, command)?;
        let events = decision.own.iter().chain(decision.partners.iter().flatten());
        Ok(events.map(StockEvent::stored_name).collect())
    }
}

/// The streams after these commands; each must be accepted. Those on a known reservation go to number 1.
pub fn given(commands: &[StockCommand]) -> Shelves {
    let mut shelves = Shelves::default();
    for command in commands {
        let told = shelves.tell(1, command);
        told.unwrap_or_else(|rejection| panic!("{command:?} refused: {rejection:?}"));
    }
    shelves
}
