//! What people and programs want of a payment: to take its money, to call it off, to give money back.

use super::{Decision, Draft, positive};
use crate::payment::{Payment, PaymentEvent, PaymentRejection, Phase, RefundCause};
use crate::{Money, Reason, Reference};

/// The most refunds of one payment that may be asked for.
pub const MOST_REFUNDS: usize = 1_000;

pub(super) fn capture(payment: &Payment, amount: Money) -> Decision {
    payment.own_currency(amount)?;
    positive(amount)?;
    let status = payment.status();
    match payment.phase {
        Phase::Requested | Phase::Opened | Phase::ActionRequired => {
            Err(PaymentRejection::NotAuthorized { status })
        }
        Phase::VoidRequested | Phase::Voided | Phase::Declined | Phase::Expired => {
            Err(PaymentRejection::PaymentOver { status })
        }
        Phase::Captured if payment.keeps_nothing => Err(PaymentRejection::PaymentOver { status }),
        Phase::CaptureRequested | Phase::Captured => {
            let asked = payment.capture_asked.unwrap_or(payment.captured);
            if amount == asked || payment.phase == Phase::Captured && amount == payment.captured {
                return Ok(vec![]);
            }
            Err(PaymentRejection::CaptureConflict { asked })
        }
        Phase::Authorized => {
            let held = payment.held();
            let authorized =
                if held.minor() < payment.amount.minor() { held } else { payment.amount };
            if amount.minor() > authorized.minor() {
                return Err(PaymentRejection::AmountExceedsAuthorized { authorized });
            }
            Ok(vec![PaymentEvent::CaptureRequested { amount }])
        }
    }
}

pub(super) fn void(payment: &Payment, reason: &Reason) -> Vec<PaymentEvent> {
    let call_off = PaymentEvent::VoidRequested { reason: Some(reason.clone()) };
    match payment.phase {
        Phase::Requested
        | Phase::Opened
        | Phase::ActionRequired
        | Phase::Authorized
        | Phase::CaptureRequested => vec![call_off],
        Phase::VoidRequested | Phase::Voided | Phase::Declined | Phase::Expired => vec![],
        // Whatever is not on its way back was asked for already, or waits for a person.
        Phase::Captured if payment.keeps_nothing => vec![],
        Phase::Captured if payment.refundable().minor() > 0 => {
            let mut draft = Draft::of(payment);
            draft.give_all_back(payment.refundable(), Some(reason.clone()), RefundCause::Void);
            draft.events
        }
        // All is on its way back; should that fail, the wish must still be known.
        Phase::Captured if payment.refunded != payment.captured => vec![call_off],
        Phase::Captured => vec![],
    }
}

pub(super) fn refund(
    payment: &Payment,
    refund_id: &Reference,
    amount: Money,
    reason: Option<&Reason>,
) -> Decision {
    payment.own_currency(amount)?;
    positive(amount)?;
    if let Some(known) = payment.refund(refund_id) {
        let known = known.asked.unwrap_or(known.refunded);
        return if known == amount { Ok(vec![]) } else { Err(PaymentRejection::RefundConflict) };
    }
    let status = payment.status();
    if payment.is_over() {
        return Err(PaymentRejection::PaymentOver { status });
    }
    if payment.phase != Phase::Captured {
        return Err(PaymentRejection::NotCaptured { status });
    }
    let refundable = payment.refundable();
    if amount.minor() > refundable.minor() {
        return Err(PaymentRejection::RefundExceedsCaptured { refundable });
    }
    if payment.refunds.len() >= MOST_REFUNDS {
        return Err(PaymentRejection::TooManyRefunds);
    }
    Ok(vec![PaymentEvent::RefundRequested {
        refund_id: refund_id.clone(),
        amount,
        reason: reason.cloned(),
        cause: RefundCause::Asked,
    }])
}
