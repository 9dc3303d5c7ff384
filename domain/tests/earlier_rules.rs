//! Events that an earlier rule accepted and no command of today would make: they are read, folded, shown and continued.
//!
//! Three lives cover every event type. Each has texts, ids, currencies and amounts that are refused today.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use domain::order::document::restore;
use domain::order::stored::EVENT_TYPES;
use domain::order::{
    CommandName, NoteEntry, Order, OrderAggregate, OrderDocument, OrderEvent, OrderRejection,
};
use domain::{Aggregate, Name, Reference};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::*;
use uuid::Uuid;

/// The values in the events of a life.
struct Odd {
    text: String,
    id: String,
    currency: &'static str,
    amount: &'static str,
}

fn odd_ones() -> Vec<Odd> {
    let texts = [
        "a\u{ad}b".to_owned(),
        " ".to_owned(),
        String::new(),
        "..".to_owned(),
        "\0\u{1b}\n\r\t\u{202e}\u{200b}\u{200d}\u{feff}\u{ffff}".to_owned(),
        "x".repeat(5_000),
    ];
    let ids = ["..", ".", "", "Größe 7/8", "\u{ad}", "y"].map(str::to_owned);
    let money = [
        ("HRK", "0.01"),
        ("BGN", "90071992547409.92"),
        ("ZWL", "92233720368547758.07"),
        ("SLL", "0.00"),
        ("CUC", "-0.01"),
        ("USD", "1"),
    ];
    let odd = texts.into_iter().zip(ids).zip(money);
    odd.map(|((text, id), (currency, amount))| Odd { text, id, currency, amount }).collect()
}

/// Three lives: one completed, one cancelled, one discarded.
fn lives(odd: &Odd) -> [Vec<(&'static str, Value)>; 3] {
    let Odd { text, id, currency, amount } = odd;
    let customer = json!({"id": id, "name": text, "email": text});
    let line =
        json!({"line_id": 1, "product_id": id, "name": text, "quantity": 1, "unit_price": amount});
    let added = json!({"currency": currency, "line_id": 2, "product_id": id, "name": text,
        "quantity": 900_000, "unit_price": "0"});
    let drafted =
        json!({"customer": customer, "currency": currency, "lines": [line], "note": text});
    let mut placed = drafted.clone();
    placed["total"] = json!(amount);
    let of_money = |name: &str, also: &str| {
        let mut payload = json!({"amount": amount, "currency": currency});
        payload[name] = json!(id);
        payload[also] = json!(text);
        payload
    };
    let cancelled = json!({"reason": text, "customer_id": id, "currency": currency, "total": amount,
        "placed_at": "2023-11-14T22:13:21.000000Z",
        "lines": [{"line_id": 1, "product_id": id, "quantity": 1, "line_total": amount}]});
    let parcel = json!({"shipment_id": id, "carrier": text, "tracking_number": text,
        "lines": [{"line_id": 1, "quantity": 1}]});
    let whole = vec![
        ("OrderDrafted", drafted.clone()),
        ("LineAdded", added),
        ("LineQuantityChanged", json!({"line_id": 2, "quantity": 4_000_000_000_u32})),
        ("LineRemoved", json!({"line_id": 2})),
        ("OrderPlaced", placed.clone()),
        ("NoteAdded", json!({"text": text})),
        ("OrderConfirmed", json!({})),
        ("PaymentRecorded", of_money("payment_id", "method")),
        ("RefundRecorded", of_money("refund_id", "reason")),
        ("OrderShipped", parcel),
        ("ShipmentDelivered", json!({"shipment_id": id})),
        ("OrderCompleted", json!({})),
    ];
    let called_off = vec![("OrderPlaced", placed), ("OrderCancelled", cancelled)];
    let thrown_away = vec![("OrderDrafted", drafted), ("DraftDiscarded", json!({}))];
    [whole, called_off, thrown_away]
}

fn decode(life: &[(&'static str, Value)]) -> Vec<OrderEvent> {
    let read = |(name, payload): &(&'static str, Value)| {
        let (_, version) = EVENT_TYPES.iter().find(|(known, _)| known == name).unwrap();
        let bytes = payload.to_string().into_bytes();
        let event = OrderAggregate::decode(name, *version, &bytes)
            .unwrap_or_else(|error| panic!("{payload} {error}"));
        let stored = OrderAggregate::encode(&event).payload;
        let again = OrderAggregate::decode(name, *version, &stored);
        assert_eq!(again.as_ref(), Ok(&event), "{name} is not stored as it was read");
        event
    };
    life.iter().map(read).collect()
}

fn notes(events: &[OrderEvent]) -> Vec<NoteEntry> {
    let notes = events.iter().zip(1..).filter_map(|(event, version)| match event {
        OrderEvent::NoteAdded { text } => {
            Some(NoteEntry { text: text.clone(), occurred_at: at(version) })
        }
        _ => None,
    });
    notes.collect()
}

#[test]
fn every_event_of_an_earlier_rule_is_read_folded_and_shown() {
    let mut met = BTreeSet::new();
    for odd in odd_ones() {
        for life in lives(&odd) {
            met.extend(life.iter().map(|(name, _)| *name));
            let events = decode(&life);
            let order = fold(None, &events, 1).unwrap();
            let notes = notes(&events);
            let (version, position) = (events.len() as u64, 1);
            let (order_id, order) = (Uuid::nil(), &order);
            let json =
                OrderDocument { order_id, version, position, order, notes: &notes }.to_json();
            let shown: Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(shown["customer"]["name"], odd.text.as_str());
            assert_eq!(shown["customer"]["id"], odd.id.as_str());
            assert_eq!(shown["currency"], odd.currency);

            let (mut read, read_notes) = restore(&json).unwrap();
            read.next_line_id = order.next_line_id;
            assert_eq!((&read, read_notes), (order, notes));
            let snapshot = serde_json::to_vec(order).unwrap();
            assert_eq!(&serde_json::from_slice::<Order>(&snapshot).unwrap(), order);
        }
    }
    let all: BTreeSet<_> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(met, all);
}

#[test]
fn an_order_of_an_earlier_rule_goes_on() {
    for odd in odd_ones() {
        let [whole, _, _] = lives(&odd);
        let confirmed = fold(None, &decode(&whole[..7]), 1);
        for command in [note(), cancel(), ship("s"), pay("p", "1")] {
            let decided = OrderAggregate::decide(&confirmed, &command).unwrap();
            let state = decided.iter().fold(confirmed.clone(), |state, event| {
                OrderAggregate::evolve(state, event, at(9))
            });
            assert!(state.is_some(), "{command:?}");
        }
        let again = OrderAggregate::decide(&confirmed, &create(false, vec![]));
        assert!(again.is_err());
    }
}

#[test]
fn an_order_that_shipped_more_than_was_ordered_goes_on() {
    let customer = json!({"id": "c"});
    let line =
        json!({"line_id": 1, "product_id": "p", "name": "n", "quantity": 1, "unit_price": "1.00"});
    let life = [
        (
            "OrderPlaced",
            json!({"customer": customer, "currency": "USD", "lines": [line], "total": "1.00"}),
        ),
        ("OrderConfirmed", json!({})),
        (
            "OrderShipped",
            json!({"shipment_id": "s", "lines": [{"line_id": 1, "quantity": u32::MAX}]}),
        ),
        ("ShipmentDelivered", json!({"shipment_id": "s"})),
        ("OrderShipped", json!({"shipment_id": "t", "lines": [{"line_id": 1, "quantity": 1}]})),
    ];
    let order = fold(None, &decode(&life), 1);
    assert!(!order.as_ref().unwrap().allows(CommandName::Ship));
    let decide = |command| OrderAggregate::decide(&order, &command);
    let nothing_left = decide(ship("u"));
    assert!(matches!(nothing_left, Err(OrderRejection::IllegalTransition { .. })));
    let too_many = decide(ship_lines("u", Some(&[(1, 1)])));
    assert_eq!(
        too_many,
        Err(OrderRejection::QuantityExceedsRemaining { line_id: 1, remaining: 0 })
    );
    let delivered = decide(deliver("t")).unwrap();
    assert_eq!(delivered.len(), 1, "{delivered:?}");
}

#[test]
fn texts_are_checked_on_input_only() {
    for text in ["a\u{ad}b", "", "..", " ", "\0"] {
        let stored = serde_json::to_string(text).unwrap();
        let read: Name = serde_json::from_str(&stored).unwrap();
        assert_eq!((read.as_str(), serde_json::to_string(&read).unwrap()), (text, stored.clone()));
        let id: Reference = serde_json::from_str(&stored).unwrap();
        assert_eq!(id.as_str(), text);
        assert!(Reference::parse(text).is_err(), "{text:?}");
    }
}
