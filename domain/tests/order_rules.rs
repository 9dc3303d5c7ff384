//! The rules of each command: given these commands, when this one comes, then these events or this rejection follow.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use domain::order::{CommandName, FulfillmentStatus, OrderCommand, OrderEvent, OrderRejection};
use domain::order::{MAX_LINES, PaymentStatus, Status};
use domain::{Currency, money::MAX_PUBLIC_MINOR};
use support::*;

fn two_lines() -> OrderCommand {
    create(false, vec![line("tea", 2, 1000), line("pot", 1, 500)])
}

fn placed() -> Story {
    given(&[two_lines()])
}

fn confirmed() -> Story {
    given(&[two_lines(), OrderCommand::Confirm])
}

/// The pointers and codes of the broken fields.
fn fields(result: Result<Vec<&'static str>, OrderRejection>) -> Vec<(String, &'static str)> {
    match result {
        Err(OrderRejection::Invalid(errors)) => {
            errors.into_iter().map(|(pointer, error)| (pointer, error.code)).collect()
        }
        other => panic!("expected broken fields, got {other:?}"),
    }
}

fn field(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn an_order_without_lines_is_refused_unless_it_is_a_draft() {
    let nothing = Story::default();
    assert_eq!(fields(nothing.when(&create(false, vec![]))), field("/lines", "empty-order"));
    assert_eq!(nothing.when(&create(true, vec![])), Ok(vec!["OrderDrafted"]));
}

#[test]
fn an_id_is_used_once_and_must_be_known() {
    assert_eq!(placed().when(&two_lines()), Err(OrderRejection::OrderAlreadyExists));
    assert_eq!(Story::default().when(&note()), Err(OrderRejection::OrderNotFound));
}

#[test]
fn totals_beyond_the_public_limit_are_refused() {
    let nothing = Story::default();
    let line_too_dear = create(false, vec![line("tea", 2, MAX_PUBLIC_MINOR)]);
    assert_eq!(fields(nothing.when(&line_too_dear)), field("/lines/0/unit_price", "out-of-range"));
    let sum_too_dear = create(false, vec![line("a", 1, MAX_PUBLIC_MINOR), line("b", 1, 1)]);
    assert_eq!(fields(nothing.when(&sum_too_dear)), field("/lines", "out-of-range"));
    // A line that is too expensive by itself is the only one named: it is in no sum.
    let both =
        vec![line("a", 1, MAX_PUBLIC_MINOR), line("b", 2, MAX_PUBLIC_MINOR), line("c", 1, 1)];
    let both = fields(nothing.when(&create(false, both)));
    assert_eq!(both, field("/lines/1/unit_price", "out-of-range"));
    let draft = given(&[create(true, vec![line("a", 1, MAX_PUBLIC_MINOR)])]);
    assert_eq!(fields(draft.when(&add_line("b", 1, "0.01"))), field("/unit_price", "out-of-range"));
    assert_eq!(draft.when(&add_line("b", 1, "0")), Ok(vec!["LineAdded"]));
    let more = OrderCommand::ChangeLineQuantity { line_id: 1, quantity: 2 };
    assert_eq!(fields(draft.when(&more)), field("/quantity", "out-of-range"));
}

#[test]
fn an_order_has_at_most_two_thousand_lines() {
    let full: Vec<_> = (0..MAX_LINES).map(|_| line("tea", 1, 1)).collect();
    let mut too_many = full.clone();
    too_many.push(line("tea", 1, 1));
    assert_eq!(
        fields(Story::default().when(&create(false, too_many))),
        field("/lines", "too-many")
    );
    let draft = given(&[create(true, full)]);
    let refused = draft.when(&add_line("tea", 1, "1"));
    assert!(matches!(refused, Err(OrderRejection::IllegalTransition { .. })), "{refused:?}");
}

#[test]
fn line_ids_are_never_used_again() {
    let mut draft = given(&[create(true, vec![line("tea", 1, 100)]), add_line("pot", 1, "2")]);
    draft.tell(&OrderCommand::RemoveLine { line_id: 2 }).unwrap();
    draft.tell(&add_line("cup", 1, "3")).unwrap();
    let ids: Vec<_> = draft.order().lines.iter().map(|line| line.line_id).collect();
    assert_eq!(ids, [1, 3]);
    assert_eq!(draft.order().total, cents(400));
}

#[test]
fn changing_a_quantity_to_what_it_is_changes_nothing() {
    let draft = given(&[create(true, vec![line("tea", 2, 100)])]);
    let change = |line_id, quantity| OrderCommand::ChangeLineQuantity { line_id, quantity };
    assert_eq!(draft.when(&change(1, 2)), Ok(vec![]));
    assert_eq!(draft.when(&change(1, 3)), Ok(vec!["LineQuantityChanged"]));
    assert_eq!(fields(draft.when(&change(9, 3))), field("/line_id", "unknown-line"));
}

#[test]
fn a_draft_is_placed_at_the_total_the_customer_saw() {
    let draft = given(&[create(true, vec![line("tea", 2, 1000)])]);
    let expecting = |total: &str| OrderCommand::Place { expected_total: Some(total.to_owned()) };
    assert_eq!(draft.when(&expecting("20")), Ok(vec!["OrderPlaced"]));
    let changed = OrderRejection::PriceChanged { actual_total: cents(2000) };
    assert_eq!(draft.when(&expecting("19.99")), Err(changed));
    assert_eq!(fields(draft.when(&expecting("20.001"))), field("/expected_total", "too-precise"));
    let empty = given(&[create(true, vec![])]);
    assert_eq!(empty.when(&place()), Err(OrderRejection::EmptyOrder));
}

#[test]
fn a_payment_is_recorded_once() {
    let paid = given(&[two_lines(), pay("p", "5.00")]);
    assert_eq!(paid.when(&pay("p", "5")), Ok(vec![]));
    assert_eq!(paid.when(&pay("p", "6")), Err(OrderRejection::PaymentConflict));
    assert_eq!(paid.order().payment_status(), PaymentStatus::PartiallyPaid);
}

#[test]
fn amounts_are_read_in_the_orders_currency() {
    let placed = placed();
    assert_eq!(fields(placed.when(&pay("p", "5.001"))), field("/amount", "too-precise"));
    assert_eq!(fields(placed.when(&pay("p", "five"))), field("/amount", "invalid-format"));
    assert_eq!(fields(placed.when(&pay("p", "0"))), field("/amount", "out-of-range"));
    assert_eq!(fields(placed.when(&pay("p", "-1"))), field("/amount", "out-of-range"));
    let in_euros = OrderCommand::RecordPayment {
        payment_id: id("p"),
        amount: "5".to_owned(),
        currency: Currency::from_code("EUR"),
        method: None,
    };
    assert_eq!(fields(placed.when(&in_euros)), field("/currency", "currency-mismatch"));
}

#[test]
fn payments_add_up_to_at_most_the_public_limit() {
    let paid = given(&[two_lines(), pay("p", "90071992547409.91")]);
    assert_eq!(fields(paid.when(&pay("q", "0.01"))), field("/amount", "out-of-range"));
    assert_eq!(paid.order().payment_status(), PaymentStatus::Overpaid);
}

#[test]
fn a_payment_after_cancellation_is_recorded() {
    let mut cancelled = given(&[two_lines(), cancel()]);
    assert_eq!(cancelled.order().balance_due(), cents(0));
    cancelled.tell(&pay("p", "30")).unwrap();
    assert_eq!(cancelled.order().status, Status::Cancelled);
    assert_eq!(cancelled.order().balance_due(), cents(0));
}

#[test]
fn refunds_never_exceed_what_was_paid() {
    let mut paid = given(&[two_lines(), pay("p", "25"), refund("r", "10")]);
    let exceeds = OrderRejection::RefundExceedsCaptured { refundable: cents(1500) };
    assert_eq!(paid.when(&refund("s", "15.01")), Err(exceeds));
    assert_eq!(paid.when(&refund("r", "10")), Ok(vec![]));
    assert_eq!(paid.when(&refund("r", "11")), Err(OrderRejection::RefundConflict));
    assert_eq!(paid.order().payment_status(), PaymentStatus::PartiallyRefunded);
    paid.tell(&refund("s", "15")).unwrap();
    assert_eq!(paid.order().payment_status(), PaymentStatus::Refunded);
    let nothing_paid = OrderRejection::RefundExceedsCaptured { refundable: cents(0) };
    assert_eq!(placed().when(&refund("r", "1")), Err(nothing_paid));
}

#[test]
fn shipping_takes_all_that_remains_or_what_is_named() {
    let mut order = confirmed();
    order.tell(&ship_lines("s1", Some(&[(1, 1)]))).unwrap();
    assert_eq!(order.order().fulfillment_status(), FulfillmentStatus::PartiallyShipped);
    let exceeds = OrderRejection::QuantityExceedsRemaining { line_id: 1, remaining: 1 };
    assert_eq!(order.when(&ship_lines("s2", Some(&[(1, 2)]))), Err(exceeds));
    let broken = order.when(&ship_lines("s2", Some(&[(2, 1), (2, 1), (7, 1)])));
    let expected = [("/lines/1/line_id", "repeated-line"), ("/lines/2/line_id", "unknown-line")];
    assert_eq!(fields(broken), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    order.tell(&ship("s2")).unwrap();
    assert_eq!(order.order().fulfillment_status(), FulfillmentStatus::Shipped);
    assert_eq!(order.order().shipments[1].lines.len(), 2);
    let nothing_left = order.when(&ship("s3"));
    assert!(matches!(nothing_left, Err(OrderRejection::IllegalTransition { .. })));
    let none_of_one = OrderRejection::QuantityExceedsRemaining { line_id: 1, remaining: 0 };
    assert_eq!(order.when(&ship_lines("s3", Some(&[(1, 1)]))), Err(none_of_one));
}

#[test]
fn a_shipment_of_no_lines_is_a_broken_field_not_an_illegal_transition() {
    let order = confirmed();
    assert!(order.order().allows(CommandName::Ship));
    assert_eq!(fields(order.when(&ship_lines("s", Some(&[])))), field("/lines", "too-few"));
}

#[test]
fn all_that_remains_is_not_what_a_partial_shipment_took() {
    let mut order = confirmed();
    order.tell(&ship_lines("s1", Some(&[(1, 1)]))).unwrap();
    assert_eq!(order.when(&ship("s1")), Err(OrderRejection::ShipmentConflict));
    order.tell(&ship("s2")).unwrap();
    assert_eq!(order.when(&ship("s1")), Err(OrderRejection::ShipmentConflict));
    assert_eq!(order.when(&ship("s2")), Ok(vec![]));
    assert_eq!(order.when(&ship_lines("s1", Some(&[(1, 1)]))), Ok(vec![]));
    order.tell(&deliver("s2")).unwrap();
    assert_eq!(order.when(&ship("s2")), Ok(vec![]));
}

#[test]
fn a_shipment_is_recorded_once() {
    let shipped =
        given(&[two_lines(), OrderCommand::Confirm, ship_lines("s", Some(&[(2, 1), (1, 2)]))]);
    assert_eq!(shipped.when(&ship_lines("s", Some(&[(1, 2), (2, 1)]))), Ok(vec![]));
    assert_eq!(shipped.when(&ship("s")), Ok(vec![]));
    let other = shipped.when(&ship_lines("s", Some(&[(1, 1)])));
    assert_eq!(other, Err(OrderRejection::ShipmentConflict));
}

#[test]
fn deliveries_are_of_known_shipments_and_count_once() {
    let mut shipped =
        given(&[two_lines(), OrderCommand::Confirm, ship_lines("s", Some(&[(1, 2)]))]);
    assert_eq!(fields(shipped.when(&deliver("t"))), field("/shipment_id", "unknown-shipment"));
    shipped.tell(&deliver("s")).unwrap();
    assert_eq!(shipped.order().fulfillment_status(), FulfillmentStatus::PartiallyDelivered);
    assert_eq!(shipped.when(&deliver("s")), Ok(vec![]));
}

#[test]
fn the_command_that_makes_an_order_complete_records_it() {
    let by_delivery = given(&[two_lines(), OrderCommand::Confirm, pay("p", "25"), ship("s")]);
    assert_eq!(by_delivery.when(&deliver("s")), Ok(vec!["ShipmentDelivered", "OrderCompleted"]));
    let by_payment = given(&[two_lines(), OrderCommand::Confirm, ship("s"), deliver("s")]);
    assert_eq!(by_payment.when(&pay("p", "24.99")), Ok(vec!["PaymentRecorded"]));
    assert_eq!(by_payment.when(&pay("p", "26")), Ok(vec!["PaymentRecorded", "OrderCompleted"]));
}

#[test]
fn an_order_that_costs_nothing_is_paid_from_its_placement_on() {
    let gift = create(false, vec![line("tea", 1, 0)]);
    assert_eq!(given(std::slice::from_ref(&gift)).order().payment_status(), PaymentStatus::Paid);
    let draft = given(&[create(true, vec![line("tea", 1, 0)])]);
    assert_eq!(draft.order().payment_status(), PaymentStatus::Unpaid);
    let shipped = given(&[gift, OrderCommand::Confirm, ship("s")]);
    assert_eq!(shipped.when(&deliver("s")), Ok(vec!["ShipmentDelivered", "OrderCompleted"]));
}

#[test]
fn an_order_is_complete_when_what_was_kept_of_the_payments_covers_it() {
    let shipped = |payments: &[OrderCommand]| {
        let mut story = given(&[two_lines(), OrderCommand::Confirm]);
        for payment in payments {
            story.tell(payment).unwrap();
        }
        story.tell(&ship("s")).unwrap();
        story
    };
    let completes = Ok(vec!["ShipmentDelivered", "OrderCompleted"]);
    let delivers = Ok(vec!["ShipmentDelivered"]);
    // The order costs 25.00.
    assert_eq!(shipped(&[pay("p", "32.50"), refund("r", "7.50")]).when(&deliver("s")), completes);
    assert_eq!(shipped(&[pay("p", "50"), refund("r", "1")]).when(&deliver("s")), completes);
    let mut short = shipped(&[pay("p", "32.50"), refund("r", "7.51")]);
    assert_eq!(short.when(&deliver("s")), delivers);
    short.tell(&deliver("s")).unwrap();
    assert_eq!(short.when(&pay("q", "0.01")), Ok(vec!["PaymentRecorded", "OrderCompleted"]));
    short.tell(&refund("s", "5")).unwrap();
    assert_eq!(short.when(&pay("q", "5.00")), Ok(vec!["PaymentRecorded"]));
    assert_eq!(short.when(&pay("q", "5.01")), Ok(vec!["PaymentRecorded", "OrderCompleted"]));
}

#[test]
fn a_refund_after_completion_leaves_the_order_complete() {
    let mut story = given(&[two_lines(), OrderCommand::Confirm, pay("p", "25"), ship("s")]);
    story.tell(&deliver("s")).unwrap();
    assert_eq!(story.when(&refund("r", "25")), Ok(vec!["RefundRecorded"]));
    story.tell(&refund("r", "25")).unwrap();
    assert_eq!(
        (story.order().status, story.order().balance_due()),
        (Status::Completed, cents(2500))
    );
    assert_eq!(story.when(&pay("q", "25")), Ok(vec!["PaymentRecorded"]));
}

#[test]
fn nothing_is_due_below_zero_or_for_an_order_that_will_not_be() {
    let overpaid = given(&[two_lines(), pay("p", "30")]);
    assert_eq!(overpaid.order().balance_due(), cents(0));
    assert_eq!(given(&[two_lines(), cancel()]).order().balance_due(), cents(0));
    let draft = given(&[create(true, vec![line("tea", 1, 1000)])]);
    assert_eq!(draft.order().balance_due(), cents(1000));
    let mut discarded = draft;
    discarded.tell(&OrderCommand::Discard).unwrap();
    assert_eq!(discarded.order().balance_due(), cents(0));
    let refunded = given(&[two_lines(), pay("p", "25"), refund("r", "5"), cancel()]);
    assert_eq!(refunded.order().balance_due(), cents(0));
    assert_eq!(
        given(&[two_lines(), pay("p", "25"), refund("r", "5")]).order().balance_due(),
        cents(500)
    );
}

#[test]
fn a_cancellation_repeats_what_it_takes_back() {
    let mut order = confirmed();
    let decided = order.tell(&cancel()).unwrap();
    let [OrderEvent::OrderCancelled { customer_id, placed_at, total, lines, .. }] = &decided[..]
    else {
        panic!("{decided:?}");
    };
    assert_eq!((customer_id, *placed_at, *total), (&id("c-1"), at(1), cents(2500)));
    let totals: Vec<_> = lines.iter().map(|line| (line.quantity, line.line_total)).collect();
    assert_eq!(totals, [(2, cents(2000)), (1, cents(500))]);
}

#[test]
fn what_was_shipped_cannot_be_cancelled() {
    let shipped = given(&[two_lines(), OrderCommand::Confirm, ship_lines("s", Some(&[(1, 1)]))]);
    let Err(OrderRejection::IllegalTransition { current_status, allowed_commands, .. }) =
        shipped.when(&cancel())
    else {
        panic!("a shipped order was cancelled");
    };
    assert_eq!(current_status, Status::Confirmed);
    use CommandName::*;
    assert_eq!(allowed_commands, [RecordPayment, Ship, Deliver, AddNote]);
}
