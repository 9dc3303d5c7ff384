//! Stock in tests: the real decisions on states in memory, their events into a log, and a plain count of what they did.

use chrono::{DateTime, Duration, Utc};
use domain::stock::{
    ReservedLine, StockAggregate, StockCommand, StockEvent, StockState, Untracked, WantedLine,
    item_id,
};
use domain::{Aggregate, Reason, Reference};
use event_store::{
    Append, Entry, EntryOutcome, EventStore, Metadata, NewEvent, StreamId, StreamType,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Something that happened, as the stockroom remembers it.
#[derive(Debug, Clone)]
pub struct Happened {
    pub stream_type: &'static str,
    pub id: Uuid,
    pub version: u64,
    pub event: StockEvent,
    pub at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
}

/// All streams of stock, and what happened in the order of the log.
pub struct Stockroom {
    pub now: DateTime<Utc>,
    /// How much later the log learns of things than they happen.
    pub lag: Duration,
    pub happened: Vec<Happened>,
    states: BTreeMap<(&'static str, Uuid), (StockState, u64)>,
}

impl Stockroom {
    pub fn new() -> Self {
        let now = "2026-03-03T22:00:00Z".parse().unwrap();
        let (happened, states) = (Vec::new(), BTreeMap::new());
        Self { now, lag: Duration::hours(5), happened, states }
    }

    fn state(&self, key: (&'static str, Uuid)) -> StockState {
        self.states.get(&key).map(|(state, _)| state.clone()).unwrap_or_default()
    }

    /// The last version of a stream.
    pub fn version(&self, stream_type: &'static str, id: Uuid) -> u64 {
        self.states.get(&(stream_type, id)).map_or(0, |(_, version)| *version)
    }

    /// Decides a command, some minutes after what happened last, and appends; `false`: refused, or nothing to say.
    pub async fn tell(
        &mut self,
        log: &EventStore,
        reservation: Uuid,
        command: &StockCommand,
    ) -> bool {
        self.now += Duration::minutes(7);
        let leader = match command {
            StockCommand::Receive { product_id, warehouse, .. }
            | StockCommand::Adjust { product_id, warehouse, .. }
            | StockCommand::Return { product_id, warehouse, .. } => item_id(warehouse, product_id),
            _ => reservation,
        };
        let leader = (StockAggregate::stream_type(command), leader);
        let state = self.state(leader);
        let partners = StockAggregate::partners(&state, command);
        let partners: Vec<_> = partners.iter().map(|its| (its.stream_type, its.id)).collect();
        let states: Vec<StockState> = partners.iter().map(|key| self.state(*key)).collect();
        let states: Vec<&StockState> = states.iter().collect();
        let Ok(decision) = StockAggregate::decide_jointly(&state, &states, command) else {
            return false;
        };
        let mut written = vec![(leader, decision.own)];
        written.extend(partners.into_iter().zip(decision.partners));
        written.retain(|(_, events)| !events.is_empty());
        if written.is_empty() {
            return false;
        }
        self.append(log, written).await;
        true
    }

    /// Appends what happened to several streams, all of it or nothing.
    pub async fn append(
        &mut self,
        log: &EventStore,
        written: Vec<((&'static str, Uuid), Vec<StockEvent>)>,
    ) {
        let recorded_at = self.now + self.lag;
        let mut entries = Vec::new();
        for (key, events) in written {
            let expected_version = self.version(key.0, key.1);
            let partition_key = StockAggregate::partition_key(&events[0]);
            let stored = events.iter().map(|event| stored(event, self.now)).collect();
            for event in events {
                let (state, version) = self.states.entry(key).or_default();
                *state = StockAggregate::evolve(std::mem::take(state), &event, self.now);
                *version += 1;
                let ((stream_type, id), version) = (key, *version);
                let at = self.now;
                self.happened.push(Happened { stream_type, id, version, event, at, recorded_at });
            }
            entries.push(Entry {
                stream: stream(key.0, key.1),
                expected_version,
                partition_key: partition_key.filter(|_| expected_version == 0),
                events: stored,
                metadata: Metadata::default(),
                answer: None,
                joint: Some(1),
            });
        }
        let appended = log.append(Append { entries, recorded_at }).await.unwrap();
        let is_written = |outcome: &EntryOutcome| matches!(outcome, EntryOutcome::Written { .. });
        assert!(appended.outcomes.iter().all(is_written));
    }

    /// What happened up to a moment, by business time.
    pub fn as_of(&self, at: DateTime<Utc>) -> Count {
        Count::of(self.happened.iter().filter(|its| its.at <= at))
    }

    /// What the log knew at a moment.
    pub fn known_at(&self, at: DateTime<Utc>) -> Count {
        Count::of(self.happened.iter().filter(|its| its.recorded_at <= at))
    }

    /// All that happened.
    pub fn count(&self) -> Count {
        Count::of(&self.happened)
    }
}

pub fn stream(stream_type: &'static str, id: Uuid) -> StreamId {
    StreamType::parse(stream_type).unwrap().stream(id)
}

pub fn stored(event: &StockEvent, occurred_at: DateTime<Utc>) -> NewEvent {
    let encoded = StockAggregate::encode(event);
    NewEvent {
        event_id: Uuid::now_v7(),
        event_type: encoded.event_type,
        schema_version: encoded.schema_version,
        occurred_at,
        payload: encoded.payload,
    }
}

/// The units of an item, counted by hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    pub on_hand: i64,
    pub reserved: i64,
    pub committed: i64,
    pub version: u64,
    pub updated_at: i64,
}

impl Units {
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

/// A reservation, told by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub status: &'static str,
    pub version: u64,
    /// The place of its first event among all.
    pub begun: usize,
    pub order_id: Option<Uuid>,
    pub lines: Vec<ReservedLine>,
    pub expires_at: Option<i64>,
}

/// Units by product and warehouse, and reservations: plain sums over what happened, which know nothing of the fold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    pub items: BTreeMap<(String, String), Units>,
    pub reservations: BTreeMap<Uuid, Held>,
}

impl Count {
    fn of<'a>(happened: impl IntoIterator<Item = &'a Happened>) -> Self {
        let mut count = Self::default();
        for (place, its) in happened.into_iter().enumerate() {
            match its.stream_type {
                "stock" => count.item(its),
                "reservation" => count.reservation(place, its),
                _ => {}
            }
        }
        count
    }

    fn item(&mut self, its: &Happened) {
        // on hand, reserved, committed
        let (product, warehouse, change) = match &its.event {
            StockEvent::StockReceived { product_id, warehouse, quantity, .. } => {
                (product_id, warehouse, (signed(*quantity), 0, 0))
            }
            StockEvent::StockAdjusted { product_id, warehouse, delta, .. } => {
                (product_id, warehouse, (*delta, 0, 0))
            }
            StockEvent::StockReturned { product_id, warehouse, quantity, restocked, .. } => {
                (product_id, warehouse, (signed(*quantity) * i64::from(*restocked), 0, 0))
            }
            StockEvent::StockReserved { product_id, warehouse, quantity, .. } => {
                (product_id, warehouse, (0, signed(*quantity), 0))
            }
            StockEvent::StockReleased { product_id, warehouse, quantity, .. } => {
                (product_id, warehouse, (0, -signed(*quantity), 0))
            }
            StockEvent::StockCommitted { product_id, warehouse, quantity, .. } => {
                let units = signed(*quantity);
                (product_id, warehouse, (-units, -units, units))
            }
            StockEvent::StockShortfallFound { product_id, warehouse, .. } => {
                (product_id, warehouse, (0, 0, 0))
            }
            other => panic!("not of an item: {other:?}"),
        };
        let key = (product.as_str().to_owned(), warehouse.as_str().to_owned());
        let units = self.items.entry(key).or_default();
        // A wrong count is put right when what it lacks has left.
        units.on_hand = (units.on_hand + change.0).max(0);
        units.reserved += change.1;
        units.committed += change.2;
        units.version = its.version;
        units.updated_at = its.at.timestamp_micros();
    }

    fn reservation(&mut self, begun: usize, its: &Happened) {
        let blank = Held {
            status: "soft",
            version: 0,
            begun,
            order_id: None,
            lines: Vec::new(),
            expires_at: None,
        };
        let held = self.reservations.entry(its.id).or_insert(blank);
        held.version = its.version;
        held.status = match &its.event {
            StockEvent::ReservationMade { order_id, lines, expires_at, .. } => {
                held.order_id = *order_id;
                held.lines.clone_from(lines);
                held.expires_at = expires_at.map(|at| at.timestamp_micros());
                "soft"
            }
            StockEvent::ReservationRefused { order_id, .. } => {
                held.order_id = *order_id;
                "refused"
            }
            StockEvent::ReservationFirmed => "firm",
            StockEvent::ReservationReleased { .. } => "released",
            StockEvent::ReservationExpired { .. } => "expired",
            StockEvent::ReservationCommitted { .. } => "committed",
            other => panic!("not of a reservation: {other:?}"),
        };
    }

    /// The soft reservations that hold units of an item, the newest first.
    pub fn soft_on(&self, product: &str, warehouse: &str) -> Vec<Uuid> {
        let holds = |held: &Held| {
            held.lines.iter().any(|line| {
                let its = (line.product_id.as_str(), line.warehouse.as_str());
                line.tracked && its == (product, warehouse)
            })
        };
        let soft =
            self.reservations.iter().filter(|(_, held)| held.status == "soft" && holds(held));
        let mut soft: Vec<_> = soft.map(|(id, held)| (held.begun, *id)).collect();
        soft.sort_unstable();
        soft.into_iter().rev().map(|(_, id)| id).collect()
    }
}

fn signed(units: u64) -> i64 {
    i64::try_from(units).unwrap()
}

pub fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

pub fn receive(product: &str, warehouse: &str, quantity: u64) -> StockCommand {
    let (product_id, warehouse) = (reference(product), reference(warehouse));
    StockCommand::Receive { receipt_id: Uuid::now_v7(), product_id, warehouse, quantity }
}

pub fn adjust(product: &str, warehouse: &str, delta: i64) -> StockCommand {
    let (product_id, warehouse) = (reference(product), reference(warehouse));
    let (adjustment_id, reason) = (Uuid::now_v7(), Reason::parse("counted again").unwrap());
    StockCommand::Adjust { adjustment_id, product_id, warehouse, delta, reason }
}

/// Asks `north` and then `south`; it may expire at `expires_at`. What was never received is sold without a count.
pub fn reserve(
    reservation_id: Uuid,
    lines: &[(&str, u32)],
    expires_at: Option<DateTime<Utc>>,
) -> StockCommand {
    let lines = lines.iter().map(|(product, quantity)| WantedLine {
        product_id: reference(product),
        quantity: *quantity,
    });
    StockCommand::Reserve {
        reservation_id,
        order_id: Some(Uuid::from_u128(77)),
        lines: lines.collect(),
        warehouses: vec![reference("north"), reference("south")],
        expires_at,
        untracked: Untracked::Sell,
    }
}

pub const PRODUCTS: [&str; 4] = ["tea", "cup", "pot:1", "A.b_c-9"];

/// A command on one of a few items and reservations, by numbers. Returns it with its reservation.
pub fn wished(
    reservations: &[Uuid],
    now: DateTime<Utc>,
    (which, kind, size): (usize, u8, u8),
) -> (Uuid, StockCommand) {
    let reservation = reservations[which % reservations.len()];
    let product = PRODUCTS[usize::from(size) % 3];
    let other = PRODUCTS[usize::from(size / 3) % 4];
    let warehouse = ["north", "south"][usize::from(size / 2) % 2];
    let few = u32::from(size % 5) + 1;
    let command = match kind {
        0..=2 => receive(product, warehouse, u64::from(size % 12) + 1),
        3 | 4 => adjust(product, warehouse, i64::from(size % 17) - 12),
        5 => StockCommand::Return {
            return_id: Uuid::now_v7(),
            product_id: reference(product),
            warehouse: reference(warehouse),
            quantity: u64::from(few),
            restocked: size % 2 == 0,
        },
        6..=11 => {
            let expires_at = (size % 4 != 0).then(|| now + Duration::minutes(i64::from(size)));
            let lines = [(product, few), (other, 1)];
            reserve(reservation, &lines[..1 + usize::from(size % 2)], expires_at)
        }
        12 | 13 => StockCommand::Firm,
        14 => StockCommand::Release { why: None },
        15 | 16 => StockCommand::Commit { shipment: None },
        _ => StockCommand::Expire { now },
    };
    (reservation, command)
}
