//! What holds of every payment, counted anew from its facts.

use super::*;
use domain::payment::{PaymentStatus, RefundState, open_calls, stuck_calls};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The amounts, counted anew from the facts.
pub fn check_money(story: &Story) -> Result<(), TestCaseError> {
    let payment = story.payment();
    let (mut captured, mut refunded) = (0, 0);
    let mut asked: BTreeMap<String, i64> = BTreeMap::new();
    for event in &story.events {
        let amount = match event {
            PaymentEvent::PaymentCaptured { amount } => {
                captured += amount.minor();
                *amount
            }
            PaymentEvent::PaymentRefunded { amount, .. } => {
                refunded += amount.minor();
                *amount
            }
            PaymentEvent::RefundRequested { refund_id, amount, .. } => {
                let twice = asked.insert(refund_id.as_str().to_owned(), amount.minor());
                prop_assert_eq!(twice, None, "one refund was asked for twice");
                *amount
            }
            PaymentEvent::PaymentRequested { amount, .. }
            | PaymentEvent::PaymentAuthorized { amount, .. }
            | PaymentEvent::CaptureRequested { amount }
            | PaymentEvent::UnexpectedMoney { amount, .. } => *amount,
            _ => cents(1),
        };
        prop_assert_eq!(amount.currency(), payment.amount.currency());
        prop_assert!(amount.minor() > 0, "{:?}", event);
        prop_assert!(refunded <= captured, "more went back than was taken: {:?}", event);
    }
    prop_assert_eq!((payment.captured, payment.refunded), (cents(captured), cents(refunded)));
    let authorized = payment.authorization.map_or(0, |held| held.amount.minor());
    prop_assert!(captured <= authorized);
    let on_the_way: i64 = payment
        .refunds
        .iter()
        .filter(|refund| refund.state == RefundState::Requested)
        .map(|refund| refund.asked.unwrap().minor())
        .sum();
    prop_assert_eq!(payment.refundable().minor(), (captured - refunded - on_the_way).max(0));
    Ok(())
}

/// Whatever is owed is open or stuck, once, and nothing else is.
pub fn check_owed(payment: &Payment) -> Result<(), TestCaseError> {
    let open = open_calls(payment).into_iter().map(|open| open.call.to_string());
    let stuck = stuck_calls(payment).into_iter().map(|stuck| stuck.call.to_string());
    let listed: Vec<String> = open.chain(stuck).collect();
    let mut owed: BTreeSet<String> = payment
        .refunds
        .iter()
        .filter(|refund| refund.state == RefundState::Requested)
        .map(|refund| format!("refund:{}", refund.refund_id.as_str()))
        .collect();
    let own = match (payment.status(), payment.psp_id.is_some()) {
        (PaymentStatus::Requested | PaymentStatus::VoidRequested, false) => Some("open"),
        (PaymentStatus::Opened, true) => Some("confirm"),
        (PaymentStatus::CaptureRequested, true) => Some("capture"),
        (PaymentStatus::VoidRequested, true) => Some("cancel"),
        _ => None,
    };
    owed.extend(own.map(str::to_owned));
    prop_assert_eq!(listed.len(), owed.len(), "{:?}", &listed);
    prop_assert_eq!(&listed.into_iter().collect::<BTreeSet<_>>(), &owed);
    if payment.keeps_nothing {
        prop_assert_eq!(payment.refundable().minor(), 0, "money stays that nobody gives back");
    }
    Ok(())
}

/// The status, read from the facts by their names.
pub fn status_of(events: &[PaymentEvent]) -> PaymentStatus {
    let (mut status, mut kept) = (PaymentStatus::Requested, 0);
    let (mut captured, mut refunded) = (false, false);
    for event in events {
        status = match event {
            PaymentEvent::PaymentOpened { .. } if status == PaymentStatus::Requested => {
                PaymentStatus::Opened
            }
            PaymentEvent::CustomerActionRequired { .. } => PaymentStatus::ActionRequired,
            PaymentEvent::PaymentAuthorized { .. } => PaymentStatus::Authorized,
            PaymentEvent::PaymentDeclined { .. } => PaymentStatus::Declined,
            PaymentEvent::CaptureRequested { .. } => PaymentStatus::CaptureRequested,
            PaymentEvent::CaptureFailed { authorization_ended: false, .. } => {
                PaymentStatus::Authorized
            }
            PaymentEvent::CaptureFailed { .. } | PaymentEvent::AuthorizationExpired => {
                PaymentStatus::Expired
            }
            PaymentEvent::VoidRequested { .. } => PaymentStatus::VoidRequested,
            PaymentEvent::PaymentVoided => PaymentStatus::Voided,
            _ => status,
        };
        match event {
            PaymentEvent::PaymentCaptured { amount } => {
                (captured, kept) = (true, kept + amount.minor());
            }
            PaymentEvent::PaymentRefunded { amount, .. } => {
                (refunded, kept) = (true, kept - amount.minor());
            }
            _ => {}
        }
    }
    match (captured, refunded, kept) {
        (false, _, _) => status,
        (true, false, _) => PaymentStatus::Captured,
        (true, true, 0) => PaymentStatus::Refunded,
        (true, true, _) => PaymentStatus::PartiallyRefunded,
    }
}
