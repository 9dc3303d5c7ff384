//! The order document, byte for byte: members, their order, amounts as strings, absent facts as null.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use domain::order::document::restore;
use domain::order::{
    CommandName, FulfillmentStatus, NoteEntry, OrderCommand, OrderDocument, PaymentStatus, Status,
};
use domain::{Currency, Label, Money, Note, Reason};
use support::*;
use uuid::Uuid;

fn document(story: &Story, notes: &[NoteEntry]) -> String {
    let (order_id, version) = (Uuid::from_u128(7), story.events.len() as u64);
    let json = OrderDocument { order_id, version, position: 40, order: story.order(), notes };
    String::from_utf8(json.to_json()).unwrap()
}

/// An order with every kind of fact: paid, partly refunded, shipped in two parcels, one delivered.
fn eventful() -> Story {
    let label = |text: &str| Some(Label::parse(text).unwrap());
    given(&[
        create(false, vec![line("tea", 2, 1000), line("pot", 1, 505)]),
        OrderCommand::Confirm,
        OrderCommand::RecordPayment {
            payment_id: id("p"),
            amount: "25.05".to_owned(),
            currency: Some(usd()),
            method: label("card"),
        },
        OrderCommand::RecordRefund {
            refund_id: id("r"),
            amount: "5".to_owned(),
            currency: None,
            reason: Some(Reason::parse("chipped \"pot\"").unwrap()),
        },
        OrderCommand::Ship {
            shipment_id: id("s1"),
            carrier: label("DHL"),
            tracking_number: label("00340"),
            lines: Some(vec![domain::order::ShippedLine { line_id: 1, quantity: 1 }]),
        },
        deliver("s1"),
        ship("s2"),
    ])
}

#[test]
fn an_order_reads_exactly_as_documented() {
    let entry = NoteEntry { text: Note::parse("ring twice").unwrap(), occurred_at: at(3) };
    let expected = concat!(
        r#"{"order_id":"00000000-0000-0000-0000-000000000007","status":"confirmed","#,
        r#""payment_status":"partially_refunded","fulfillment_status":"partially_delivered","#,
        r#""version":7,"position":40,"customer":{"id":"c-1","name":"Ada","email":null},"#,
        r#""currency":"USD","lines":[{"line_id":1,"product_id":"tea","name":"tea","quantity":2,"#,
        r#""unit_price":"10.00","line_total":"20.00","shipped":2,"delivered":1},{"line_id":2,"#,
        r#""product_id":"pot","name":"pot","quantity":1,"unit_price":"5.05","line_total":"5.05","#,
        r#""shipped":1,"delivered":0}],"total":"25.05","paid":"25.05","refunded":"5.00","#,
        r#""balance_due":"5.00","payments":[{"payment_id":"p","amount":"25.05","method":"card","#,
        r#""occurred_at":"2023-11-14T22:13:23.000000Z"}],"refunds":[{"refund_id":"r","#,
        r#""amount":"5.00","reason":"chipped \"pot\"","#,
        r#""occurred_at":"2023-11-14T22:13:24.000000Z"}],"shipments":[{"shipment_id":"s1","#,
        r#""carrier":"DHL","tracking_number":"00340","lines":[{"line_id":1,"quantity":1}],"#,
        r#""shipped_at":"2023-11-14T22:13:25.000000Z","#,
        r#""delivered_at":"2023-11-14T22:13:26.000000Z"},{"shipment_id":"s2","carrier":null,"#,
        r#""tracking_number":null,"lines":[{"line_id":1,"quantity":1},{"line_id":2,"quantity":1}],"#,
        r#""shipped_at":"2023-11-14T22:13:27.000000Z","delivered_at":null}],"#,
        r#""notes":[{"text":"ring twice","occurred_at":"2023-11-14T22:13:23.000000Z"}],"#,
        r#""cancel_reason":null,"created_at":"2023-11-14T22:13:21.000000Z","#,
        r#""placed_at":"2023-11-14T22:13:21.000000Z","confirmed_at":"2023-11-14T22:13:22.000000Z","#,
        r#""completed_at":null,"cancelled_at":null,"updated_at":"2023-11-14T22:13:27.000000Z","#,
        r#""allowed_commands":["record-payment","record-refund","deliver","add-note"]}"#,
    );
    let json = document(&eventful(), std::slice::from_ref(&entry));
    assert_eq!(json, expected);
    assert!(json.contains(&format!(r#""notes":[{}]"#, entry.to_json())));
    assert_eq!(restore(json.as_bytes()).unwrap(), (eventful().order().clone(), vec![entry]));
}

#[test]
fn without_notes_the_member_is_an_empty_list_to_splice_into() {
    let json = document(&given(&[create(true, vec![])]), &[]);
    assert!(json.contains(r#","notes":[],"cancel_reason":null,"#), "{json}");
}

#[test]
fn a_cancelled_order_says_why_and_owes_nothing() {
    let mut story = given(&[create(false, vec![line("tea", 1, 1000)]), pay("p", "20"), cancel()]);
    story.tell(&refund("r", "3")).unwrap();
    let json = document(&story, &[]);
    assert!(json.contains(r#""balance_due":"0.00""#), "{json}");
    assert!(json.contains(r#""cancel_reason":"changed my mind""#), "{json}");
    assert!(json.contains(r#""cancelled_at":"2023-11-14T22:13:23.000000Z""#), "{json}");
}

#[test]
fn amounts_have_the_digits_of_the_orders_currency() {
    for (code, minor, shown) in [("JPY", 10, "10"), ("BHD", 1234, "1.234"), ("CLF", 1, "0.0001")] {
        let currency = Currency::from_code(code).unwrap();
        let mut tea = line("tea", 1, 0);
        tea.unit_price = Money::from_minor(minor, currency);
        let (customer, lines) = (customer(), vec![tea]);
        let command = OrderCommand::Create { customer, currency, lines, draft: false, note: None };
        let json = document(&given(&[command]), &[]);
        assert!(json.contains(&format!(r#""unit_price":"{shown}""#)), "{json}");
        assert!(json.contains(&format!(r#""total":"{shown}""#)), "{json}");
        assert!(json.contains(r#""paid":"0"#), "{json}");
        restore(json.as_bytes()).unwrap();
    }
}

#[test]
fn what_is_not_a_composed_order_is_an_error() {
    let json = document(&eventful(), &[]);
    let broken = [
        json.replace(r#""total":"25.05""#, r#""total":"25.055""#),
        json.replace(r#""status":"confirmed""#, r#""status":"lost""#),
        json.replace(r#""currency":"USD""#, r#""currency":"XAU""#),
        json[..json.len() - 1].to_owned(),
    ];
    for broken in broken {
        assert_ne!(broken, json);
        assert!(restore(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn statuses_keep_their_names_and_codes() {
    let lifecycle = ["draft", "placed", "confirmed", "completed", "cancelled", "discarded"];
    let payment =
        ["unpaid", "partially_paid", "paid", "overpaid", "partially_refunded", "refunded"];
    let fulfillment =
        ["unfulfilled", "partially_shipped", "shipped", "partially_delivered", "delivered"];
    assert_eq!(Status::ALL.map(Status::as_str), lifecycle);
    assert_eq!(PaymentStatus::ALL.map(PaymentStatus::as_str), payment);
    assert_eq!(FulfillmentStatus::ALL.map(FulfillmentStatus::as_str), fulfillment);
    for (code, status) in (0_i16..).zip(Status::ALL) {
        assert_eq!((status.code(), Status::from_code(code)), (code, Some(status)));
        assert_eq!(Status::from_wire(status.as_str()), Some(status));
        assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
    }
    for (code, status) in (0_i16..).zip(PaymentStatus::ALL) {
        assert_eq!((status.code(), PaymentStatus::from_code(code)), (code, Some(status)));
        assert_eq!(PaymentStatus::from_wire(status.as_str()), Some(status));
    }
    for (code, status) in (0_i16..).zip(FulfillmentStatus::ALL) {
        assert_eq!((status.code(), FulfillmentStatus::from_code(code)), (code, Some(status)));
        assert_eq!(FulfillmentStatus::from_wire(status.as_str()), Some(status));
    }
    assert_eq!((Status::from_code(6), Status::from_wire("Draft")), (None, None));
}

#[test]
fn commands_are_found_by_their_names() {
    for command in CommandName::ALL {
        assert_eq!(CommandName::from_wire(command.as_str()), Some(command));
    }
    assert_eq!(CommandName::from_wire("Place"), None);
}
