//! Stored events of every type and version: a readable event is folded, shown and stored again, and stays the same.
//!
//! An input is the life of one order, one event on each line: `NoteAdded 1 {"note":"…"}`. Lines that no build could
//! have written are part of it: the log may hold what a rule of today refuses, and the fold must survive it.

use crate::decisions::{self, at};
use crate::{amount, json_text};
use chrono::TimeDelta;
use domain::order::document::restore;
use domain::order::stored::EVENT_TYPES;
use domain::order::{
    CommandName, NoteEntry, Order, OrderAggregate, OrderDocument, OrderEvent, Status,
};
use domain::{Aggregate, Currency, DecodeError, Timestamp};
use serde_json::Value;
use uuid::Uuid;

/// The most events of one life that are read.
const MAX_EVENTS: usize = 64;
/// The longest text on what is wrong with a payload: it says where and of which kind, and repeats nothing.
const MAX_DETAIL: usize = 200;

/// Reads each line as an event, then folds and shows the readable ones.
pub fn check(input: &[u8]) {
    let mut life = Vec::new();
    for line in input.split(|byte| *byte == b'\n').take(MAX_EVENTS) {
        if let Some((name, version, payload)) = parts(line) {
            life.extend(event(name, version, payload));
        }
    }
    fold(&life);
}

/// `NAME VERSION PAYLOAD`
fn parts(line: &[u8]) -> Option<(&str, u16, &[u8])> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let name = str::from_utf8(parts.next()?).ok()?;
    let version = str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    Some((name, version, parts.next()?))
}

/// One event: read, written, read again.
fn event(name: &str, version: u16, payload: &[u8]) -> Option<OrderEvent> {
    let newest = EVENT_TYPES.iter().find(|(known, _)| *known == name).map(|(_, newest)| *newest);
    let event = match OrderAggregate::decode(name, version, payload) {
        Ok(event) => event,
        Err(error) => {
            refused(&error, newest, version);
            return None;
        }
    };
    assert!(newest.is_some_and(|newest| (1..=newest).contains(&version)), "{name} {version}");
    let stored = OrderAggregate::encode(&event);
    assert_eq!((stored.event_type, Some(stored.schema_version)), (name, newest));
    assert!(stored.payload.len() <= 2 * payload.len() + 64, "{name} grows when it is stored");
    let again = OrderAggregate::decode(name, stored.schema_version, &stored.payload);
    assert_eq!(again.as_ref(), Ok(&event), "{name} is not stored as it was read");
    assert_eq!(OrderAggregate::encode(&event), stored);
    other_reader(name, version, payload, &stored.payload, &event);
    Some(event)
}

fn refused(error: &DecodeError, newest: Option<u16>, version: u16) {
    match error {
        DecodeError::UnknownType(_) => assert_eq!(newest, None),
        DecodeError::UnknownVersion { .. } => {
            assert!(newest.is_some_and(|newest| !(1..=newest).contains(&version)));
        }
        DecodeError::Malformed { detail, .. } => {
            assert!(newest.is_some() && detail.len() <= MAX_DETAIL, "{detail}");
        }
    }
}

/// A general reader of JSON finds the same in the payload as the reader of events.
fn other_reader(name: &str, version: u16, payload: &[u8], stored: &[u8], event: &OrderEvent) {
    let written: Value = serde_json::from_slice(stored).expect("what is stored is JSON");
    let Ok(mut sent) = serde_json::from_slice::<Value>(payload) else { return };
    let laid_out_again = json_text(&sent);
    assert_eq!(OrderAggregate::decode(name, version, &laid_out_again).as_ref(), Ok(event));
    if (name, version) == ("NoteAdded", 1) {
        let note = sent["note"].take();
        sent["text"] = note;
    }
    holds(&sent, &written, name);
}

/// Everything written was in what was sent; amounts may have gained zeros, and times lost digits beyond microseconds.
fn holds(sent: &Value, written: &Value, at: &str) {
    match (sent, written) {
        (Value::Object(sent), Value::Object(written)) => {
            for (name, value) in written {
                holds(&sent[name], value, name);
            }
        }
        (Value::Array(sent), Value::Array(written)) => {
            assert_eq!(sent.len(), written.len(), "{at}");
            sent.iter().zip(written).for_each(|(sent, written)| holds(sent, written, at));
        }
        // A list of the members, in their order, is also accepted.
        (Value::Array(_), Value::Object(_)) => {}
        (Value::String(sent), Value::String(written)) => match at {
            "amount" | "total" | "unit_price" | "line_total" => {
                assert_eq!(amount(sent), amount(written), "{at}");
            }
            "placed_at" => {
                let time = |text: &str| text.parse::<Timestamp>().expect("a time that was read");
                let apart = (time(sent) - time(written)).abs();
                assert!(apart <= TimeDelta::seconds(1), "{sent} {written}");
            }
            _ => assert_eq!(sent, written, "{at}"),
        },
        _ => assert_eq!(sent, written, "{at}"),
    }
}

fn fold(life: &[OrderEvent]) {
    let mut state = None;
    let mut notes = Vec::new();
    for (index, event) in life.iter().enumerate() {
        state = OrderAggregate::evolve(state, event, at(index));
        if let OrderEvent::NoteAdded { text } = event {
            notes.push(NoteEntry { text: text.clone(), occurred_at: at(index) });
        }
        if let Some(order) = &state {
            holds_together(order);
        }
    }
    if let Some(order) = &state {
        show(order, &notes, life.len());
    }
    goes_on(&state);
}

fn holds_together(order: &Order) {
    assert!(order.balance_due().minor() >= 0);
    let called_off = matches!(order.status, Status::Cancelled | Status::Discarded);
    assert!(!called_off || order.balance_due().minor() == 0);
    let allowed = order.allowed_commands();
    assert!(CommandName::ALL.into_iter().all(|c| allowed.contains(&c) == order.allows(c)));
    order.payment_status();
    order.fulfillment_status();
}

/// The order document reads back as the state it shows; so does a snapshot.
fn show(order: &Order, notes: &[NoteEntry], version: usize) {
    let version = version as u64;
    let order_id = Uuid::nil();
    let document = OrderDocument { order_id, version, position: version, order, notes };
    let shown = document.to_json();
    let value: Value = serde_json::from_slice(&shown).expect("the order document is JSON");
    assert_eq!(value["lines"].as_array().map(Vec::len), Some(order.lines.len()));
    assert_eq!(value["currency"], order.currency.code());
    let snapshot = serde_json::to_vec(order).expect("a snapshot");
    assert_eq!(&serde_json::from_slice::<Order>(&snapshot).expect("a snapshot"), order);
    // The order document names its currency once: it cannot show amounts in another.
    if one_currency(order) {
        let (mut read, read_notes) = restore(&shown).expect("the order document reads back");
        read.next_line_id = order.next_line_id;
        assert_eq!((&read, read_notes.as_slice()), (order, notes));
    }
}

/// In any state, a command is decided, and its events can be folded.
fn goes_on(state: &Option<Order>) {
    for command in decisions::COMMANDS.iter() {
        if let Ok(events) = OrderAggregate::decide(state, command) {
            let folded = decisions::fold(state.clone(), &events);
            assert!(folded.is_some(), "{command:?}");
        }
    }
}

fn one_currency(order: &Order) -> bool {
    let ours = |currency: Currency| currency == order.currency;
    [order.total, order.paid, order.refunded].iter().all(|amount| ours(amount.currency()))
        && order.lines.iter().all(|line| ours(line.unit_price.currency()))
        && order.payments.iter().all(|payment| ours(payment.amount.currency()))
        && order.refunds.iter().all(|refund| ours(refund.amount.currency()))
}
