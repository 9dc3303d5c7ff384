//! Which streams a fold has to look up before it goes on.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::decoded::Poison;
use crate::projection::Fold;
use crate::registry::Registry;
use chrono::{DateTime, Utc};
use domain::order::{Customer, OrderEvent};
use domain::{Currency, Reference};
use event_store::{Metadata, RecordedEvent};
use uuid::Uuid;

pub(super) fn stream(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(super) fn stream_id(number: u128) -> StreamId {
    ORDER_STREAMS[0].stream(stream(number))
}

pub(super) fn decoded(event: RecordedEvent) -> Decoded {
    Registry::standard().decode(event)
}

/// The event of an order at a version; positions count up with versions.
pub(super) fn recorded(order: u128, version: u64) -> RecordedEvent {
    let at = DateTime::<Utc>::UNIX_EPOCH + chrono::TimeDelta::seconds(version.cast_signed());
    RecordedEvent {
        position: version,
        stream: stream_id(order),
        partition_key: stream(order),
        version,
        event_id: Uuid::from_u128(version.into()),
        event_type: "OrderConfirmed".to_owned(),
        schema_version: 1,
        occurred_at: at,
        recorded_at: at,
        metadata: Metadata::default(),
        payload: b"{}".to_vec(),
        hash: [0; 32],
    }
}

/// The first event of an order.
pub(super) fn drafted() -> OrderEvent {
    OrderEvent::OrderDrafted {
        customer: Customer { id: Reference::parse("c").unwrap(), name: None, email: None },
        currency: Currency::from_code("EUR").unwrap(),
        lines: Vec::new(),
        note: None,
    }
}

#[test]
fn each_stream_is_looked_up_once_unless_it_is_known_or_begins_where_nothing_repeats() {
    let came = [(3, 2), (1, 1), (3, 3), (2, 7), (4, 1), (4, 2), (5, 1)];
    let events = came.map(|(order, version)| decoded(recorded(order, version)));
    let events: Vec<_> = events.iter().collect();
    let asked = |pace| unknown(&events, pace, |known| known.id == stream(2));
    assert_eq!(asked(Pace::Repeating), [1, 3, 4, 5].map(stream_id));
    assert_eq!(asked(Pace::Following), [3, 4].map(stream_id));
    assert_eq!(asked(Pace::Bulk), [3, 4].map(stream_id));
}

#[test]
fn a_day_ends_at_midnight_before_1970_too() {
    assert_eq!([-DAY - 1, -DAY, -1, 0, DAY - 1, DAY].map(day), [-2, -1, -1, 0, 0, 1]);
}

/// More streams than any fold remembers: the first of them is forgotten once its batch has committed, and no sooner.
#[test]
fn what_is_committed_makes_room() {
    let follows = |fold: &mut Box<dyn Fold>| fold.apply(&decoded(recorded(1, 2)));
    let filled = || {
        let mut fold = (HISTORY.fold)(Pace::Following);
        for order in 1..=70_000 {
            fold.apply(&decoded(recorded(order, 1))).unwrap();
        }
        fold.take(Vec::new());
        fold
    };
    assert!(follows(&mut filled()).is_ok());
    let mut committed = filled();
    committed.committed(0);
    let Err(Poison(why)) = follows(&mut committed) else { panic!("it is remembered") };
    assert_eq!(why, "version 2 follows 0", "as where the row must be read first");
}
