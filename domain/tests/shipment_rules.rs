//! Rules of shipments beside the lifecycle: tries and keys, strays, bounds, names derived from the checkout.

#![allow(clippy::unwrap_used, missing_docs)]

mod parcel_support;

use domain::shipment::{
    Call, CarrierSnapshot, CarrierState, MAX_LINES, MOST_BOOKINGS, MOST_STRAYS, OpenCall,
    ShipmentAggregate, ShipmentCommand, ShipmentEvent, ShipmentRejection, ShipmentStatus,
    open_calls, stream_id,
};
use domain::{Aggregate, CallFailure, MOST_TRIES};
use parcel_support::*;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::HashSet;
use uuid::Uuid;

type Shipments = Story<ShipmentAggregate>;

fn given(commands: &[ShipmentCommand]) -> Shipments {
    let mut story = Shipments::default();
    for command in commands {
        story.tell(command).unwrap();
    }
    story
}

fn open(story: &Shipments) -> Vec<OpenCall> {
    open_calls(story.state.as_ref().unwrap())
}

fn names(events: &[ShipmentEvent]) -> Vec<&'static str> {
    events.iter().map(ShipmentEvent::stored_name).collect()
}

fn fail(call: Call, attempt: u32, class: CallFailure) -> ShipmentCommand {
    ShipmentCommand::FailCall { call, attempt, class, retry_at: at(100 + attempt as usize) }
}

fn refusing_to_cancel(carrier_id: &str) -> ShipmentCommand {
    let booked = snapshot(1, Some(carrier_id), CarrierState::Booked);
    ShipmentCommand::Observe(CarrierSnapshot { refusal: Some(id("too-late")), ..booked })
}

fn with_tracking(state: CarrierState, tracking: &str) -> ShipmentCommand {
    let shown = snapshot(1, Some("k-1"), state);
    ShipmentCommand::Observe(CarrierSnapshot { tracking: Some(label(tracking)), ..shown })
}

#[test]
fn ids_follow_from_the_checkout_alone() {
    let checkout = Uuid::from_u128(1);
    assert_eq!(stream_id(checkout, 1).to_string(), "b0e916e5-cef6-8226-8151-050f8c1a4d0e");
    assert_eq!(stream_id(checkout, 2).to_string(), "9f715e4f-68e0-8913-86f1-08c53a2fabea");
    let story = given(&[planned()]);
    assert_eq!(story.state.as_ref().unwrap().id(), stream_id(checkout, 1));
    let order = ShipmentAggregate::partition_key(&story.events[0]);
    assert_eq!(order, Some(plan().order_id));
}

#[test]
fn a_planned_parcel_is_booked_under_a_key_of_its_own() {
    let story = given(&[planned()]);
    let reference = "b0e916e5-cef6-8226-8151-050f8c1a4d0e:1";
    let expected = OpenCall {
        call: Call::book(1),
        carrier: id("post"),
        attempt: 1,
        key: format!("book:{reference}:1"),
        reference: reference.to_owned(),
        due_at: at(1),
    };
    assert_eq!(open(&story), [expected]);
}

#[test]
fn a_cancellation_names_the_carriers_own_id() {
    let story = given(&[planned(), observe(1, Some("k-1"), CarrierState::Booked), cancel()]);
    let [call] = &open(&story)[..] else { panic!("{:?}", open(&story)) };
    assert_eq!(call.call, Call::cancel(1, Some(id("k-1"))));
    assert_eq!(call.key, "cancel_booking:b0e916e5-cef6-8226-8151-050f8c1a4d0e:1:k-1:1");
    assert_eq!(call.due_at, at(3));
}

#[test]
fn a_call_is_stuck_after_its_last_try_and_a_person_grants_as_many_again() {
    let mut story = given(&[planned()]);
    let mut attempt = 0;
    for round in 0..3 {
        for nth in 1..=MOST_TRIES {
            attempt += 1;
            assert_eq!(open(&story)[0].attempt, attempt);
            let events = story.tell(&fail(Call::book(1), attempt, CallFailure::Silence)).unwrap();
            let expected: &[_] =
                if nth == MOST_TRIES { &["CallFailed", "ShipmentStuck"] } else { &["CallFailed"] };
            assert_eq!(names(&events), expected, "round {round}, try {nth}");
            if nth < MOST_TRIES {
                assert_eq!(open(&story)[0].due_at, at(100 + attempt as usize));
            }
        }
        assert!(story.state.as_ref().unwrap().is_stuck());
        assert_eq!(open(&story), []);
        assert_eq!(names(&story.tell(&retry()).unwrap()), ["CallRetried"]);
        assert_eq!(open(&story)[0].due_at, at(story.events.len()));
    }
}

#[test]
fn reports_about_other_tries_change_nothing() {
    let mut story = given(&[planned()]);
    let report = |attempt| fail(Call::book(1), attempt, CallFailure::Silence);
    let ahead = ShipmentAggregate::decide(&story.state, &report(2));
    assert_eq!(ahead, Err(ShipmentRejection::UnknownAttempt { current: 1 }));
    story.tell(&report(1)).unwrap();
    assert_eq!(story.tell(&report(1)), Ok(vec![]));
    assert_eq!(story.tell(&report(0)), Ok(vec![]));
    let never_asked = fail(Call::cancel(1, None), 1, CallFailure::Silence);
    assert_eq!(story.tell(&never_asked), Ok(vec![]));
    story.tell(&observe(1, Some("k-1"), CarrierState::Booked)).unwrap();
    assert_eq!(story.tell(&report(2)), Ok(vec![]), "the call is settled");
}

proptest! {
    #[test]
    fn a_key_changes_only_with_an_answered_error(
        classes in prop::collection::vec(select(&CallFailure::ALL), 1..MOST_TRIES as usize),
    ) {
        let mut story = given(&[planned()]);
        let mut keys = HashSet::from([open(&story)[0].key.clone()]);
        for (class, attempt) in classes.iter().zip(1..) {
            let before = open(&story)[0].clone();
            story.tell(&fail(Call::book(1), attempt, *class)).unwrap();
            let after = open(&story)[0].clone();
            prop_assert_eq!(before.key == after.key, *class != CallFailure::ServerError);
            prop_assert_eq!(before.reference, after.reference);
            keys.insert(after.key);
        }
        let errors = classes.iter().filter(|class| **class == CallFailure::ServerError).count();
        prop_assert_eq!(keys.len(), 1 + errors, "a key came back");
    }
}

#[test]
fn a_booking_that_is_given_up_in_doubt_is_cancelled_at_its_own_carrier() {
    let mut story = given(&[planned()]);
    for attempt in 1..=MOST_TRIES {
        story.tell(&fail(Call::book(1), attempt, CallFailure::Silence)).unwrap();
    }
    story.tell(&rebook("courier")).unwrap();
    let asked: Vec<_> = open(&story).into_iter().map(|open| (open.call, open.carrier)).collect();
    assert_eq!(asked, [(Call::cancel(1, None), id("post")), (Call::book(2), id("courier"))]);

    // The silent carrier had booked it after all: now its id is known.
    story.tell(&observe(1, Some("k-1"), CarrierState::Booked)).unwrap();
    story.tell(&observe(2, Some("k-2"), CarrierState::Booked)).unwrap();
    let shipment = story.state.clone().unwrap();
    assert_eq!(shipment.carrier_id, Some(id("k-2")));
    let asked: Vec<_> = open(&story).into_iter().map(|open| (open.call, open.carrier)).collect();
    assert_eq!(asked, [(Call::cancel(1, Some(id("k-1"))), id("post"))]);

    // It stays owed while the parcel goes its way, and ends once.
    story.tell(&ShipmentCommand::Dispatch).unwrap();
    assert_eq!(open(&story).len(), 1);
    let gone = observe(1, Some("k-1"), CarrierState::Cancelled);
    assert_eq!(names(&story.tell(&gone).unwrap()), ["StrayBookingClosed"]);
    assert_eq!(open(&story), []);
    for old in [gone, observe(1, Some("k-1"), CarrierState::Booked)] {
        assert_eq!(story.tell(&old), Ok(vec![]));
    }
    assert_eq!(story.state.unwrap().status, ShipmentStatus::Dispatched);
}

#[test]
fn a_doubt_that_has_ended_is_not_opened_by_old_news() {
    let mut story = given(&[planned(), cancel()]);
    assert_eq!(open(&story)[0].call, Call::cancel(1, None));
    let gone = observe(1, Some("k-1"), CarrierState::Cancelled);
    assert_eq!(names(&story.tell(&gone).unwrap()), ["StrayBookingClosed"]);
    assert_eq!(story.tell(&observe(1, Some("k-1"), CarrierState::Booked)), Ok(vec![]));
    // Another booking that turns up is news.
    let late = story.tell(&observe(1, Some("k-2"), CarrierState::Booked)).unwrap();
    assert_eq!(names(&late), ["StrayBookingFound"]);
    assert_eq!(story.state.unwrap().status, ShipmentStatus::Cancelled);
}

#[test]
fn a_second_booking_of_one_request_is_a_stray() {
    let booked = |carrier_id| observe(1, Some(carrier_id), CarrierState::Booked);
    let mut story = given(&[planned(), booked("k-1")]);
    assert_eq!(names(&story.tell(&booked("k-2")).unwrap()), ["StrayBookingFound"]);
    assert_eq!(open(&story)[0].call, Call::cancel(1, Some(id("k-2"))));
    assert_eq!(story.state.unwrap().carrier_id, Some(id("k-1")));
}

#[test]
fn a_cancellation_that_the_carrier_refuses_waits_for_a_person_and_the_parcel_may_win() {
    let booked = observe(1, Some("k-1"), CarrierState::Booked);
    let mut story = given(&[planned(), booked, cancel()]);
    let refused = refusing_to_cancel("k-1");
    assert_eq!(names(&story.tell(&refused).unwrap()), ["ShipmentStuck"]);
    assert_eq!(story.tell(&refused), Ok(vec![]));
    assert_eq!(open(&story), []);
    story.tell(&retry()).unwrap();
    assert_eq!(open(&story).len(), 1, "it is owed until it is settled");
    story.tell(&refused).unwrap();
    let won = story.tell(&ShipmentCommand::Dispatch).unwrap();
    assert_eq!(names(&won), ["ShipmentDispatched", "CancellationRefused"]);
    let shipment = story.state.unwrap();
    assert!(shipment.owed.is_empty() && !shipment.is_stuck());
}

#[test]
fn a_number_for_tracking_is_taken_once() {
    let mut story = given(&[planned(), observe(1, Some("k-1"), CarrierState::Booked)]);
    let assigned = story.tell(&with_tracking(CarrierState::Booked, "T-1")).unwrap();
    assert_eq!(names(&assigned), ["TrackingAssigned"]);
    let moved = story.tell(&with_tracking(CarrierState::InTransit, "T-2")).unwrap();
    assert_eq!(names(&moved), ["ShipmentDispatched", "ShipmentTracked"]);
    assert_eq!(story.state.unwrap().tracking, Some(label("T-1")));
}

#[test]
fn a_plan_holds_goods() {
    let refused = |lines: Vec<_>| -> Vec<(String, &'static str)> {
        let mut plan = plan();
        plan.lines = lines;
        match ShipmentAggregate::decide(&None, &ShipmentCommand::Plan(Box::new(plan))) {
            Err(ShipmentRejection::Invalid(errors)) => {
                errors.into_iter().map(|(pointer, error)| (pointer, error.code)).collect()
            }
            other => panic!("{other:?}"),
        }
    };
    let line = plan().lines.remove(0);
    let mut none = line.clone();
    none.quantity = 0;
    let at = |pointer: &str, code| vec![(pointer.to_owned(), code)];
    assert_eq!(refused(vec![]), at("/lines", "too-few"));
    assert_eq!(refused(vec![line.clone(); MAX_LINES + 1]), at("/lines", "too-many"));
    assert_eq!(refused(vec![line, none]), at("/lines/1/quantity", "out-of-range"));
}

#[test]
fn snapshots_that_fit_no_booking_are_refused() {
    let story = given(&[planned()]);
    let decide = |command| ShipmentAggregate::decide(&story.state, &command);
    for booking in [0, 2, u32::MAX] {
        let unknown = decide(observe(booking, Some("k-1"), CarrierState::Booked));
        assert_eq!(unknown, Err(ShipmentRejection::UnknownBooking));
    }
    let nameless = decide(observe(1, None, CarrierState::Booked));
    assert_eq!(nameless, Err(ShipmentRejection::CarrierIdMissing));
}

#[test]
fn bookings_and_strays_are_bounded() {
    let mut story = given(&[planned()]);
    for booking in 1..=MOST_BOOKINGS as u32 {
        story.tell(&observe(booking, None, CarrierState::Failed)).unwrap();
        let again = story.tell(&rebook("post"));
        if booking == MOST_BOOKINGS as u32 {
            assert_eq!(again, Err(ShipmentRejection::TooManyBookings));
        } else {
            assert_eq!(names(&again.unwrap()), ["ShipmentRebooked"]);
        }
    }
    let booked = |nth: usize| observe(1, Some(&format!("k-{nth}")), CarrierState::Booked);
    let mut story = given(&[planned(), booked(0)]);
    for nth in 1..=MOST_STRAYS {
        assert_eq!(names(&story.tell(&booked(nth)).unwrap()), ["StrayBookingFound"]);
    }
    assert_eq!(story.tell(&booked(99)), Err(ShipmentRejection::TooManyBookings));
    assert_eq!(story.tell(&booked(MOST_STRAYS)), Ok(vec![]), "a known one is still known");
}
