//! Calls: which are owed, under which key, how often they are tried, and when a person has to look.

#![allow(clippy::unwrap_used, missing_docs)]

mod payment_support;

use chrono::TimeDelta;
use domain::payment::{
    Call, CallClass, CallContent, MOST_TRIES, OpenCall, PaymentAggregate, PaymentCommand,
    PaymentEvent, PaymentStatus, PspRefundState, PspSnapshot, PspState, RefundCause, StuckReason,
    open_calls, stuck_calls,
};
use domain::{Aggregate, Timestamp};
use payment_support::*;
use uuid::Uuid;

fn opened() -> Story {
    given(&[request(), saw(PspState::Open, 0, 0)])
}

fn authorized() -> Story {
    opened().and(&saw(PspState::Authorized, 1_000, 0))
}

fn captured() -> Story {
    authorized().and(&capture(1_000)).and(&saw(PspState::Captured, 1_000, 1_000))
}

fn calls(story: &Story) -> Vec<OpenCall> {
    open_calls(story.payment())
}

/// The one open call.
fn only(story: &Story) -> OpenCall {
    let [call] = &calls(story)[..] else { panic!("{:?}", calls(story)) };
    call.clone()
}

fn key(story: &Story) -> String {
    only(story).idempotency_key(Uuid::nil())
}

/// Fails the one open call until it is stuck.
fn exhausted(mut story: Story, class: CallClass) -> Story {
    for _ in 0..MOST_TRIES {
        let open = only(&story);
        story = story.and(&fail(&open.call, open.attempt, class));
    }
    story
}

#[test]
fn the_providers_id_comes_first_and_money_second() {
    let requested = given(&[request()]);
    let open = only(&requested);
    assert_eq!((open.call.clone(), open.call.moves_money()), (Call::Open, false));
    assert!(matches!(open.content, CallContent::Open { amount, .. } if amount == cents(1_000)));
    let confirm = only(&opened());
    assert_eq!(confirm.content, CallContent::Confirm { psp_id: label("pi_1") });
    assert!(confirm.call.moves_money());
    // Called off before the id is known: it is learned first, then the payment is cancelled.
    let called_off = requested.and(&void());
    assert_eq!(only(&called_off).call, Call::Open);
    let known = called_off.and(&saw(PspState::Open, 0, 0));
    assert_eq!(only(&known).content, CallContent::Cancel { psp_id: label("pi_1") });
}

#[test]
fn each_wish_is_one_call_until_it_is_done() {
    assert_eq!(calls(&authorized()), []);
    let taking = authorized().and(&capture(700));
    let content = CallContent::Capture { psp_id: label("pi_1"), amount: cents(700) };
    assert_eq!(only(&taking).content, content);
    assert_eq!(calls(&taking.and(&saw(PspState::Captured, 1_000, 700))), []);
    let back = captured().and(&refund("r-1", 300)).and(&refund("r-2", 200));
    let amounts: Vec<CallContent> = calls(&back).into_iter().map(|open| open.content).collect();
    let content = |refund: &str, minor| CallContent::Refund {
        psp_id: label("pi_1"),
        refund_id: id(refund),
        amount: cents(minor),
    };
    assert_eq!(amounts, [content("r-1", 300), content("r-2", 200)]);
    let done = back.and(&saw_refunds(&[("r-1", 300, PspRefundState::Succeeded)]));
    assert_eq!(only(&done).content, content("r-2", 200));
    // The customer has to act: nothing is to be called meanwhile.
    assert_eq!(calls(&opened().and(&saw(PspState::ActionRequired, 0, 0))), []);
}

#[test]
fn silence_keeps_the_key_and_an_answered_failure_gets_a_new_one() {
    let nil = Uuid::nil();
    let first = opened();
    assert_eq!(key(&first), format!("{nil}:confirm:1"));
    let silent = first.and(&fail(&Call::Confirm, 1, CallClass::Silence));
    assert_eq!(key(&silent), format!("{nil}:confirm:1"));
    let limited = silent.and(&fail(&Call::Confirm, 2, CallClass::RateLimited));
    assert_eq!(key(&limited), format!("{nil}:confirm:1"));
    let answered = limited.and(&fail(&Call::Confirm, 3, CallClass::ServerError));
    assert_eq!(key(&answered), format!("{nil}:confirm:2"));
    let call = only(&answered);
    assert_eq!((call.attempt, call.failed, call.due_at), (4, 3, Some(at(9_999))));
    assert_eq!((call.since, call.key_since), (at(2), at(5)));
    assert!(call.may_have_been_performed());
    let other = captured().and(&refund("r:1", 1));
    assert_eq!(key(&other), format!("{nil}:refund:r:1:1"));
}

#[test]
fn a_try_is_reported_once() {
    let story = opened().and(&fail(&Call::Confirm, 1, CallClass::Silence));
    for late in [
        fail(&Call::Confirm, 1, CallClass::Silence),
        fail(&Call::Confirm, 1, CallClass::ServerError),
        refuse(&Call::Confirm, 1, true),
        PaymentCommand::GiveUpCall { call: Call::Confirm, attempt: 1 },
        fail(&Call::Open, 1, CallClass::Silence),
    ] {
        assert_eq!(story.when(&late), Ok(vec![]), "{late:?}");
    }
    for never in [
        fail(&Call::Confirm, 3, CallClass::Silence),
        fail(&refund_call("r"), 1, CallClass::Silence),
    ] {
        assert_eq!(story.when(&never), Err("call-not-owed"), "{never:?}");
    }
}

#[test]
fn after_the_last_try_a_person_has_to_look_and_can_have_it_tried_again() {
    for class in CallClass::ALL {
        let stuck = exhausted(authorized().and(&capture(1_000)), class);
        let [.., last_try, flag] = &stuck.events[..] else { panic!() };
        let PaymentEvent::CallFailed { attempt: 12, retry_at: None, .. } = last_try else {
            panic!("{last_try:?}")
        };
        assert_eq!(flag.stored_name(), "PaymentStuck");
        assert_eq!(calls(&stuck), []);
        let [told] = &stuck_calls(stuck.payment())[..] else { panic!() };
        assert_eq!((&told.call, &told.reason), (&Call::Capture, &StuckReason::TriesUsedUp));
        assert_eq!(told.since, at(4));
        assert_eq!(stuck.payment().status(), PaymentStatus::CaptureRequested);
        let again = stuck.clone().and(&retry(&Call::Capture));
        let call = only(&again);
        assert_eq!((call.attempt, call.failed, call.due_at), (14, 0, None));
        assert_eq!(again.when(&retry(&Call::Capture)), Ok(vec![]), "it is being tried");
        // What comes late all the same settles it, stuck or not.
        for story in [stuck, again] {
            let done = story.and(&saw(PspState::Captured, 1_000, 1_000));
            assert_eq!((calls(&done), stuck_calls(done.payment())), (vec![], vec![]));
            assert_eq!(done.when(&retry(&Call::Capture)), Err("call-not-owed"));
        }
    }
}

#[test]
fn a_person_who_asks_soon_after_silence_keeps_the_key() {
    for (class, after, generation) in [
        (CallClass::Silence, TimeDelta::hours(1), 1),
        (CallClass::Silence, TimeDelta::hours(24), 2),
        (CallClass::ServerError, TimeDelta::hours(1), 14),
    ] {
        let stuck = exhausted(opened(), class);
        let retried = PaymentEvent::CallRetried { call: Call::Confirm, by: label("staff-7") };
        let when: Timestamp = at(20) + after;
        let state = PaymentAggregate::evolve(stuck.state, &retried, when);
        let [open] = &open_calls(state.as_ref().unwrap())[..] else { panic!() };
        assert_eq!(open.generation, generation, "{class:?} {after}");
        assert!(open.may_have_been_performed());
    }
}

#[test]
fn a_definite_refusal_is_what_the_call_was_for() {
    let refused = |story: Story, call: &Call| story.and(&refuse(call, 1, true));
    let declined = refused(given(&[request()]), &Call::Open);
    assert_eq!(declined.payment().status(), PaymentStatus::Declined);
    assert_eq!(refused(opened(), &Call::Confirm).payment().status(), PaymentStatus::Declined);
    let nothing_there = refused(given(&[request(), void()]), &Call::Open);
    assert_eq!(nothing_there.payment().status(), PaymentStatus::Voided);
    // The money is still held: it can be asked for again, under a new key, or let go.
    let held = refused(authorized().and(&capture(1_000)), &Call::Capture);
    assert_eq!(held.payment().status(), PaymentStatus::Authorized);
    assert_eq!(held.when(&void()), Ok(vec!["VoidRequested"]));
    assert_eq!(key(&held.and(&capture(900))), format!("{}:capture:2", Uuid::nil()));
    let stuck = refused(authorized().and(&void()), &Call::Cancel);
    let reason = StuckReason::Refused { code: Some(label("no")) };
    assert_eq!(stuck_calls(stuck.payment())[0].reason, reason);
    assert_eq!(stuck.payment().status(), PaymentStatus::VoidRequested);
    for story in [declined, nothing_there] {
        assert_eq!(calls(&story), []);
    }
}

#[test]
fn a_refund_that_was_asked_for_may_fail_and_be_asked_for_again() {
    let asked = captured().and(&refund("r-1", 300));
    let gone = asked.clone().and(&saw_refunds(&[("r-1", 300, failed(true))]));
    assert_eq!((calls(&gone), stuck_calls(gone.payment())), (vec![], vec![]));
    assert_eq!(gone.payment().refundable(), cents(1_000));
    let again = gone.and(&retry(&refund_call("r-1")));
    assert_eq!(key(&again), format!("{}:refund:r-1:3", Uuid::nil()));
    // The provider goes on listing the failed try, which is known.
    assert_eq!(again.when(&saw_refunds(&[("r-1", 300, failed(true))])), Ok(vec![]));
    let twice = [("r-1", 300, failed(true)), ("r-1", 300, failed(true))];
    assert_eq!(again.when(&saw_refunds(&twice)), Ok(vec!["RefundFailed"]));
    // Not for good: the call goes on under a new key.
    let on = asked.and(&saw_refunds(&[("r-1", 300, failed(false))]));
    assert_eq!((only(&on).attempt, only(&on).generation), (2, 2));
    // Meanwhile somebody else got the money.
    let full = again.and(&saw_refunds(&twice)).and(&refund("r-2", 900));
    assert_eq!(full.when(&retry(&refund_call("r-1"))), Err("refund-exceeds-captured"));
}

#[test]
fn a_refund_that_the_payment_owes_by_itself_is_never_given_up() {
    let owed = authorized().and(&void()).and(&saw(PspState::Captured, 1_000, 1_000));
    let own = refund_call("void:1");
    assert_eq!(only(&owed).call, own);
    assert_eq!(owed.payment().refunds[0].cause, RefundCause::Void);
    let refused = [("void:1", 1_000, failed(true))];
    let stuck = owed.and(&saw_refunds(&refused));
    assert_eq!(stuck_calls(stuck.payment())[0].call, own);
    assert_eq!(stuck.when(&saw_refunds(&refused)), Ok(vec![]));
    assert_eq!(stuck.when(&void()), Ok(vec![]));
    assert_eq!(stuck.when(&capture(1_000)), Err("payment-over"));
    let again = stuck.and(&retry(&own));
    assert_eq!(only(&again).call, own);
    // The provider gave a part back without our asking. All at once is impossible now; the rest is still owed.
    let part = [
        ("re_x", 400, PspRefundState::Succeeded),
        ("void:1", 1_000, failed(true)),
        ("void:1", 1_000, failed(true)),
    ];
    let rest = again.and(&saw_refunds(&part));
    let content =
        CallContent::Refund { psp_id: label("pi_1"), refund_id: id("void:2"), amount: cents(600) };
    assert_eq!(only(&rest).content, content);
    assert_eq!(stuck_calls(rest.payment()), []);
}

#[test]
fn calling_off_gives_back_what_failed_to_go_back() {
    let pending = captured().and(&refund("r-1", 1_000));
    assert_eq!(pending.when(&void()), Ok(vec!["VoidRequested"]), "all of it is on its way back");
    let called_off = pending.and(&void());
    assert_eq!(called_off.payment().status(), PaymentStatus::Captured);
    let failed = called_off.and(&saw_refunds(&[("r-1", 1_000, failed(true))]));
    assert_eq!(only(&failed).call, refund_call("void:1"));
}

#[test]
fn in_doubt_a_person_looks() {
    let story = captured().and(&refund("r-1", 300));
    let give_up = PaymentCommand::GiveUpCall { call: refund_call("r-1"), attempt: 1 };
    let stuck = story.and(&give_up);
    assert_eq!(stuck_calls(stuck.payment())[0].reason, StuckReason::Doubt);
    assert_eq!(stuck.when(&give_up), Ok(vec![]));
}

#[test]
fn while_a_refund_is_under_way_an_earlier_failure_is_no_news() {
    let story = captured().and(&refund("r-1", 300));
    let tries = [("r-1", 300, failed(true)), ("r-1", 300, PspRefundState::Pending)];
    assert_eq!(story.when(&saw_refunds(&tries)), Ok(vec![]));
    let both = [("r-1", 300, failed(true)), ("r-1", 300, failed(true))];
    assert_eq!(story.when(&saw_refunds(&both)), Ok(vec!["RefundFailed"]));
}

#[test]
fn a_refund_that_fails_again_and_again_waits_for_a_person() {
    let mut story = captured().and(&refund("r-1", 300));
    let mut listed = Vec::new();
    for _ in 0..MOST_TRIES {
        assert_eq!(only(&story).call, refund_call("r-1"));
        listed.push(("r-1", 300, failed(false)));
        story = story.and(&saw_refunds(&listed));
    }
    assert_eq!(calls(&story), []);
    assert_eq!(stuck_calls(story.payment())[0].reason, StuckReason::TriesUsedUp);
}

#[test]
fn a_refusal_ends_the_doubt_so_the_next_try_has_a_new_key() {
    let silent = authorized().and(&void()).and(&fail(&Call::Cancel, 1, CallClass::Silence));
    let stuck = silent.and(&refuse(&Call::Cancel, 2, true));
    assert_eq!(only(&stuck.and(&retry(&Call::Cancel))).generation, 2);
}

#[test]
fn times_are_kept_as_they_are_stored() {
    let fine = at(50) + TimeDelta::nanoseconds(1_234_567);
    let snapshot = PspSnapshot {
        action_until: Some(fine),
        authorization_expires_at: Some(fine),
        ..told(PspState::ActionRequired, 0, 0)
    };
    let held =
        PspSnapshot { state: PspState::Authorized, authorized: cents(9), ..snapshot.clone() };
    let call = Call::Open;
    let tried =
        PaymentCommand::FailCall { call, attempt: 1, class: CallClass::Silence, retry_at: fine };
    let observed = [snapshot, held].map(PaymentCommand::Observe);
    let story = given(&[request(), tried]).and(&observed[0]).and(&observed[1]);
    assert_eq!(story.events.len(), 5);
    for event in &story.events {
        let stored = PaymentAggregate::encode(event);
        let read = PaymentAggregate::decode(stored.event_type, 1, &stored.payload);
        assert_eq!(read.as_ref(), Ok(event));
    }
}
