//! Commands on orders: accepted ones are stored, folded and shown; a refusal reads the same when it is replayed.

use crate::refusals::client_error;
use chrono::{DateTime, TimeDelta};
use command_service::http::problem;
use command_service::json::{self, Errors, InUse, Pointer};
use command_service::orders::commands;
use command_service::pipeline::{Commanded, Refusal, Settles};
use domain::order::{
    CommandName, Order, OrderAggregate, OrderCommand, OrderDocument, OrderEvent, OrderRejection,
};
use domain::{Aggregate, Timestamp};
use serde_json::Value;
use std::sync::LazyLock;
use uuid::Uuid;

/// Orders to decide on, as their events: of every status, with shipped and unshipped lines, paid and unpaid.
const LIVES: [&str; 6] = [
    include_str!("lives/draft"),
    include_str!("lives/empty-draft"),
    include_str!("lives/placed"),
    include_str!("lives/confirmed"),
    include_str!("lives/completed"),
    include_str!("lives/cancelled"),
];

static ORDERS: LazyLock<Vec<Option<Order>>> =
    LazyLock::new(|| std::iter::once(None).chain(LIVES.map(lived)).collect());

/// One of each command, with the lines and parcels of the orders above.
const ASKED: [&str; 13] = [
    r#"create {"customer":{"id":"c"},"currency":"USD","lines":[]}"#,
    r#"add-line {"product_id":"p","name":"n","quantity":100000,"unit_price":"1"}"#,
    r#"change-line-quantity {"line_id":1,"quantity":1}"#,
    r#"remove-line {"line_id":1}"#,
    r#"place {}"#,
    r#"discard {}"#,
    r#"confirm {}"#,
    r#"record-payment {"payment_id":"p9","amount":"1"}"#,
    r#"record-refund {"refund_id":"r9","amount":"1"}"#,
    r#"ship {"shipment_id":"s9"}"#,
    r#"deliver {"shipment_id":"s1"}"#,
    r#"cancel {"reason":"r"}"#,
    r#"add-note {"text":"t"}"#,
];

pub(crate) static COMMANDS: LazyLock<Vec<OrderCommand>> = LazyLock::new(|| {
    let command = |asked: &str| {
        let (name, body) = asked.split_once(' ').expect("a name and a body");
        let name = CommandName::from_wire(name).expect("a command");
        let tree = json::parse(body.as_bytes()).expect("a document");
        let mut errors = Errors::default();
        let read = commands::read(name, tree, InUse::Today, &Pointer::Root, &mut errors);
        errors.result(read).expect("a body that is taken")
    };
    ASKED.map(command).into()
});

fn lived(life: &str) -> Option<Order> {
    let event = |line: &str| {
        let (name, payload) = line.split_once(' ').expect("a name and a payload");
        let (version, payload) = payload.split_once(' ').expect("a version and a payload");
        let version = version.parse().expect("a version");
        OrderAggregate::decode(name, version, payload.as_bytes()).expect("a stored event")
    };
    let events: Vec<OrderEvent> = life.lines().map(event).collect();
    fold(None, &events)
}

/// The moment of the `version`-th event.
pub(crate) fn at(version: usize) -> Timestamp {
    let first = DateTime::from_timestamp(1_700_000_000, 0).expect("a time of this century");
    first + TimeDelta::seconds(i64::try_from(version).expect("few events"))
}

pub(crate) fn fold(state: Option<Order>, events: &[OrderEvent]) -> Option<Order> {
    let folded = events.iter().enumerate();
    folded.fold(state, |state, (index, event)| OrderAggregate::evolve(state, event, at(index)))
}

/// Decides a command on an order of each status, and on none.
pub(crate) fn decide(command: &OrderCommand) {
    for state in ORDERS.iter() {
        decide_on(state, command);
    }
}

/// Decides a command on one order.
pub(crate) fn decide_on(state: &Option<Order>, command: &OrderCommand) {
    match OrderAggregate::decide(state, command) {
        Ok(events) => decided(state, command, &events),
        Err(rejection) => refused(&rejection),
    }
}

fn decided(state: &Option<Order>, command: &OrderCommand, events: &[OrderEvent]) {
    let begun = state.is_some();
    assert!(begun == !matches!(command, OrderCommand::Create { .. }), "{command:?}");
    if let Some(order) = state {
        assert!(events.is_empty() || order.allows(command.name()), "{command:?}");
    }
    for event in events {
        let stored = OrderAggregate::encode(event);
        let (name, version) = (stored.event_type, stored.schema_version);
        let read = OrderAggregate::decode(name, version, &stored.payload);
        assert_eq!(read.as_ref(), Ok(event));
    }
    let Some(order) = fold(state.clone(), events) else { panic!("{events:?} end in nothing") };
    let (order_id, version) = (Uuid::nil(), 1);
    let document = OrderDocument { order_id, version, position: 1, order: &order, notes: &[] };
    serde_json::from_slice::<Value>(&document.to_json()).expect("the order document is JSON");
    // An external fact is recorded once, and no other command can be repeated.
    let again = OrderAggregate::decide(&Some(order), command);
    match command {
        OrderCommand::RecordPayment { .. }
        | OrderCommand::RecordRefund { .. }
        | OrderCommand::Ship { .. }
        | OrderCommand::Deliver { .. }
        | OrderCommand::ChangeLineQuantity { .. } => assert_eq!(again, Ok(vec![]), "{command:?}"),
        OrderCommand::AddLine(_) | OrderCommand::AddNote { .. } => {}
        _ => assert!(again.is_err(), "{command:?}"),
    }
}

/// A refusal that settles its key reads the same from its stored form.
fn refused(rejection: &OrderRejection) {
    let first = problem::<OrderAggregate>(Refusal::Rejected(rejection.clone()));
    client_error(&first);
    if OrderAggregate::settles(rejection) == Settles::Key {
        let again = problem::<OrderAggregate>(Refusal::Replayed(OrderAggregate::keep(rejection)));
        let document = |problem: server::Problem| problem.document("/v1/orders", "c-1").to_string();
        assert_eq!(document(first), document(again));
    }
}
