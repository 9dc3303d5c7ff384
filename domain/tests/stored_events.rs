//! Stored events: names and versions, old events that still decode, broken ones with a clear error.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use domain::money::MAX_PUBLIC_MINOR;
use domain::order::stored::EVENT_TYPES;
use domain::order::{CancelledLine, Customer, Line, OrderAggregate, OrderEvent, ShippedLine};
use domain::{
    Aggregate, Currency, DecodeError, Email, Label, Money, Name, Note, Reason, Timestamp,
};
use proptest::prelude::*;
use serde_json::Value;
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
fn unknown_members_are_ignored() {
    let event = OrderAggregate::decode("LineRemoved", 1, br#"{"line_id":3,"by":"clerk"}"#);
    assert_eq!(event, Ok(OrderEvent::LineRemoved { line_id: 3 }));
}

#[test]
fn a_time_is_stored_as_it_was_read_however_it_was_written() {
    for (written, read) in [
        ("2023-11-14T22:13:20.123456789Z", "2023-11-14T22:13:20.123456Z"),
        ("2023-11-14T22:13:20+01:00", "2023-11-14T21:13:20.000000Z"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.000000Z"),
        ("-0001-12-31T00:01:00Z", "-0001-12-31T00:01:00.000000Z"),
        ("+10000-01-01T00:00:00Z", "+10000-01-01T00:00:00.000000Z"),
    ] {
        let payload = format!(
            r#"{{"reason":"r","customer_id":"c","placed_at":"{written}","currency":"USD","total":"0.00","lines":[]}}"#
        );
        let event = OrderAggregate::decode("OrderCancelled", 1, payload.as_bytes()).unwrap();
        let stored = OrderAggregate::encode(&event).payload;
        assert_eq!(OrderAggregate::decode("OrderCancelled", 1, &stored), Ok(event));
        assert!(String::from_utf8(stored).unwrap().contains(read), "{written}");
    }
}

#[test]
fn unreadable_events_are_distinguished() {
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
    let said = |payload| decode("NoteAdded", 2, payload).unwrap_err().to_string();
    assert!(said("not json").contains("not JSON at line 1 column 2"), "{}", said("not json"));
    for payload in ["{}", r#"{"text":7}"#] {
        assert!(said(payload).contains("missing or of the wrong type"), "{}", said(payload));
    }
}

#[test]
fn every_stored_name_stands_once() {
    let mut names: Vec<_> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), EVENT_TYPES.len());
}

/// Texts with every character that JSON must escape, and with multi-byte characters.
fn text() -> impl Strategy<Value = String> {
    "[a-zé日😀\"\\\\/<&'][a-zé日😀\"\\\\/<&' ]{0,19}"
}

fn currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["USD", "JPY", "BHD", "CLF"])
        .prop_map(|code| Currency::from_code(code).unwrap())
}

/// Amounts up to the public limit, in the currency.
fn amount(currency: Currency) -> impl Strategy<Value = Money> {
    (0..=MAX_PUBLIC_MINOR).prop_map(move |minor| Money::from_minor(minor, currency))
}

fn lines(currency: Currency) -> impl Strategy<Value = Vec<Line>> {
    let line = (1_u32..=u32::MAX, text(), 1_u32..=100_000, amount(currency));
    let line = line.prop_map(|(line_id, name, quantity, unit_price)| Line {
        line_id,
        product_id: id("p"),
        name: Name::parse(name).unwrap(),
        quantity,
        unit_price,
        shipped: 0,
        delivered: 0,
    });
    prop::collection::vec(line, 0..4)
}

/// Where stored events hold texts about people.
const PERSONAL: [&str; 6] =
    ["/customer/name", "/customer/email", "/note", "/reason", "/tracking_number", "/text"];

/// The events with optional members, amounts or texts, with and without each.
fn event() -> impl Strategy<Value = OrderEvent> {
    let texts = (prop::option::of(text()), prop::option::of(text()), text());
    (currency(), texts, 0_i64..4_000_000_000_000_000).prop_flat_map(|(currency, texts, micros)| {
        let (first, second, third) = texts;
        let label = |text: &Option<String>| text.clone().map(|text| Label::parse(text).unwrap());
        let (carrier, tracking_number) = (label(&first), label(&second));
        let note = first.clone().map(|text| Note::parse(text).unwrap());
        let reason = second.clone().map(|text| Reason::parse(text).unwrap());
        let email = second.clone().map(|text| Email::parse(text).unwrap());
        let name = first.map(|text| Name::parse(text).unwrap());
        let customer = Customer { id: id("c"), name, email: email.clone() };
        let always = Reason::parse(third).unwrap();
        let placed_at = Timestamp::from_timestamp_micros(micros).unwrap();
        (lines(currency), amount(currency), 0..6).prop_map(move |(lines, amount, which)| {
            let (customer, note) = (customer.clone(), note.clone());
            let parts = lines.iter().map(|line| (line.line_id, line.quantity));
            match which {
                0 => OrderEvent::OrderDrafted { customer, currency, lines, note },
                1 => OrderEvent::OrderPlaced { customer, currency, lines, total: amount, note },
                2 => {
                    let (payment_id, method) = (id("p"), carrier.clone());
                    OrderEvent::PaymentRecorded { payment_id, amount, method }
                }
                3 => {
                    let (refund_id, reason) = (id("r"), reason.clone());
                    OrderEvent::RefundRecorded { refund_id, amount, reason }
                }
                4 => OrderEvent::OrderShipped {
                    shipment_id: id("s"),
                    carrier: carrier.clone(),
                    tracking_number: tracking_number.clone(),
                    lines: parts
                        .map(|(line_id, quantity)| ShippedLine { line_id, quantity })
                        .collect(),
                },
                _ => OrderEvent::OrderCancelled {
                    reason: always.clone(),
                    customer_id: id("c"),
                    placed_at,
                    total: amount,
                    lines: parts
                        .map(|(line_id, quantity)| CancelledLine {
                            line_id,
                            product_id: id("p"),
                            quantity,
                            line_total: amount,
                        })
                        .collect(),
                },
            }
        })
    })
}

proptest! {
    #[test]
    fn texts_about_people_are_changed_and_nothing_else(event in event()) {
        let mut changed = event.clone();
        let mut texts = 0;
        OrderAggregate::change_personal(&mut changed, &mut |text| {
            texts += 1;
            format!("\u{1a}{}", text.len())
        });
        let json = |event| {
            let payload = OrderAggregate::encode(event).payload;
            serde_json::from_slice::<Value>(&payload).unwrap()
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
        let encoded = OrderAggregate::encode(&changed);
        let listed = OrderAggregate::PERSONAL_EVENTS.contains(&encoded.event_type);
        prop_assert!(listed || changed == event, "{} is not listed", encoded.event_type);
        let read = OrderAggregate::decode(encoded.event_type, encoded.schema_version, &encoded.payload);
        prop_assert_eq!(read, Ok(changed));
    }

    #[test]
    fn optional_members_currencies_and_escapes_read_back(event in event()) {
        let stored = OrderAggregate::encode(&event);
        let read = OrderAggregate::decode(stored.event_type, stored.schema_version, &stored.payload);
        prop_assert_eq!(read, Ok(event));
    }
}
