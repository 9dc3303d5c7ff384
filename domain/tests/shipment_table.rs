//! The lifecycle of a shipment as a table: every status × every command and observation, each cell stated.

#![allow(clippy::unwrap_used, missing_docs)]

mod parcel_support;

use domain::shipment::{
    Call, CarrierState, ShipmentAggregate, ShipmentCommand, ShipmentEvent, ShipmentStatus,
};
use domain::{Aggregate, CallFailure, MOST_TRIES};
use parcel_support::*;
use std::collections::BTreeSet;

/// A try of the first booking that failed.
fn fail_book(attempt: u32) -> ShipmentCommand {
    let (call, class) = (Call::book(1), CallFailure::Silence);
    ShipmentCommand::FailCall { call, attempt, class, retry_at: at(99) }
}

/// The shipment that a row is about, and its status.
fn given(row: &str) -> (Vec<ShipmentCommand>, Option<ShipmentStatus>) {
    let seen = |state| observe(1, Some("k-1"), state);
    let booked = || vec![planned(), seen(CarrierState::Booked)];
    let dispatched = |then: &[CarrierState]| {
        let mut commands = booked();
        commands.push(ShipmentCommand::Dispatch);
        commands.extend(then.iter().copied().map(seen));
        commands
    };
    let refused = || vec![planned(), observe(1, None, CarrierState::Failed)];
    let (commands, status) = match row {
        "absent" => return (vec![], None),
        "planned" => (vec![planned()], ShipmentStatus::Planned),
        "planned, booking stuck" => {
            let tries = (1..=MOST_TRIES).map(fail_book);
            ([planned()].into_iter().chain(tries).collect(), ShipmentStatus::Planned)
        }
        "booking failed" => (refused(), ShipmentStatus::BookingFailed),
        "booked" => (booked(), ShipmentStatus::Booked),
        "cancel requested" => {
            ([booked(), vec![cancel()]].concat(), ShipmentStatus::CancelRequested)
        }
        "dispatched" => (dispatched(&[]), ShipmentStatus::Dispatched),
        "dispatched, tracked" => {
            (dispatched(&[CarrierState::InTransit]), ShipmentStatus::Dispatched)
        }
        "delivery failed" => (dispatched(&[CarrierState::Failed]), ShipmentStatus::DeliveryFailed),
        "delivered" => (dispatched(&[CarrierState::Arrived]), ShipmentStatus::Delivered),
        "returned" => (dispatched(&[CarrierState::Returned]), ShipmentStatus::Returned),
        "cancelled" => {
            let settled = vec![cancel(), seen(CarrierState::Cancelled)];
            ([booked(), settled].concat(), ShipmentStatus::Cancelled)
        }
        "cancelled, booking in doubt" => (vec![planned(), cancel()], ShipmentStatus::Cancelled),
        "cancelled, booking refused" => {
            ([refused(), vec![cancel()]].concat(), ShipmentStatus::Cancelled)
        }
        other => panic!("no such row: {other}"),
    };
    (commands, Some(status))
}

/// The command of a column.
fn when(column: &str) -> ShipmentCommand {
    let seen = |state| observe(1, Some("k-1"), state);
    match column {
        "plan" => planned(),
        "plan-other" => {
            let mut other = plan();
            other.lines[0].quantity += 1;
            ShipmentCommand::Plan(Box::new(other))
        }
        "dispatch" => ShipmentCommand::Dispatch,
        "cancel" => cancel(),
        "rebook" => rebook("courier"),
        "retry" => retry(),
        "fail-book" => fail_book(1),
        "booked" => seen(CarrierState::Booked),
        "in-transit" => seen(CarrierState::InTransit),
        "arrived" => seen(CarrierState::Arrived),
        "cancelled" => seen(CarrierState::Cancelled),
        "not-delivered" => seen(CarrierState::Failed),
        "refused" => observe(1, None, CarrierState::Failed),
        "returned" => seen(CarrierState::Returned),
        other => panic!("no such column: {other}"),
    }
}

/// Row, column, and what follows: the events' names, or the problem code after `!`.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str)] = &[
    ("absent", "plan", "ShipmentPlanned"),
    ("absent", "plan-other", "ShipmentPlanned"),
    ("absent", "dispatch", "! shipment-not-found"),
    ("absent", "cancel", "! shipment-not-found"),
    ("absent", "rebook", "! shipment-not-found"),
    ("absent", "retry", "! shipment-not-found"),
    ("absent", "fail-book", "! shipment-not-found"),
    ("absent", "booked", "! shipment-not-found"),
    ("absent", "in-transit", "! shipment-not-found"),
    ("absent", "arrived", "! shipment-not-found"),
    ("absent", "cancelled", "! shipment-not-found"),
    ("absent", "not-delivered", "! shipment-not-found"),
    ("absent", "refused", "! shipment-not-found"),
    ("absent", "returned", "! shipment-not-found"),
    ("planned", "plan", "no event"),
    ("planned", "plan-other", "! shipment-conflict"),
    ("planned", "dispatch", "! shipment-not-booked"),
    ("planned", "cancel", "ShipmentCancelled"),
    ("planned", "rebook", "! rebook-not-possible"),
    ("planned", "retry", "no event"),
    ("planned", "fail-book", "CallFailed"),
    ("planned", "booked", "ShipmentBooked"),
    ("planned", "in-transit", "! shipment-not-booked"),
    ("planned", "arrived", "! shipment-not-booked"),
    ("planned", "cancelled", "ShipmentBooked ShipmentCancelled"),
    ("planned", "not-delivered", "! shipment-not-booked"),
    ("planned", "refused", "BookingRefused"),
    ("planned", "returned", "! shipment-not-booked"),
    ("planned, booking stuck", "plan", "no event"),
    ("planned, booking stuck", "plan-other", "! shipment-conflict"),
    ("planned, booking stuck", "dispatch", "! shipment-not-booked"),
    ("planned, booking stuck", "cancel", "ShipmentCancelled"),
    ("planned, booking stuck", "rebook", "ShipmentRebooked"),
    ("planned, booking stuck", "retry", "CallRetried"),
    ("planned, booking stuck", "fail-book", "no event"),
    ("planned, booking stuck", "booked", "ShipmentBooked"),
    ("planned, booking stuck", "in-transit", "! shipment-not-booked"),
    ("planned, booking stuck", "arrived", "! shipment-not-booked"),
    ("planned, booking stuck", "cancelled", "ShipmentBooked ShipmentCancelled"),
    ("planned, booking stuck", "not-delivered", "! shipment-not-booked"),
    ("planned, booking stuck", "refused", "BookingRefused"),
    ("planned, booking stuck", "returned", "! shipment-not-booked"),
    ("booking failed", "plan", "no event"),
    ("booking failed", "plan-other", "! shipment-conflict"),
    ("booking failed", "dispatch", "! shipment-not-booked"),
    ("booking failed", "cancel", "ShipmentCancelled"),
    ("booking failed", "rebook", "ShipmentRebooked"),
    ("booking failed", "retry", "no event"),
    ("booking failed", "fail-book", "no event"),
    ("booking failed", "booked", "ShipmentBooked"),
    ("booking failed", "in-transit", "! shipment-not-booked"),
    ("booking failed", "arrived", "! shipment-not-booked"),
    ("booking failed", "cancelled", "no event"),
    ("booking failed", "not-delivered", "! shipment-not-booked"),
    ("booking failed", "refused", "no event"),
    ("booking failed", "returned", "! shipment-not-booked"),
    ("booked", "plan", "no event"),
    ("booked", "plan-other", "! shipment-conflict"),
    ("booked", "dispatch", "ShipmentDispatched"),
    ("booked", "cancel", "CancellationRequested"),
    ("booked", "rebook", "! rebook-not-possible"),
    ("booked", "retry", "no event"),
    ("booked", "fail-book", "no event"),
    ("booked", "booked", "no event"),
    ("booked", "in-transit", "ShipmentDispatched ShipmentTracked"),
    ("booked", "arrived", "ShipmentDispatched ShipmentArrived"),
    ("booked", "cancelled", "ShipmentCancelled"),
    ("booked", "not-delivered", "ShipmentDispatched DeliveryFailed"),
    ("booked", "refused", "no event"),
    ("booked", "returned", "ShipmentDispatched ShipmentReturned"),
    ("cancel requested", "plan", "no event"),
    ("cancel requested", "plan-other", "! shipment-conflict"),
    ("cancel requested", "dispatch", "ShipmentDispatched CancellationRefused"),
    ("cancel requested", "cancel", "no event"),
    ("cancel requested", "rebook", "! rebook-not-possible"),
    ("cancel requested", "retry", "no event"),
    ("cancel requested", "fail-book", "no event"),
    ("cancel requested", "booked", "no event"),
    ("cancel requested", "in-transit", "ShipmentDispatched CancellationRefused ShipmentTracked"),
    ("cancel requested", "arrived", "ShipmentDispatched CancellationRefused ShipmentArrived"),
    ("cancel requested", "cancelled", "ShipmentCancelled"),
    ("cancel requested", "not-delivered", "ShipmentDispatched CancellationRefused DeliveryFailed"),
    ("cancel requested", "refused", "no event"),
    ("cancel requested", "returned", "ShipmentDispatched CancellationRefused ShipmentReturned"),
    ("dispatched", "plan", "no event"),
    ("dispatched", "plan-other", "! shipment-conflict"),
    ("dispatched", "dispatch", "no event"),
    ("dispatched", "cancel", "! already-dispatched"),
    ("dispatched", "rebook", "! rebook-not-possible"),
    ("dispatched", "retry", "no event"),
    ("dispatched", "fail-book", "no event"),
    ("dispatched", "booked", "no event"),
    ("dispatched", "in-transit", "ShipmentTracked"),
    ("dispatched", "arrived", "ShipmentArrived"),
    ("dispatched", "cancelled", "DeliveryFailed"),
    ("dispatched", "not-delivered", "DeliveryFailed"),
    ("dispatched", "refused", "no event"),
    ("dispatched", "returned", "ShipmentReturned"),
    ("dispatched, tracked", "plan", "no event"),
    ("dispatched, tracked", "plan-other", "! shipment-conflict"),
    ("dispatched, tracked", "dispatch", "no event"),
    ("dispatched, tracked", "cancel", "! already-dispatched"),
    ("dispatched, tracked", "rebook", "! rebook-not-possible"),
    ("dispatched, tracked", "retry", "no event"),
    ("dispatched, tracked", "fail-book", "no event"),
    ("dispatched, tracked", "booked", "no event"),
    ("dispatched, tracked", "in-transit", "no event"),
    ("dispatched, tracked", "arrived", "ShipmentArrived"),
    ("dispatched, tracked", "cancelled", "DeliveryFailed"),
    ("dispatched, tracked", "not-delivered", "DeliveryFailed"),
    ("dispatched, tracked", "refused", "no event"),
    ("dispatched, tracked", "returned", "ShipmentReturned"),
    ("delivery failed", "plan", "no event"),
    ("delivery failed", "plan-other", "! shipment-conflict"),
    ("delivery failed", "dispatch", "no event"),
    ("delivery failed", "cancel", "! already-dispatched"),
    ("delivery failed", "rebook", "! rebook-not-possible"),
    ("delivery failed", "retry", "no event"),
    ("delivery failed", "fail-book", "no event"),
    ("delivery failed", "booked", "no event"),
    ("delivery failed", "in-transit", "no event"),
    ("delivery failed", "arrived", "ShipmentArrived"),
    ("delivery failed", "cancelled", "no event"),
    ("delivery failed", "not-delivered", "no event"),
    ("delivery failed", "refused", "no event"),
    ("delivery failed", "returned", "ShipmentReturned"),
    ("delivered", "plan", "no event"),
    ("delivered", "plan-other", "! shipment-conflict"),
    ("delivered", "dispatch", "no event"),
    ("delivered", "cancel", "! already-dispatched"),
    ("delivered", "rebook", "! rebook-not-possible"),
    ("delivered", "retry", "no event"),
    ("delivered", "fail-book", "no event"),
    ("delivered", "booked", "no event"),
    ("delivered", "in-transit", "no event"),
    ("delivered", "arrived", "no event"),
    ("delivered", "cancelled", "no event"),
    ("delivered", "not-delivered", "no event"),
    ("delivered", "refused", "no event"),
    ("delivered", "returned", "no event"),
    ("returned", "plan", "no event"),
    ("returned", "plan-other", "! shipment-conflict"),
    ("returned", "dispatch", "no event"),
    ("returned", "cancel", "! already-dispatched"),
    ("returned", "rebook", "! rebook-not-possible"),
    ("returned", "retry", "no event"),
    ("returned", "fail-book", "no event"),
    ("returned", "booked", "no event"),
    ("returned", "in-transit", "no event"),
    ("returned", "arrived", "no event"),
    ("returned", "cancelled", "no event"),
    ("returned", "not-delivered", "no event"),
    ("returned", "refused", "no event"),
    ("returned", "returned", "no event"),
    ("cancelled", "plan", "no event"),
    ("cancelled", "plan-other", "! shipment-conflict"),
    ("cancelled", "dispatch", "! shipment-cancelled"),
    ("cancelled", "cancel", "no event"),
    ("cancelled", "rebook", "! rebook-not-possible"),
    ("cancelled", "retry", "no event"),
    ("cancelled", "fail-book", "no event"),
    ("cancelled", "booked", "no event"),
    ("cancelled", "in-transit", "no event"),
    ("cancelled", "arrived", "no event"),
    ("cancelled", "cancelled", "no event"),
    ("cancelled", "not-delivered", "no event"),
    ("cancelled", "refused", "no event"),
    ("cancelled", "returned", "no event"),
    ("cancelled, booking in doubt", "plan", "no event"),
    ("cancelled, booking in doubt", "plan-other", "! shipment-conflict"),
    ("cancelled, booking in doubt", "dispatch", "! shipment-cancelled"),
    ("cancelled, booking in doubt", "cancel", "no event"),
    ("cancelled, booking in doubt", "rebook", "! rebook-not-possible"),
    ("cancelled, booking in doubt", "retry", "no event"),
    ("cancelled, booking in doubt", "fail-book", "no event"),
    ("cancelled, booking in doubt", "booked", "StrayBookingFound"),
    ("cancelled, booking in doubt", "in-transit", "StrayBookingFound"),
    ("cancelled, booking in doubt", "arrived", "StrayBookingClosed"),
    ("cancelled, booking in doubt", "cancelled", "StrayBookingClosed"),
    ("cancelled, booking in doubt", "not-delivered", "StrayBookingClosed"),
    ("cancelled, booking in doubt", "refused", "StrayBookingClosed"),
    ("cancelled, booking in doubt", "returned", "StrayBookingClosed"),
    ("cancelled, booking refused", "plan", "no event"),
    ("cancelled, booking refused", "plan-other", "! shipment-conflict"),
    ("cancelled, booking refused", "dispatch", "! shipment-cancelled"),
    ("cancelled, booking refused", "cancel", "no event"),
    ("cancelled, booking refused", "rebook", "! rebook-not-possible"),
    ("cancelled, booking refused", "retry", "no event"),
    ("cancelled, booking refused", "fail-book", "no event"),
    ("cancelled, booking refused", "booked", "StrayBookingFound"),
    ("cancelled, booking refused", "in-transit", "StrayBookingFound"),
    ("cancelled, booking refused", "arrived", "no event"),
    ("cancelled, booking refused", "cancelled", "no event"),
    ("cancelled, booking refused", "not-delivered", "no event"),
    ("cancelled, booking refused", "refused", "no event"),
    ("cancelled, booking refused", "returned", "no event"),
];

#[test]
fn every_status_meets_every_command_and_observation() {
    let mut statuses = BTreeSet::new();
    for (row, column, expected) in TABLE {
        let (before, status) = given(row);
        let mut story = Story::<ShipmentAggregate>::default();
        for command in before {
            story.tell(&command).unwrap();
        }
        assert_eq!(story.state.as_ref().map(|shipment| shipment.status), status, "{row}");
        statuses.extend(status);
        let outcome = match ShipmentAggregate::decide(&story.state, &when(column)) {
            Ok(events) if events.is_empty() => "no event".to_owned(),
            Ok(events) => {
                let names: Vec<_> = events.iter().map(ShipmentEvent::stored_name).collect();
                names.join(" ")
            }
            Err(rejection) => format!("! {}", rejection.code()),
        };
        assert_eq!(outcome, *expected, "{row} × {column}");
    }
    assert!(statuses.iter().eq(&ShipmentStatus::ALL), "{statuses:?}");
}

#[test]
fn no_cell_is_left_out() {
    let of = |part: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
        TABLE.iter().map(part).collect::<BTreeSet<_>>()
    };
    let cells: BTreeSet<_> = TABLE.iter().map(|(row, column, _)| (row, column)).collect();
    let (rows, columns) = (of(|cell| cell.0), of(|cell| cell.1));
    assert_eq!(cells.len(), rows.len() * columns.len());
    assert_eq!(cells.len(), TABLE.len(), "a cell stands twice");
}
