//! The stored events of a shipment: exact bytes both ways, broken ones with a clear error, texts about people.

#![allow(clippy::unwrap_used, missing_docs)]

mod parcel_support;

use domain::shipment::{
    Booked, Call, CallFailed, CallRetried, CancellationRequested, Cancelled, CancelledBy,
    EVENT_TYPES, Failed, Rebooked, Refused, ShipmentAggregate, ShipmentEvent, Stray, StrayClosed,
    Stuck, TrackingAssigned,
};
use domain::{Aggregate, CallFailure, DecodeError, Name, Reason};
use parcel_support::*;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use std::collections::BTreeSet;

/// A stored name, its payload, and the event that it is.
fn golden() -> Vec<(&'static str, &'static str, ShipmentEvent)> {
    use ShipmentEvent as E;
    let mut full = plan();
    full.to.extra = Some(label("Floor 2"));
    full.to.phone = Some(label("+1 555 0100"));
    let call = Call::cancel(2, Some(id("k-2")));
    let reason = Reason::parse("too late").unwrap();
    let cancelled = |by, reason| E::ShipmentCancelled(Cancelled { by, reason });
    vec![
        (
            "ShipmentPlanned",
            r#"{"checkout_id":"00000000-0000-0000-0000-000000000001","order_id":"00000000-0000-0000-0000-000000000002","customer_id":"c-1","number":1,"carrier":"post","lines":[{"product_id":"tea","quantity":2,"warehouse":"north"}],"to":{"name":"Ada","street":"Main Street 1","postal_code":"12345","city":"Springfield","country":"US"}}"#,
            E::ShipmentPlanned(Box::new(plan())),
        ),
        (
            "ShipmentPlanned",
            r#"{"checkout_id":"00000000-0000-0000-0000-000000000001","order_id":"00000000-0000-0000-0000-000000000002","customer_id":"c-1","number":1,"carrier":"post","lines":[{"product_id":"tea","quantity":2,"warehouse":"north"}],"to":{"name":"Ada","street":"Main Street 1","extra":"Floor 2","postal_code":"12345","city":"Springfield","country":"US","phone":"+1 555 0100"}}"#,
            E::ShipmentPlanned(Box::new(full)),
        ),
        (
            "ShipmentBooked",
            r#"{"booking":1,"carrier_id":"k-1"}"#,
            E::ShipmentBooked(Booked { booking: 1, carrier_id: id("k-1"), tracking: None }),
        ),
        (
            "ShipmentBooked",
            r#"{"booking":1,"carrier_id":"k-1","tracking":"T 1"}"#,
            E::ShipmentBooked(Booked {
                booking: 1,
                carrier_id: id("k-1"),
                tracking: Some(label("T 1")),
            }),
        ),
        (
            "BookingRefused",
            r#"{"booking":1,"code":"no-such-street"}"#,
            E::BookingRefused(Refused { booking: 1, code: Some(id("no-such-street")) }),
        ),
        (
            "BookingRefused",
            r#"{"booking":1}"#,
            E::BookingRefused(Refused { booking: 1, code: None }),
        ),
        (
            "ShipmentRebooked",
            r#"{"by":"clerk","carrier":"courier","booking":2}"#,
            E::ShipmentRebooked(Rebooked {
                by: label("clerk"),
                carrier: id("courier"),
                booking: 2,
            }),
        ),
        (
            "TrackingAssigned",
            r#"{"tracking":"T 1"}"#,
            E::TrackingAssigned(TrackingAssigned { tracking: label("T 1") }),
        ),
        ("ShipmentDispatched", "{}", E::ShipmentDispatched),
        ("ShipmentTracked", "{}", E::ShipmentTracked),
        ("ShipmentArrived", "{}", E::ShipmentArrived),
        ("ShipmentReturned", "{}", E::ShipmentReturned),
        (
            "DeliveryFailed",
            r#"{"code":"nobody-home"}"#,
            E::DeliveryFailed(Failed { code: Some(id("nobody-home")) }),
        ),
        ("DeliveryFailed", "{}", E::DeliveryFailed(Failed { code: None })),
        (
            "CancellationRequested",
            r#"{"reason":"too late"}"#,
            E::CancellationRequested(CancellationRequested { reason: reason.clone() }),
        ),
        (
            "ShipmentCancelled",
            r#"{"by":"request","reason":"too late"}"#,
            cancelled(CancelledBy::Request, Some(reason)),
        ),
        ("ShipmentCancelled", r#"{"by":"carrier"}"#, cancelled(CancelledBy::Carrier, None)),
        ("CancellationRefused", "{}", E::CancellationRefused),
        (
            "StrayBookingFound",
            r#"{"booking":2,"carrier_id":"k-2"}"#,
            E::StrayBookingFound(Stray { booking: 2, carrier_id: id("k-2") }),
        ),
        (
            "StrayBookingClosed",
            r#"{"booking":2,"carrier_id":"k-2"}"#,
            E::StrayBookingClosed(StrayClosed { booking: 2, carrier_id: Some(id("k-2")) }),
        ),
        (
            "StrayBookingClosed",
            r#"{"booking":2}"#,
            E::StrayBookingClosed(StrayClosed { booking: 2, carrier_id: None }),
        ),
        (
            "CallFailed",
            r#"{"call":{"kind":"book","booking":1},"attempt":3,"class":"silence","retry_at":"2023-11-14T22:13:27.000000Z"}"#,
            E::CallFailed(CallFailed {
                call: Call::book(1),
                attempt: 3,
                class: CallFailure::Silence,
                retry_at: at(7),
            }),
        ),
        (
            "CallFailed",
            r#"{"call":{"kind":"cancel_booking","booking":2,"carrier_id":"k-2"},"attempt":1,"class":"server_error","retry_at":"2023-11-14T22:13:27.000000Z"}"#,
            E::CallFailed(CallFailed {
                call: call.clone(),
                attempt: 1,
                class: CallFailure::ServerError,
                retry_at: at(7),
            }),
        ),
        (
            "ShipmentStuck",
            r#"{"call":{"kind":"book","booking":1}}"#,
            E::ShipmentStuck(Stuck { call: Call::book(1), code: None }),
        ),
        (
            "ShipmentStuck",
            r#"{"call":{"kind":"cancel_booking","booking":2,"carrier_id":"k-2"},"code":"too-late"}"#,
            E::ShipmentStuck(Stuck { call, code: Some(id("too-late")) }),
        ),
        ("CallRetried", r#"{"by":"clerk"}"#, E::CallRetried(CallRetried { by: label("clerk") })),
    ]
}

#[test]
fn every_event_is_stored_exactly_so() {
    let mut met = BTreeSet::new();
    for (name, payload, event) in golden() {
        let stored = ShipmentAggregate::encode(&event);
        assert_eq!((stored.event_type, stored.schema_version), (name, 1));
        assert_eq!(String::from_utf8(stored.payload).unwrap(), payload);
        assert_eq!(ShipmentAggregate::decode(name, 1, payload.as_bytes()), Ok(event));
        met.insert((name, 1));
    }
    assert_eq!(met, BTreeSet::from(EVENT_TYPES));
    assert_eq!(met.len(), EVENT_TYPES.len(), "a name stands twice");
}

#[test]
fn failures_of_calls_have_names() {
    for class in CallFailure::ALL {
        assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
    }
}

#[test]
fn unreadable_events_are_distinguished() {
    let decode =
        |name, version, payload: &str| ShipmentAggregate::decode(name, version, payload.as_bytes());
    let unknown = decode("OrderShipped", 1, "{}");
    assert_eq!(unknown, Err(DecodeError::UnknownType("OrderShipped".to_owned())));
    for (name, _) in EVENT_TYPES {
        for version in [0, 2] {
            let newer = decode(name, version, "{}");
            assert!(matches!(newer, Err(DecodeError::UnknownVersion { .. })), "{newer:?}");
        }
        for payload in ["not json", "7", ""] {
            let broken = decode(name, 1, payload);
            assert!(matches!(broken, Err(DecodeError::Malformed { .. })), "{name} {broken:?}");
        }
    }
    let secret = r#"{"booking":"Ada","carrier_id":"k-1"}"#;
    let said = decode("ShipmentBooked", 1, secret).unwrap_err().to_string();
    assert!(said.contains("wrong type at line 1 column 16") && !said.contains("Ada"), "{said}");
    let more = r#"{"booking":1,"carrier_id":"k-1","weight":3}"#;
    assert!(decode("ShipmentBooked", 1, more).is_ok(), "unknown members are ignored");
}

/// Where stored events hold texts about people.
const PERSONAL: [&str; 8] = [
    "/to/name",
    "/to/street",
    "/to/extra",
    "/to/postal_code",
    "/to/city",
    "/to/phone",
    "/tracking",
    "/reason",
];

/// Texts with characters that JSON must escape, and with multi-byte characters.
fn text() -> impl Strategy<Value = String> {
    "[a-zé日😀\"\\\\/<&'][a-zé日😀\"\\\\/<&' ]{0,19}"
}

/// One of the golden events, with other texts.
fn event() -> impl Strategy<Value = ShipmentEvent> {
    (select(golden()), text(), text(), any::<bool>()).prop_map(
        |((_, _, mut event), one, two, with)| {
            match &mut event {
                ShipmentEvent::ShipmentPlanned(plan) => {
                    plan.to.name = Name::parse(one.as_str()).unwrap();
                    plan.to.street = label(&two);
                    plan.to.extra = with.then(|| label(&one));
                }
                ShipmentEvent::ShipmentBooked(booked) => {
                    booked.tracking = with.then(|| label(&one))
                }
                ShipmentEvent::TrackingAssigned(assigned) => assigned.tracking = label(&one),
                ShipmentEvent::ShipmentCancelled(cancelled) => {
                    cancelled.reason = with.then(|| Reason::parse(two).unwrap());
                }
                _ => {}
            }
            event
        },
    )
}

proptest! {
    #[test]
    fn texts_about_people_are_changed_and_nothing_else(event in event()) {
        let mut changed = event.clone();
        let mut texts = 0;
        ShipmentAggregate::change_personal(&mut changed, &mut |text| {
            texts += 1;
            format!("\u{1a}{}", text.len())
        });
        let json = |event| {
            serde_json::from_slice::<Value>(&ShipmentAggregate::encode(event).payload).unwrap()
        };
        let (mut before, mut after) = (json(&event), json(&changed));
        for member in PERSONAL {
            let (was, is) = (before.pointer_mut(member), after.pointer_mut(member));
            prop_assert_eq!(was.is_some(), is.is_some());
            let (Some(was), Some(is)) = (was, is) else { continue };
            prop_assert_eq!(is.as_str().unwrap(), format!("\u{1a}{}", was.as_str().unwrap().len()));
            (*was, *is) = (Value::Null, Value::Null);
            texts -= 1;
        }
        prop_assert_eq!((before, texts), (after, 0));
        let encoded = ShipmentAggregate::encode(&changed);
        let listed = ShipmentAggregate::PERSONAL_EVENTS.contains(&encoded.event_type);
        prop_assert!(listed || changed == event, "{} is not listed", encoded.event_type);
        let read = ShipmentAggregate::decode(encoded.event_type, encoded.schema_version, &encoded.payload);
        prop_assert_eq!(read, Ok(changed));
    }

    #[test]
    fn texts_and_optional_members_read_back(event in event()) {
        let stored = ShipmentAggregate::encode(&event);
        let read = ShipmentAggregate::decode(stored.event_type, stored.schema_version, &stored.payload);
        prop_assert_eq!(read, Ok(event));
    }
}
