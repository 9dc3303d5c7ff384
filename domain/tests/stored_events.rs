//! Stored events: names, versions, old ones that still decode, broken ones that say so.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use domain::order::stored::EVENT_TYPES;
use domain::order::{OrderAggregate, OrderEvent};
use domain::{Aggregate, DecodeError};
use support::*;

#[test]
fn an_old_note_is_lifted_to_the_newest_version() {
    let stored = include_bytes!("stored/NoteAdded.v1.json");
    let event = OrderAggregate::decode("NoteAdded", 1, stored).unwrap();
    let OrderEvent::NoteAdded { text } = &event else { panic!("{event:?}") };
    assert_eq!(text.as_str(), "Kunde bittet um Lieferung nach 18 Uhr");
    assert_eq!(OrderAggregate::encode(&event).schema_version, 2);
}

#[test]
fn a_placed_order_is_stored_readably_and_exactly_so() {
    let story = given(&[create(false, vec![line("tea", 2, 1450)])]);
    let stored = OrderAggregate::encode(&story.events[0]);
    assert_eq!((stored.event_type, stored.schema_version), ("OrderPlaced", 1));
    let expected = concat!(
        r#"{"customer":{"id":"c-1","name":"Ada"},"currency":"USD","lines":[{"line_id":1,"#,
        r#""product_id":"tea","name":"tea","quantity":2,"unit_price":"14.50"}],"total":"29.00"}"#
    );
    assert_eq!(String::from_utf8(stored.payload).unwrap(), expected);
}

#[test]
fn members_from_the_future_are_passed_over() {
    let event = OrderAggregate::decode("LineRemoved", 1, br#"{"line_id":3,"by":"clerk"}"#);
    assert_eq!(event, Ok(OrderEvent::LineRemoved { line_id: 3 }));
}

#[test]
fn what_this_build_cannot_read_is_told_apart() {
    let decode =
        |name, version, payload: &str| OrderAggregate::decode(name, version, payload.as_bytes());
    let unknown_type = decode("OrderTeleported", 1, "{}");
    assert_eq!(unknown_type, Err(DecodeError::UnknownType("OrderTeleported".to_owned())));
    for version in [0, 3] {
        let unknown = decode("NoteAdded", version, r#"{"text":"x"}"#);
        assert!(matches!(unknown, Err(DecodeError::UnknownVersion { .. })), "{unknown:?}");
    }
    let broken = [
        ("NoteAdded", 2, r#"{"note":"x"}"#),
        ("NoteAdded", 1, r#"{"text":"x"}"#),
        ("NoteAdded", 2, "not json"),
        ("NoteAdded", 2, r#"{"text":7}"#),
        (
            "LineAdded",
            1,
            r#"{"currency":"USD","line_id":1,"product_id":"p","name":"n","quantity":1,"unit_price":"1.005"}"#,
        ),
        ("PaymentRecorded", 1, r#"{"payment_id":"p","amount":"1","currency":"XAU"}"#),
    ];
    for (name, version, payload) in broken {
        let malformed = decode(name, version, payload);
        assert!(matches!(malformed, Err(DecodeError::Malformed { .. })), "{payload} {malformed:?}");
    }
}

#[test]
fn every_stored_name_stands_once() {
    let mut names: Vec<_> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), EVENT_TYPES.len());
}
