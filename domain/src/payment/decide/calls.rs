//! How calls fare: tries that failed, calls that were refused or given up, and persons who ask again.
//!
//! A report about a try that is over already is no event: another worker's report, or the provider's state, came
//! first.

use super::{Decision, Draft, moment};
use crate::payment::{
    Call, CallClass, Payment, PaymentEvent, PaymentRejection, Phase, RefundState, StuckReason,
    Tries,
};
use crate::{Label, Reference, Timestamp};

/// The tries of a call, if this is its next one; `None` if that try is over.
fn current<'a>(
    payment: &'a Payment,
    call: &Call,
    attempt: u32,
) -> Result<Option<&'a Tries>, PaymentRejection> {
    let tries = payment.tries(call).ok_or(PaymentRejection::CallNotOwed)?;
    if attempt > tries.attempt {
        return Err(PaymentRejection::CallNotOwed);
    }
    Ok(Some(tries).filter(|tries| tries.is_open() && tries.attempt == attempt))
}

pub(super) fn fail(
    payment: &Payment,
    call: &Call,
    attempt: u32,
    class: CallClass,
    retry_at: Timestamp,
) -> Decision {
    let Some(tries) = current(payment, call, attempt)? else { return Ok(vec![]) };
    let last = tries.is_last(attempt);
    let retry_at = (!last).then(|| moment(retry_at));
    let mut events =
        vec![PaymentEvent::CallFailed { call: call.clone(), attempt, class, retry_at }];
    if last {
        let reason = StuckReason::TriesUsedUp;
        events.push(PaymentEvent::PaymentStuck { call: call.clone(), reason });
    }
    Ok(events)
}

pub(super) fn refuse(
    payment: &Payment,
    call: &Call,
    attempt: u32,
    code: Option<&Label>,
    is_final: bool,
) -> Decision {
    if current(payment, call, attempt)?.is_none() {
        return Ok(vec![]);
    }
    let code = code.cloned();
    let mut draft = Draft::of(payment);
    match call {
        // Nothing was made known to the provider, so there is nothing to call off.
        Call::Open if payment.phase == Phase::VoidRequested => {
            draft.record(PaymentEvent::PaymentVoided);
        }
        Call::Open | Call::Confirm => {
            draft.record(PaymentEvent::PaymentDeclined { code, is_final });
        }
        Call::Capture => {
            draft.record(PaymentEvent::CaptureFailed { code, authorization_ended: false });
        }
        Call::Cancel => {
            let reason = StuckReason::Refused { code };
            draft.record(PaymentEvent::PaymentStuck { call: call.clone(), reason });
        }
        Call::Refund { refund_id } => {
            let listed = payment.refund(refund_id).map_or(0, |refund| refund.listed);
            refund_failed(&mut draft, refund_id, code, is_final, listed);
        }
    }
    Ok(draft.settled())
}

/// The provider refused a refund that is owed. If it stays owed and is not to be tried again, a person has to look.
pub(super) fn refund_failed(
    draft: &mut Draft,
    refund_id: &Reference,
    code: Option<Label>,
    is_final: bool,
    listed: u32,
) {
    let last = draft
        .payment
        .refund(refund_id)
        .is_some_and(|refund| refund.tries.is_last(refund.tries.attempt));
    draft.record(PaymentEvent::RefundFailed {
        refund_id: refund_id.clone(),
        code: code.clone(),
        is_final,
        listed,
    });
    let open = draft.payment.refund(refund_id).is_some_and(|refund| refund.tries.is_open());
    if open && (is_final || last) {
        let reason =
            if is_final { StuckReason::Refused { code } } else { StuckReason::TriesUsedUp };
        let call = Call::Refund { refund_id: refund_id.clone() };
        draft.record(PaymentEvent::PaymentStuck { call, reason });
    }
}

pub(super) fn give_up(payment: &Payment, call: &Call, attempt: u32) -> Decision {
    if current(payment, call, attempt)?.is_none() {
        return Ok(vec![]);
    }
    let reason = StuckReason::Doubt;
    Ok(vec![PaymentEvent::PaymentStuck { call: call.clone(), reason }])
}

pub(super) fn retry(payment: &Payment, call: &Call, by: &Label) -> Decision {
    let tries = payment.tries(call).ok_or(PaymentRejection::CallNotOwed)?;
    let retried = PaymentEvent::CallRetried { call: call.clone(), by: by.clone() };
    if tries.is_open() {
        return Ok(vec![]);
    }
    if tries.is_owed() {
        return Ok(vec![retried]);
    }
    let Call::Refund { refund_id } = call else { return Err(PaymentRejection::CallNotOwed) };
    let failed = payment.refund(refund_id).filter(|refund| refund.state == RefundState::Failed);
    let asked = failed.and_then(|refund| refund.asked).ok_or(PaymentRejection::CallNotOwed)?;
    let refundable = payment.refundable();
    if asked.minor() > refundable.minor() {
        return Err(PaymentRejection::RefundExceedsCaptured { refundable });
    }
    Ok(vec![retried])
}
