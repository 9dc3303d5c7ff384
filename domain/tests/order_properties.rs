//! Laws that hold for every order: random commands, checked after every step.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use domain::order::{
    CommandName, FulfillmentStatus, Line, NoteEntry, Order, OrderAggregate, OrderCommand,
    OrderDocument, OrderEvent, OrderRejection, PaymentStatus, Status,
};
use domain::{Aggregate, Money};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::cmp::Ordering;
use support::*;
use uuid::Uuid;

/// Only a few ids, so that repetitions and conflicts are common.
fn some_id(prefix: &'static str) -> impl Strategy<Value = String> {
    (0..6).prop_map(move |number| format!("{prefix}-{number}"))
}

fn amount() -> impl Strategy<Value = String> {
    prop_oneof![
        (1_i64..3_000).prop_map(|minor| cents(minor).to_string()),
        Just("10".to_owned()),
        Just("0".to_owned()),
        Just("1.005".to_owned()),
    ]
}

fn shipped_lines() -> impl Strategy<Value = Option<Vec<(u32, u32)>>> {
    prop::option::of(prop::collection::vec((1_u32..6, 1_u32..4), 1..4))
}

fn any_command() -> impl Strategy<Value = OrderCommand> {
    prop_oneof![
        1 => (any::<bool>(), prop::collection::vec((1_u32..5, 0_i64..900), 0..4)).prop_map(|(draft, lines)| {
            create(draft, lines.into_iter().map(|(quantity, price)| line("tea", quantity, price)).collect())
        }),
        3 => (1_u32..5, amount()).prop_map(|(quantity, price)| add_line("pot", quantity, &price)),
        2 => (1_u32..6, 1_u32..5).prop_map(|(line_id, quantity)| OrderCommand::ChangeLineQuantity { line_id, quantity }),
        1 => (1_u32..6).prop_map(|line_id| OrderCommand::RemoveLine { line_id }),
        2 => prop::option::of(amount()).prop_map(|expected_total| OrderCommand::Place { expected_total }),
        1 => prop::bool::weighted(0.1).prop_map(|discard| if discard { OrderCommand::Discard } else { note() }),
        3 => Just(OrderCommand::Confirm),
        4 => (some_id("p"), amount()).prop_map(|(payment, amount)| pay(&payment, &amount)),
        2 => (some_id("r"), amount()).prop_map(|(id, amount)| refund(&id, &amount)),
        5 => (some_id("s"), shipped_lines()).prop_map(|(shipment, lines)| ship_lines(&shipment, lines.as_deref())),
        5 => some_id("s").prop_map(|shipment| deliver(&shipment)),
        1 => prop::bool::weighted(0.2).prop_map(|call_off| if call_off { cancel() } else { note() }),
        1 => Just(note()),
    ]
}

/// An order that begins as a draft or placed, and then at least 50 commands.
fn commands() -> impl Strategy<Value = Vec<OrderCommand>> {
    let first = any::<bool>()
        .prop_map(|draft| create(draft, vec![line("tea", 3, 250), line("pot", 1, 999)]));
    (first, prop::collection::vec(any_command(), 50..80)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

/// For each command, a body that is accepted if any is.
fn fitting_body(story: &Story, command: CommandName) -> OrderCommand {
    let order = story.order();
    match command {
        CommandName::Create => create(false, vec![line("tea", 1, 1)]),
        CommandName::AddLine => add_line("fresh", 1, "0"),
        CommandName::ChangeLineQuantity => OrderCommand::ChangeLineQuantity {
            line_id: order.lines.first().map_or(1, |line| line.line_id),
            quantity: 1,
        },
        CommandName::RemoveLine => {
            OrderCommand::RemoveLine { line_id: order.lines.first().map_or(1, |line| line.line_id) }
        }
        CommandName::Place => place(),
        CommandName::Discard => OrderCommand::Discard,
        CommandName::Confirm => OrderCommand::Confirm,
        CommandName::RecordPayment => pay("fresh", "0.01"),
        CommandName::RecordRefund => refund("fresh", "0.01"),
        CommandName::Ship => ship("fresh"),
        CommandName::Deliver => deliver(
            order
                .shipments
                .iter()
                .find(|shipment| shipment.delivered_at.is_none())
                .map_or("fresh", |shipment| shipment.shipment_id.as_str()),
        ),
        CommandName::Cancel => cancel(),
        CommandName::AddNote => note(),
    }
}

fn check_counters(story: &Story) -> Result<(), TestCaseError> {
    let order = story.order();
    for line in &order.lines {
        prop_assert!(line.delivered <= line.shipped && line.shipped <= line.quantity);
    }
    prop_assert!(order.refunded.minor() >= 0 && order.refunded.minor() <= order.paid.minor());
    let total = Money::sum(order.currency, order.lines.iter().map(|line| line.total())).unwrap();
    prop_assert_eq!(order.total, total);
    let paid =
        Money::sum(order.currency, order.payments.iter().map(|payment| payment.amount)).unwrap();
    prop_assert_eq!(order.paid, paid);
    let units: u64 = order.lines.iter().map(|line| u64::from(line.quantity)).sum();
    prop_assert_eq!(order.units(), units);
    prop_assert_eq!(order.fulfillment_status(), fulfillment(&order.lines));
    prop_assert_eq!(order.payment_status(), payment(order));
    check_balance_and_completion(order)
}

/// The status of fulfilment, line by line.
fn fulfillment(lines: &[Line]) -> FulfillmentStatus {
    let every = |counter: fn(&Line) -> u32| lines.iter().all(|line| counter(line) == line.quantity);
    let any = |counter: fn(&Line) -> u32| lines.iter().any(|line| counter(line) > 0);
    match (any(|line| line.shipped), any(|line| line.delivered)) {
        (false, _) => FulfillmentStatus::Unfulfilled,
        (true, false) if every(|line| line.shipped) => FulfillmentStatus::Shipped,
        (true, false) => FulfillmentStatus::PartiallyShipped,
        (true, true) if every(|line| line.delivered) => FulfillmentStatus::Delivered,
        (true, true) => FulfillmentStatus::PartiallyDelivered,
    }
}

/// The status of payment, from the payments and refunds one by one.
fn payment(order: &Order) -> PaymentStatus {
    let total: i64 =
        order.lines.iter().map(|line| i64::from(line.quantity) * line.unit_price.minor()).sum();
    let paid: i64 = order.payments.iter().map(|payment| payment.amount.minor()).sum();
    let refunded: i64 = order.refunds.iter().map(|refund| refund.amount.minor()).sum();
    let was_placed = !matches!(order.status, Status::Draft | Status::Discarded);
    match (refunded, paid.cmp(&total)) {
        (1.., _) if refunded == paid => PaymentStatus::Refunded,
        (1.., _) => PaymentStatus::PartiallyRefunded,
        (_, Ordering::Greater) => PaymentStatus::Overpaid,
        (_, Ordering::Equal) if was_placed => PaymentStatus::Paid,
        _ if paid == 0 => PaymentStatus::Unpaid,
        _ => PaymentStatus::PartiallyPaid,
    }
}

/// The balance due is never below zero, and an order that could be complete is complete.
fn check_balance_and_completion(order: &Order) -> Result<(), TestCaseError> {
    let (total, kept) = (order.total.minor(), order.paid.minor() - order.refunded.minor());
    let gone = matches!(order.status, Status::Cancelled | Status::Discarded);
    let due = if gone || kept >= total { 0 } else { total - kept };
    prop_assert_eq!(order.balance_due(), cents(due));
    let delivered = order.lines.iter().all(|line| line.delivered == line.quantity);
    prop_assert!(order.status != Status::Confirmed || !delivered || kept < total);
    prop_assert!(order.status != Status::Completed || delivered);
    Ok(())
}

/// Every allowed command has a body that is accepted; every other is refused, by the lifecycle unless a more precise
/// rule says what is missing (a line, a shipment, a payment).
fn check_allowed(story: &Story) -> Result<(), TestCaseError> {
    let allowed = story.order().allowed_commands();
    for command in CommandName::ALL {
        let outcome = story.when(&fitting_body(story, command));
        if allowed.contains(&command) {
            prop_assert!(outcome.is_ok(), "{} is allowed but {:?}", command.as_str(), outcome);
            continue;
        }
        let precise = match command {
            CommandName::Create => matches!(outcome, Err(OrderRejection::OrderAlreadyExists)),
            CommandName::RecordRefund => {
                matches!(outcome, Err(OrderRejection::RefundExceedsCaptured { .. }))
            }
            CommandName::Deliver => matches!(outcome, Err(OrderRejection::Invalid(_))),
            CommandName::Place => matches!(outcome, Err(OrderRejection::EmptyOrder)),
            CommandName::ChangeLineQuantity | CommandName::RemoveLine => {
                story.order().lines.is_empty() && matches!(outcome, Err(OrderRejection::Invalid(_)))
            }
            _ => false,
        };
        let illegal = matches!(outcome, Err(OrderRejection::IllegalTransition { .. }));
        prop_assert!(illegal || precise, "{} is not allowed but {:?}", command.as_str(), outcome);
    }
    Ok(())
}

fn is_final(status: Status) -> bool {
    matches!(status, Status::Completed | Status::Cancelled | Status::Discarded)
}

proptest! {
    #[test]
    fn every_step_keeps_the_invariants(commands in commands()) {
        let mut story = Story::default();
        for command in &commands {
            let before = story.clone();
            match story.tell(command) {
                Ok(_) => {
                    if let Some(was) = before.state.as_ref().filter(|was| is_final(was.status)) {
                        prop_assert_eq!(was.status, story.order().status);
                    }
                    let fact = matches!(command.name(),
                        CommandName::RecordPayment | CommandName::RecordRefund | CommandName::Ship | CommandName::Deliver);
                    if fact {
                        prop_assert_eq!(story.when(command), Ok(vec![]), "{:?} was recorded twice", command);
                    }
                }
                Err(_) => prop_assert_eq!(&before.state, &story.state),
            }
            check_counters(&story)?;
            check_allowed(&story)?;
        }
        prop_assert_eq!(&fold(None, &story.events, 1), &story.state);
    }

    #[test]
    fn folding_in_two_parts_is_folding_in_one(commands in commands(), cut in any::<prop::sample::Index>()) {
        let mut story = Story::default();
        for command in &commands {
            let _ = story.tell(command);
        }
        let cut = cut.index(story.events.len() + 1);
        let (first, second) = story.events.split_at(cut);
        prop_assert_eq!(&fold(fold(None, first, 1), second, cut + 1), &story.state);
    }

    #[test]
    fn every_event_reads_back_as_it_was_stored(commands in commands()) {
        let mut story = Story::default();
        for command in &commands {
            let _ = story.tell(command);
        }
        for event in &story.events {
            let stored = OrderAggregate::encode(event);
            let read = OrderAggregate::decode(stored.event_type, stored.schema_version, &stored.payload);
            prop_assert_eq!(read.as_ref(), Ok(event));
        }
    }

    #[test]
    fn a_composed_order_reads_back_into_its_state(commands in commands()) {
        let mut story = Story::default();
        let mut notes = Vec::new();
        for command in &commands {
            for event in story.tell(command).unwrap_or_default() {
                if let OrderEvent::NoteAdded { text } = event {
                    notes.push(NoteEntry { text, occurred_at: at(story.events.len()) });
                }
            }
        }
        let order = story.order();
        let document = OrderDocument { order_id: Uuid::nil(), version: 1, position: 1, order, notes: &notes };
        let (mut read, read_notes) = domain::order::document::restore(&document.to_json()).unwrap();
        read.next_line_id = order.next_line_id;
        prop_assert_eq!(&read, order);
        prop_assert_eq!(&read_notes, &notes);
        let snapshot = serde_json::to_vec(&story.state).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<<OrderAggregate as Aggregate>::State>(&snapshot).unwrap(), &story.state);
    }
}

/// A generator that misses statuses would prove little.
#[test]
fn random_commands_ask_for_everything() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut asked = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let commands = commands().new_tree(&mut runner).unwrap().current();
        asked.extend(commands.iter().map(OrderCommand::name));
    }
    assert!(asked.iter().eq(&CommandName::ALL), "{asked:?}: add the new command to `any_command`");
}

#[test]
fn random_commands_reach_every_status() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        let commands = commands().new_tree(&mut runner).unwrap().current();
        let mut story = Story::default();
        for command in &commands {
            let _ = story.tell(command);
        }
        reached.insert(story.order().status);
    }
    assert_eq!(reached.len(), Status::ALL.len(), "{reached:?}");
}
