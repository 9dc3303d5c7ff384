//! The rules of payments one by one: amounts, currencies, ids, and money that nobody asked for.

#![allow(clippy::unwrap_used, missing_docs)]

mod payment_support;

use domain::payment::{
    CaptureMode, MOST_REFUNDS, MethodToken, PaymentAggregate, PaymentCommand, PaymentEvent,
    PaymentRejection, PaymentStatus, PspRefund, PspRefundState, PspSnapshot, PspState, Unexpected,
    open_calls,
};
use domain::{Aggregate, Currency, Money};
use payment_support::*;
use uuid::Uuid;

fn authorized() -> Story {
    given(&[request(), saw(PspState::Authorized, 1_000, 0)])
}

fn captured() -> Story {
    authorized().and(&capture(1_000)).and(&saw(PspState::Captured, 1_000, 1_000))
}

fn refused(story: &Story, command: &PaymentCommand) -> PaymentRejection {
    PaymentAggregate::decide(&story.state, command).unwrap_err()
}

#[test]
fn amounts_are_above_zero_and_within_the_public_limit() {
    for minor in [0, -1, i64::MIN, i64::MAX, domain::money::MAX_PUBLIC_MINOR + 1] {
        assert_eq!(Story::default().when(&request_of(minor)), Err("validation"), "{minor}");
        assert_eq!(authorized().when(&capture(minor)), Err("validation"), "{minor}");
        assert_eq!(captured().when(&refund("r", minor)), Err("validation"), "{minor}");
    }
}

#[test]
fn another_currency_is_refused_wherever_it_comes() {
    let yen = Money::from_minor(100, Currency::from_code("JPY").unwrap());
    let zero = Money::zero(yen.currency());
    let plain = told(PspState::Captured, 1_000, 1_000);
    let refunds =
        vec![PspRefund { refund_id: id("r"), amount: yen, state: PspRefundState::Succeeded }];
    for command in [
        PaymentCommand::Capture { amount: yen },
        PaymentCommand::Refund { refund_id: id("r"), amount: yen, reason: None },
        PaymentCommand::Observe(PspSnapshot { authorized: zero, ..plain.clone() }),
        PaymentCommand::Observe(PspSnapshot { captured: yen, ..plain.clone() }),
        PaymentCommand::Observe(PspSnapshot { refunds, ..plain }),
    ] {
        let expected = PaymentRejection::CurrencyMismatch { expected: eur() };
        assert_eq!(refused(&captured(), &command), expected, "{command:?}");
    }
}

#[test]
fn no_more_is_taken_than_is_held_and_no_more_than_was_to_be_paid() {
    let exceeds = |minor| PaymentRejection::AmountExceedsAuthorized { authorized: cents(minor) };
    let partly = given(&[request(), saw(PspState::Authorized, 600, 0)]);
    assert_eq!(refused(&partly, &capture(601)), exceeds(600));
    assert_eq!(partly.when(&capture(600)), Ok(vec!["CaptureRequested"]));
    let generously = given(&[request(), saw(PspState::Authorized, 1_500, 0)]);
    assert_eq!(refused(&generously, &capture(1_001)), exceeds(1_000));
}

#[test]
fn another_capture_is_a_conflict() {
    let asked = authorized().and(&capture(700));
    let conflict = PaymentRejection::CaptureConflict { asked: cents(700) };
    assert_eq!(refused(&asked, &capture(701)), conflict);
    let less = asked.and(&saw(PspState::Captured, 1_000, 650));
    assert_eq!(refused(&less, &capture(701)), conflict);
    for known in [700, 650] {
        assert_eq!(less.when(&capture(known)), Ok(vec![]), "{known}");
    }
}

#[test]
fn no_more_goes_back_than_was_taken() {
    let story = captured().and(&refund("r-1", 600));
    let exceeds = PaymentRejection::RefundExceedsCaptured { refundable: cents(400) };
    assert_eq!(refused(&story, &refund("r-2", 401)), exceeds);
    assert_eq!(story.when(&refund("r-2", 400)), Ok(vec!["RefundRequested"]));
    assert_eq!(story.when(&refund("r-1", 600)), Ok(vec![]));
    assert_eq!(story.when(&refund("r-1", 601)), Err("refund-conflict"));
    let called_off = story.and(&void());
    let amounts: Vec<_> =
        called_off.payment().refunds.iter().map(|refund| refund.asked.unwrap()).collect();
    assert_eq!(amounts, [cents(600), cents(400)], "the rest goes back, not all of it twice");
}

#[test]
fn refunds_are_bounded_in_number_but_not_what_the_payment_owes() {
    let mut story = captured();
    for number in 0..MOST_REFUNDS - 1 {
        // Ids that the payment would give its own refunds are the callers' as well.
        story.tell(&refund(&format!("void:{number}"), 1)).unwrap_or_default();
    }
    assert_eq!(story.payment().refunds.len(), MOST_REFUNDS - 1);
    assert_eq!(story.when(&refund("last", 1)), Ok(vec!["RefundRequested"]));
    let called_off = story.clone().and(&void());
    let own = called_off.payment().refunds.last().unwrap();
    assert_eq!((own.refund_id.as_str(), own.asked), ("void:999", Some(cents(1))));
    let full = given(&[request_of(5_000), saw(PspState::Captured, 5_000, 5_000)]);
    let full =
        (0..MOST_REFUNDS).fold(full, |story, number| story.and(&refund(&format!("r{number}"), 1)));
    assert_eq!(full.when(&refund("more", 1)), Err("too-many-refunds"));
    assert_eq!(full.when(&void()), Ok(vec!["RefundRequested"]));
}

#[test]
fn another_id_of_the_provider_is_not_this_payment() {
    let snapshot = PspSnapshot { psp_id: label("pi_2"), ..told(PspState::Captured, 1_000, 1_000) };
    let other = PaymentCommand::Observe(snapshot);
    let known = PaymentRejection::OtherPspId { known: label("pi_1") };
    assert_eq!(refused(&authorized(), &other), known);
}

#[test]
fn what_cannot_be_is_refused_as_a_whole() {
    let back = |minor| {
        saw_refunds(&[
            ("r-1", 100, PspRefundState::Succeeded),
            ("r-2", minor, PspRefundState::Succeeded),
        ])
    };
    for command in [
        saw(PspState::Authorized, 0, 0),
        saw(PspState::Captured, 1_000, 0),
        saw(PspState::Authorized, -1, 0),
        saw(PspState::Captured, 1_000, i64::MAX),
        back(0),
        back(901),
    ] {
        assert_eq!(authorized().when(&command), Err("contradictory-snapshot"), "{command:?}");
    }
}

/// The unexpected money that one more snapshot shows.
fn unexpected(story: &Story, command: &PaymentCommand) -> Vec<(Unexpected, i64)> {
    let events = PaymentAggregate::decide(&story.state, command).unwrap();
    let found = events.into_iter().filter_map(|event| match event {
        PaymentEvent::UnexpectedMoney { what, amount } => Some((what, amount.minor())),
        _ => None,
    });
    found.collect()
}

#[test]
fn money_that_nobody_asked_for_is_told_to_the_cent() {
    let asked = authorized().and(&capture(700));
    let more = saw(PspState::Captured, 1_000, 1_000);
    assert_eq!(unexpected(&asked, &more), [(Unexpected::Captured, 300)]);
    assert_eq!(unexpected(&authorized(), &more), [(Unexpected::Captured, 1_000)]);
    let at_once = given(&[request()]);
    assert_eq!(unexpected(&at_once, &more), []);
    assert_eq!(
        unexpected(&at_once, &saw(PspState::Captured, 1_200, 1_200)),
        [(Unexpected::Captured, 200)]
    );
    let foreign = [("re_x", 250, PspRefundState::Succeeded)];
    let what = Unexpected::Refunded { refund_id: id("re_x") };
    assert_eq!(unexpected(&captured(), &saw_refunds(&foreign)), [(what, 250)]);
    // One refund was done twice.
    let once = captured().and(&refund("r-1", 300));
    let twice = [("r-1", 300, PspRefundState::Succeeded), ("r-1", 300, PspRefundState::Succeeded)];
    let what = Unexpected::Refunded { refund_id: id("r-1") };
    assert_eq!(unexpected(&once, &saw_refunds(&twice)), [(what, 300)]);
    assert_eq!(once.and(&saw_refunds(&twice)).payment().refunded, cents(600));
}

#[test]
fn late_money_goes_back_by_itself() {
    let voided =
        given(&[request(), saw(PspState::Open, 0, 0), void(), saw(PspState::Canceled, 0, 0)]);
    assert_eq!(open_calls(voided.payment()), []);
    let held = voided.clone().and(&saw(PspState::Authorized, 1_000, 0));
    assert_eq!(held.payment().status(), PaymentStatus::VoidRequested);
    assert_eq!(open_calls(held.payment()).len(), 1, "the hold is to be ended");
    let taken = voided.and(&saw(PspState::Captured, 1_000, 1_000));
    let done = taken.and(&saw_refunds(&[("void:1", 1_000, PspRefundState::Succeeded)]));
    assert_eq!(done.payment().status(), PaymentStatus::Refunded);
    assert_eq!(open_calls(done.payment()), []);
}

#[test]
fn a_decline_from_before_the_authorization_is_old() {
    for story in [authorized(), authorized().and(&capture(1_000)), authorized().and(&void())] {
        assert_eq!(story.when(&saw(PspState::Declined, 0, 0)), Ok(vec![]));
    }
}

#[test]
fn what_is_known_of_an_authorization_only_grows() {
    let until = |state, held, taken, until| {
        let authorization_expires_at = Some(at(until));
        PaymentCommand::Observe(PspSnapshot {
            authorization_expires_at,
            ..told(state, held, taken)
        })
    };
    let story = given(&[request(), until(PspState::Authorized, 900, 0, 90)]);
    let story = story.and(&saw(PspState::Canceled, 900, 0));
    let known = |story: &Story| {
        let known = story.payment().authorization.unwrap();
        (known.amount.minor(), known.expires_at)
    };
    for (held, end) in [(900, 90), (900, 89), (1, 1)] {
        let old = until(PspState::Authorized, held, 0, end);
        assert_eq!(story.when(&old), Ok(vec![]), "{held} {end}");
    }
    let news = ["UnexpectedMoney", "VoidRequested"];
    let more = until(PspState::Authorized, 950, 0, 80);
    assert_eq!(story.when(&more), Ok(news.to_vec()));
    let story = story.and(&more);
    assert_eq!(known(&story), (950, Some(at(90))));
    let story = story.and(&saw(PspState::Captured, 1_000, 1_000));
    assert_eq!(known(&story), (1_000, Some(at(90))));
}

#[test]
fn a_payment_belongs_to_its_order() {
    let story = given(&[request(), void()]);
    let key = PaymentAggregate::partition_key;
    assert_eq!(key(&story.events[0]), Some(Uuid::from_u128(1)));
    assert_eq!(key(&story.events[1]), None);
}

#[test]
fn no_debug_output_shows_the_token() {
    let story = given(&[request()]);
    let shown = format!("{:?} {:?} {:?}", request(), story, open_calls(story.payment()));
    assert!(!shown.contains("tok_visa") && shown.contains("MethodToken(..)"), "{shown}");
    let token = MethodToken::parse("tok_visa").unwrap();
    assert_eq!(token.as_str(), "tok_visa");
}

#[test]
fn a_card_number_is_no_token() {
    for card in ["4242424242424242", "4242 4242 4242 4242", "3782-822463-10005", "6304000000000000"]
    {
        assert_eq!(MethodToken::parse(card).unwrap_err().code, "card-number", "{card}");
    }
    // Wrong check digit, too short, too long, letters.
    for token in ["4242424242424241", "42424242420", "42424242424242424242", "pm_4242424242424242"]
    {
        assert!(MethodToken::parse(token).is_ok(), "{token}");
    }
    assert_eq!(MethodToken::parse("").unwrap_err().code, "too-short");
}

#[test]
fn capture_modes_have_their_names() {
    for mode in [CaptureMode::AtConfirmation, CaptureMode::AtDispatch] {
        assert_eq!(CaptureMode::from_wire(mode.as_str()), Some(mode));
    }
    assert_eq!(CaptureMode::from_wire("at_night"), None);
}
