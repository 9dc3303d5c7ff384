//! The fold: what each fact does to the state, and the questions to a state.
//!
//! `evolve` is total: a fact that no decision could make here leaves the amounts as they are, and nothing panics.

use super::{
    Authorization, Payment, PaymentEvent, PaymentStatus, Phase, Refund, RefundCause, RefundState,
    Tries, Unexpected,
};
use crate::{Money, Reference, Timestamp};

/// Folds one event, which happened at `at`, into the state.
pub(super) fn evolve(
    state: Option<Payment>,
    event: &PaymentEvent,
    at: Timestamp,
) -> Option<Payment> {
    let mut payment = match (state, event) {
        (
            None,
            PaymentEvent::PaymentRequested { order_id, checkout_id, amount, method, capture },
        ) => Payment {
            order_id: *order_id,
            checkout_id: *checkout_id,
            amount: *amount,
            method: method.clone(),
            capture: *capture,
            psp_id: None,
            action_until: None,
            authorization: None,
            capture_asked: None,
            captured: Money::zero(amount.currency()),
            refunded: Money::zero(amount.currency()),
            refunds: Vec::new(),
            keeps_nothing: false,
            void_reason: None,
            error_code: None,
            requested_at: at,
            updated_at: at,
            phase: Phase::Requested,
            open: Tries::default(),
            confirm: Tries::default(),
            take: Tries::default(),
            cancel: Tries::default(),
        },
        // No decision begins a payment with another event.
        (None, _) => return None,
        (Some(payment), _) => payment,
    };
    payment.fold(event, at);
    Some(payment)
}

impl Payment {
    pub(super) fn fold(&mut self, event: &PaymentEvent, at: Timestamp) {
        self.updated_at = at;
        self.apply(event, at);
        self.owe_calls(at);
    }

    fn apply(&mut self, event: &PaymentEvent, at: Timestamp) {
        match event {
            PaymentEvent::PaymentRequested { .. } => {}
            PaymentEvent::PaymentOpened { psp_id } => {
                self.psp_id = Some(psp_id.clone());
                if self.phase == Phase::Requested {
                    self.phase = Phase::Opened;
                }
            }
            PaymentEvent::CustomerActionRequired { until } => {
                self.action_until = *until;
                self.phase = Phase::ActionRequired;
            }
            PaymentEvent::PaymentAuthorized { amount, expires_at } => {
                self.hold(*amount, *expires_at);
                self.phase = Phase::Authorized;
            }
            PaymentEvent::PaymentDeclined { code, .. } => {
                self.error_code.clone_from(code);
                self.end(Phase::Declined);
            }
            PaymentEvent::CaptureRequested { amount } => {
                self.capture_asked = Some(*amount);
                self.phase = Phase::CaptureRequested;
            }
            PaymentEvent::PaymentCaptured { amount } => {
                self.captured = plus(self.captured, *amount);
                self.hold(self.captured, None);
                self.phase = Phase::Captured;
            }
            PaymentEvent::CaptureFailed { code, authorization_ended } => {
                self.error_code.clone_from(code);
                self.capture_asked = None;
                self.phase = Phase::Authorized;
                if *authorization_ended {
                    self.end(Phase::Expired);
                }
            }
            PaymentEvent::VoidRequested { reason } => {
                self.void_reason.clone_from(reason);
                self.end(Phase::VoidRequested);
            }
            PaymentEvent::PaymentVoided => self.end(Phase::Voided),
            PaymentEvent::AuthorizationExpired => self.end(Phase::Expired),
            PaymentEvent::UnexpectedMoney { what, amount } => {
                if let Unexpected::Authorized { expires_at } = what {
                    self.hold(*amount, *expires_at);
                }
            }
            PaymentEvent::CallFailed { call, attempt, class, retry_at } => {
                if let Some(tries) = self.tries_mut(call) {
                    tries.fail(*attempt, Some(*class), *retry_at, at);
                }
            }
            PaymentEvent::PaymentStuck { call, reason } => {
                if let Some(tries) = self.tries_mut(call).filter(|tries| tries.is_owed()) {
                    tries.stuck = Some(reason.clone());
                }
            }
            PaymentEvent::RefundRequested { .. }
            | PaymentEvent::PaymentRefunded { .. }
            | PaymentEvent::RefundFailed { .. }
            | PaymentEvent::CallRetried { .. } => self.apply_to_refunds(event, at),
        }
    }

    fn apply_to_refunds(&mut self, event: &PaymentEvent, at: Timestamp) {
        match event {
            PaymentEvent::RefundRequested { refund_id, amount, reason, cause } => {
                self.keeps_nothing |= *cause != RefundCause::Asked;
                let refund = self.refund_or_new(refund_id, *cause);
                refund.asked = Some(*amount);
                refund.reason.clone_from(reason);
                refund.owe_call(at);
            }
            PaymentEvent::PaymentRefunded { refund_id, amount } => {
                self.refunded = plus(self.refunded, *amount);
                let refund = self.refund_or_new(refund_id, RefundCause::Foreign);
                refund.refunded = plus(refund.refunded, *amount);
                refund.state = RefundState::Refunded;
                refund.owe_call(at);
            }
            PaymentEvent::RefundFailed { refund_id, is_final, listed, .. } => {
                let left = minus(self.captured, self.refunded);
                let Some(refund) = self.refund_mut(refund_id) else { return };
                refund.listed = refund.listed.max(*listed);
                if *is_final && refund.may_be_given_up(left) {
                    refund.state = RefundState::Failed;
                }
                let attempt = refund.tries.attempt;
                refund.tries.fail(attempt, None, None, at);
                refund.owe_call(at);
            }
            PaymentEvent::CallRetried { call, .. } => {
                if let super::Call::Refund { refund_id } = call
                    && let Some(refund) = self.refund_mut(refund_id)
                    && refund.state == RefundState::Failed
                {
                    refund.state = RefundState::Requested;
                    refund.tries.since = Some(at);
                }
                if let Some(tries) = self.tries_mut(call).filter(|tries| tries.is_owed()) {
                    tries.retry(at);
                }
            }
            // `apply` passes no other.
            _ => {}
        }
    }

    /// Nothing of the money may stay from now on. What was taken stays taken until it goes back.
    fn end(&mut self, phase: Phase) {
        if self.phase != Phase::Captured {
            self.phase = phase;
        }
        self.keeps_nothing = true;
    }

    /// Money is held: never less, nor shorter, than was known before.
    fn hold(&mut self, amount: Money, expires_at: Option<Timestamp>) {
        let known = self.authorization.unwrap_or(Authorization { amount, expires_at });
        self.authorization = Some(Authorization {
            amount: if known.amount.minor() < amount.minor() { amount } else { known.amount },
            expires_at: known.expires_at.max(expires_at),
        });
    }

    fn refund_or_new(&mut self, refund_id: &Reference, cause: RefundCause) -> &mut Refund {
        let place = self.refunds.iter().position(|refund| refund.refund_id == *refund_id);
        let place = place.unwrap_or_else(|| {
            self.refunds.push(Refund {
                refund_id: refund_id.clone(),
                asked: None,
                refunded: Money::zero(self.amount.currency()),
                cause,
                reason: None,
                state: RefundState::Requested,
                listed: 0,
                tries: Tries::default(),
            });
            self.refunds.len() - 1
        });
        &mut self.refunds[place]
    }

    /// The refund with this id.
    pub fn refund(&self, refund_id: &Reference) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.refund_id == *refund_id)
    }

    pub(super) fn refund_mut(&mut self, refund_id: &Reference) -> Option<&mut Refund> {
        self.refunds.iter_mut().find(|refund| refund.refund_id == *refund_id)
    }

    /// Where it stands, in one word.
    pub fn status(&self) -> PaymentStatus {
        match self.phase {
            Phase::Requested => PaymentStatus::Requested,
            Phase::Opened => PaymentStatus::Opened,
            Phase::ActionRequired => PaymentStatus::ActionRequired,
            Phase::Authorized => PaymentStatus::Authorized,
            Phase::CaptureRequested => PaymentStatus::CaptureRequested,
            Phase::Captured if self.refunded.minor() == 0 => PaymentStatus::Captured,
            Phase::Captured if self.refunded == self.captured => PaymentStatus::Refunded,
            Phase::Captured => PaymentStatus::PartiallyRefunded,
            Phase::VoidRequested => PaymentStatus::VoidRequested,
            Phase::Voided => PaymentStatus::Voided,
            Phase::Declined => PaymentStatus::Declined,
            Phase::Expired => PaymentStatus::Expired,
        }
    }

    /// The money that is held for us now, as far as is known.
    pub fn held(&self) -> Money {
        let holds = matches!(
            self.phase,
            Phase::Authorized | Phase::CaptureRequested | Phase::VoidRequested
        );
        self.authorization
            .filter(|_| holds)
            .map_or(Money::zero(self.amount.currency()), |authorization| authorization.amount)
    }

    /// The money that was taken and is not on its way back: captured − refunded − Σ refunds owed, never below zero.
    pub fn refundable(&self) -> Money {
        let owed = self.refunds.iter().filter(|refund| refund.state == RefundState::Requested);
        let left =
            owed.filter_map(|refund| refund.asked).fold(minus(self.captured, self.refunded), minus);
        Money::from_minor(left.minor().max(0), left.currency())
    }
}

impl Refund {
    /// Whether a refusal for good ends it, while `left` is what could still go back. A refund that the payment itself
    /// owes does not end while it could succeed: it waits for a person.
    pub(super) fn may_be_given_up(&self, left: Money) -> bool {
        self.cause == RefundCause::Asked
            || self.asked.is_none_or(|asked| asked.minor() > left.minor())
    }
}

/// The sum of amounts that `decide` has bounded. On a log that `decide` did not write, the amount stays as it was, so
/// that the fold goes on.
fn plus(amount: Money, other: Money) -> Money {
    amount.checked_add(other).unwrap_or(amount)
}

fn minus(amount: Money, other: Money) -> Money {
    amount.checked_sub(other).unwrap_or(amount)
}
