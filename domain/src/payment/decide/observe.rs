//! What the provider says becomes facts: only what is not yet known, in whatever order it comes.
//!
//! Everything the provider counts only grows: what was ever held, taken, given back, how often it refused. So a snapshot
//! is compared with what is known, member by member, and an older one adds nothing. Of its states only `Canceled` is
//! final. `Declined` may be older than an authorization; it is, if its snapshot does not show that money was held.

use super::{Decision, Draft, beyond, calls, moment};
use crate::payment::{
    Payment, PaymentEvent, PaymentRejection, Phase, PspError, PspRefund, PspRefundState,
    PspSnapshot, PspState, RefundState, Unexpected,
};
use crate::{Label, Money, Reference, Timestamp};

pub(super) fn observe(payment: &Payment, snapshot: &PspSnapshot) -> Decision {
    require_possible(payment, snapshot)?;
    let mut draft = Draft::of(payment);
    if payment.psp_id.is_none() {
        draft.record(PaymentEvent::PaymentOpened { psp_id: snapshot.psp_id.clone() });
    }
    observe_captured(&mut draft, snapshot);
    match snapshot.state {
        PspState::Open | PspState::Processing | PspState::Captured => {}
        PspState::ActionRequired => observe_action(&mut draft, snapshot),
        PspState::Authorized => observe_authorized(&mut draft, snapshot),
        PspState::Canceled => observe_canceled(&mut draft, snapshot),
        PspState::Declined => observe_declined(&mut draft, snapshot),
    }
    for told in refunds_by_id(&snapshot.refunds) {
        observe_refund(&mut draft, &told)?;
    }
    Ok(draft.settled())
}

/// A snapshot of this payment, in its currency, whose amounts fit together.
fn require_possible(payment: &Payment, snapshot: &PspSnapshot) -> Result<(), PaymentRejection> {
    if let Some(known) = payment.psp_id.as_ref().filter(|known| **known != snapshot.psp_id) {
        return Err(PaymentRejection::OtherPspId { known: known.clone() });
    }
    let contradictory = |detail| Err(PaymentRejection::ContradictorySnapshot { detail });
    let refunds = snapshot.refunds.iter().map(|refund| refund.amount);
    for amount in [snapshot.authorized, snapshot.captured].into_iter().chain(refunds) {
        payment.own_currency(amount)?;
        if amount.minor() < 0 || amount.within_public_limit().is_err() {
            return contradictory("an amount is out of range");
        }
    }
    let (authorized, captured) = (snapshot.authorized.minor(), snapshot.captured.minor());
    if snapshot.refunds.iter().any(|refund| refund.amount.minor() == 0) {
        return contradictory("a refund is of nothing");
    }
    match snapshot.state {
        PspState::Authorized if authorized == 0 => contradictory("authorized, but nothing is held"),
        PspState::Captured if captured == 0 => contradictory("captured, but nothing was taken"),
        _ => Ok(()),
    }
}

fn observe_captured(draft: &mut Draft, snapshot: &PspSnapshot) {
    let payment = &draft.payment;
    let amount = beyond(snapshot.captured, payment.captured);
    if amount.minor() == 0 {
        return;
    }
    if payment.is_over() {
        draft.record_unexpected(Unexpected::Captured, amount);
        draft.record(PaymentEvent::PaymentCaptured { amount });
        return;
    }
    let nothing = Money::zero(amount.currency());
    let expected = match payment.phase {
        // Some means of payment know no holding: their money is taken at once.
        Phase::Requested | Phase::Opened | Phase::ActionRequired => payment.amount,
        // Goes back as a whole, so no part of it is named.
        Phase::VoidRequested => snapshot.captured,
        _ => payment.capture_asked.unwrap_or(nothing),
    };
    let counted =
        if expected.minor() > payment.captured.minor() { expected } else { payment.captured };
    let unexpected = beyond(snapshot.captured, counted);
    draft.record(PaymentEvent::PaymentCaptured { amount });
    draft.record_unexpected(Unexpected::Captured, unexpected);
}

fn observe_action(draft: &mut Draft, snapshot: &PspSnapshot) {
    let until = snapshot.action_until.map(moment);
    let news = match draft.payment.phase {
        Phase::Opened => true,
        Phase::ActionRequired => until > draft.payment.action_until,
        _ => false,
    };
    if news {
        draft.record(PaymentEvent::CustomerActionRequired { until });
    }
}

fn observe_authorized(draft: &mut Draft, snapshot: &PspSnapshot) {
    let expires_at = snapshot.authorization_expires_at.map(moment);
    let amount = snapshot.authorized;
    match draft.payment.phase {
        Phase::Requested | Phase::Opened | Phase::ActionRequired => {
            draft.record(PaymentEvent::PaymentAuthorized { amount, expires_at });
        }
        Phase::Voided | Phase::Declined | Phase::Expired
            if !draft.payment.knows_of(amount, expires_at) =>
        {
            draft.record_unexpected(Unexpected::Authorized { expires_at }, amount);
            draft.record(PaymentEvent::VoidRequested { reason: None });
        }
        _ => {}
    }
}

fn observe_canceled(draft: &mut Draft, snapshot: &PspSnapshot) {
    match draft.payment.phase {
        Phase::Requested | Phase::Opened | Phase::ActionRequired | Phase::VoidRequested => {
            draft.record(PaymentEvent::PaymentVoided);
        }
        Phase::Authorized => draft.record(PaymentEvent::AuthorizationExpired),
        Phase::CaptureRequested => {
            let code = code(snapshot.error.as_ref());
            draft.record(PaymentEvent::CaptureFailed { code, authorization_ended: true });
        }
        Phase::Captured | Phase::Voided | Phase::Declined | Phase::Expired => {}
    }
}

fn observe_declined(draft: &mut Draft, snapshot: &PspSnapshot) {
    let older = draft.payment.authorization.is_some() && snapshot.authorized.minor() == 0;
    match draft.payment.phase {
        Phase::Requested | Phase::Opened | Phase::ActionRequired => {
            let is_final = snapshot.error.as_ref().is_some_and(|error| error.is_final);
            let code = code(snapshot.error.as_ref());
            draft.record(PaymentEvent::PaymentDeclined { code, is_final });
        }
        Phase::Authorized | Phase::CaptureRequested | Phase::VoidRequested if !older => {
            observe_canceled(draft, snapshot);
        }
        _ => {}
    }
}

/// What the provider says of one refund.
struct ToldRefund<'a> {
    refund_id: &'a Reference,
    succeeded: i64,
    pending: bool,
    failed: u32,
    error: Option<&'a PspError>,
}

/// The entries of each refund together, in the order in which the refunds are listed.
fn refunds_by_id(refunds: &[PspRefund]) -> Vec<ToldRefund<'_>> {
    let mut told: Vec<ToldRefund<'_>> = Vec::new();
    for PspRefund { refund_id, amount, state } in refunds {
        let place = told.iter().position(|one| one.refund_id == refund_id).unwrap_or(told.len());
        if place == told.len() {
            let (succeeded, pending, failed, error) = (0, false, 0, None);
            told.push(ToldRefund { refund_id, succeeded, pending, failed, error });
        }
        let one = &mut told[place];
        match state {
            PspRefundState::Succeeded => {
                one.succeeded = one.succeeded.saturating_add(amount.minor());
            }
            PspRefundState::Pending => one.pending = true,
            PspRefundState::Failed(error) => {
                one.failed = one.failed.saturating_add(1);
                one.error = Some(error);
            }
        }
    }
    told
}

fn observe_refund(draft: &mut Draft, told: &ToldRefund<'_>) -> Result<(), PaymentRejection> {
    let payment = &draft.payment;
    let nothing = Money::zero(payment.amount.currency());
    let succeeded = Money::from_minor(told.succeeded, nothing.currency());
    let known = payment.refund(told.refund_id);
    let done = known.map_or(nothing, |refund| refund.refunded);
    let amount = beyond(succeeded, done);
    if amount.minor() > 0 {
        if amount.minor() > beyond(payment.captured, payment.refunded).minor() {
            let detail = "more money went back than was taken";
            return Err(PaymentRejection::ContradictorySnapshot { detail });
        }
        let asked = known.and_then(|refund| refund.asked).unwrap_or(nothing);
        let counted = if asked.minor() > done.minor() { asked } else { done };
        let (refund_id, unexpected) = (told.refund_id.clone(), beyond(succeeded, counted));
        let what = Unexpected::Refunded { refund_id: refund_id.clone() };
        draft.record_unexpected(what, unexpected);
        draft.record(PaymentEvent::PaymentRefunded { refund_id, amount });
        return Ok(());
    }
    let owed = known.filter(|refund| refund.state == RefundState::Requested);
    if !told.pending && owed.is_some_and(|refund| told.failed > refund.listed) {
        let is_final = told.error.is_some_and(|error| error.is_final);
        calls::refund_failed(draft, told.refund_id, code(told.error), is_final, told.failed);
    }
    Ok(())
}

fn code(error: Option<&PspError>) -> Option<Label> {
    error.map(|error| error.code.clone())
}

impl Payment {
    /// Whether as much was already known to be held, and for as long.
    fn knows_of(&self, amount: Money, expires_at: Option<Timestamp>) -> bool {
        self.authorization.is_some_and(|known| {
            known.amount.minor() >= amount.minor() && known.expires_at >= expires_at
        })
    }
}
