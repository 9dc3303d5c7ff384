//! Which orders the fold keeps in memory: as many as there is room for, and all that are not committed.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::projections::tests::{drafted, recorded, stream};
use domain::order::{Line, Order, Payment, Refund, Shipment, ShippedLine};
use domain::{Currency, Money, Name, Reference, Timestamp};
use std::mem::size_of;

fn fold(room: usize) -> OrdersFold {
    OrdersFold { states: Cache::new(room), ..OrdersFold::new(Pace::Following) }
}

fn begin(fold: &mut OrdersFold, order: u128) {
    fold.fold(&drafted(), &recorded(order, 1)).unwrap();
}

fn knows(fold: &OrdersFold, order: u128) -> bool {
    fold.states.contains(&stream(order))
}

#[test]
fn the_orders_lately_touched_are_remembered_as_far_as_there_is_room() {
    let mut fold = fold(10_000);
    for order in 1..=100 {
        begin(&mut fold, order);
        assert_eq!(fold.changes().shaped.len(), 1);
        fold.committed(0);
    }
    let known: Vec<u128> = (1..=100).filter(|order| knows(&fold, *order)).collect();
    assert!((5..50).contains(&known.len()), "{known:?}");
    let last = 100 - known.len() as u128;
    assert_eq!(known, (last + 1..=100).collect::<Vec<_>>());
}

#[test]
fn what_has_not_been_committed_is_remembered_without_room() {
    let mut fold = fold(1);
    begin(&mut fold, 1);
    fold.changes();
    begin(&mut fold, 2);
    fold.changes();
    fold.committed(2);
    assert!(knows(&fold, 1) && knows(&fold, 2));
    fold.committed(1);
    assert!(!knows(&fold, 1) && knows(&fold, 2));
    // A batch under way touches it once more, while the one before commits.
    fold.fold(&OrderEvent::DraftDiscarded, &recorded(2, 2)).unwrap();
    fold.committed(0);
    assert!(knows(&fold, 2));
    assert_eq!(fold.changes().moved.len(), 1);
    fold.committed(0);
    assert!(!knows(&fold, 2));
}

#[test]
fn each_note_has_its_row_with_the_version_that_brought_it() {
    let note = |text: &str| domain::Note::parse(text).unwrap();
    let OrderEvent::OrderDrafted { customer, currency, lines, .. } = drafted() else {
        panic!("it is a draft");
    };
    let (noted, total) = (Some(note("ring twice")), Money::from_minor(0, currency));
    let draft = OrderEvent::OrderDrafted {
        customer: customer.clone(),
        currency,
        lines: lines.clone(),
        note: noted,
    };
    let placed =
        OrderEvent::OrderPlaced { customer, currency, lines, total, note: Some(note("at last")) };
    let added = OrderEvent::NoteAdded { text: note("paid in cash") };
    let mut fold = fold(10_000);
    for (fact, version) in [(draft, 1), (placed, 2), (OrderEvent::OrderConfirmed, 3), (added, 4)] {
        fold.fold(&fact, &recorded(1, version)).unwrap();
    }
    let notes = fold.changes().notes;
    let texts = ["ring twice", "at last", "paid in cash"];
    assert_eq!(notes.iter().map(|row| row.version).collect::<Vec<_>>(), [1, 2, 4]);
    assert!(notes.iter().zip(texts).all(|(row, text)| row.note.contains(text)), "{notes:?}");
    assert!(notes.iter().all(|row| row.order_id == stream(1)));
}

#[test]
fn a_row_that_cannot_be_read_back_says_so_at_its_orders_next_event() {
    let stored = StoredOrder {
        order_id: stream(1),
        version: 1,
        begun_position: 1,
        document: r#"{"order_id":1}"#.to_owned(),
    };
    let (order_id, state) = restored(stored);
    assert_eq!(order_id, stream(1));
    let Err(Poison(why)) = state.accepts(&OrderEvent::DraftDiscarded, 2) else {
        panic!("nothing can follow");
    };
    assert!(why.contains("cannot be read back"), "{why}");
}

/// Numbers of lines, payments, refunds, shipments, and parts of each shipment.
type Numbers = [usize; 5];

fn weight([lines, payments, refunds, shipments, parts]: Numbers) -> usize {
    let mut order: Order =
        OrderAggregate::evolve(None, &drafted(), Timestamp::UNIX_EPOCH).expect("it begins");
    let id = |number: usize| Reference::parse(number.to_string()).unwrap();
    let (amount, at) =
        (Money::from_minor(1, Currency::from_code("EUR").unwrap()), order.created_at);
    let line = Line {
        line_id: 1,
        product_id: id(1),
        name: Name::parse("tea").unwrap(),
        quantity: 1,
        unit_price: amount,
        shipped: 0,
        delivered: 0,
    };
    order.lines = vec![line; lines];
    let payment =
        |number| Payment { payment_id: id(number), amount, method: None, occurred_at: at };
    order.payments = (0..payments).map(payment).collect();
    let refund = |number| Refund { refund_id: id(number), amount, reason: None, occurred_at: at };
    order.refunds = (0..refunds).map(refund).collect();
    let shipment = |number| Shipment {
        shipment_id: id(number),
        carrier: None,
        tracking_number: None,
        lines: vec![ShippedLine { line_id: 1, quantity: 1 }; parts],
        shipped_at: at,
        delivered_at: None,
    };
    order.shipments = (0..shipments).map(shipment).collect();
    State { order: Some(order), ..State::default() }.weight()
}

/// A weight is an estimate, but it bounds the memory.
#[test]
fn each_part_of_an_order_weighs_about_what_it_takes() {
    let parts =
        [size_of::<Line>(), size_of::<Payment>(), size_of::<Refund>(), size_of::<Shipment>()];
    let ten = [10; 5];
    for (part, size) in parts.into_iter().chain([10 * size_of::<ShippedLine>()]).enumerate() {
        let mut more = ten;
        more[part] += 1;
        let added = weight(more) - weight(ten);
        assert!((size..5 * size).contains(&added), "part {part} of {size} bytes adds {added}");
    }
    assert!((size_of::<Order>()..5 * size_of::<Order>()).contains(&weight([0; 5])));
}
