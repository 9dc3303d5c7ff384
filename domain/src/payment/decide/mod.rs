//! Decisions: which facts follow from a command, or which rule refuses it.
//!
//! Wishes (capture, refund) are guarded. What comes from outside is recorded whenever it is possible, and a payment that
//! may keep nothing asks for its money to go back in the same decision.

mod calls;
mod observe;
mod wishes;

use super::{
    Payment, PaymentCommand, PaymentEvent, PaymentRejection, Phase, RefundCause, Unexpected,
};
use crate::{FieldError, Money, MoneyError, Reason, Reference, Timestamp};
use chrono::SubsecRound;

pub use wishes::MOST_REFUNDS;

type Decision = Result<Vec<PaymentEvent>, PaymentRejection>;

pub(super) fn decide(state: Option<&Payment>, command: &PaymentCommand) -> Decision {
    if let PaymentCommand::Request { order_id, checkout_id, amount, method, capture } = command {
        positive(*amount)?;
        let requested = PaymentEvent::PaymentRequested {
            order_id: *order_id,
            checkout_id: *checkout_id,
            amount: *amount,
            method: method.clone(),
            capture: *capture,
        };
        return match state {
            None => Ok(vec![requested]),
            Some(payment) if payment.was_requested_by(&requested) => Ok(vec![]),
            Some(_) => Err(PaymentRejection::PaymentConflict),
        };
    }
    let payment = state.ok_or(PaymentRejection::PaymentNotFound)?;
    match command {
        // Answered above.
        PaymentCommand::Request { .. } => Err(PaymentRejection::PaymentConflict),
        PaymentCommand::Capture { amount } => wishes::capture(payment, *amount),
        PaymentCommand::Void { reason } => Ok(wishes::void(payment, reason)),
        PaymentCommand::Refund { refund_id, amount, reason } => {
            wishes::refund(payment, refund_id, *amount, reason.as_ref())
        }
        PaymentCommand::Observe(snapshot) => observe::observe(payment, snapshot),
        PaymentCommand::FailCall { call, attempt, class, retry_at } => {
            calls::fail(payment, call, *attempt, *class, *retry_at)
        }
        PaymentCommand::RefuseCall { call, attempt, code, is_final } => {
            calls::refuse(payment, call, *attempt, code.as_ref(), *is_final)
        }
        PaymentCommand::GiveUpCall { call, attempt } => calls::give_up(payment, call, *attempt),
        PaymentCommand::Retry { call, by } => calls::retry(payment, call, by),
    }
}

/// A decision of several facts, where one depends on those before.
struct Draft {
    payment: Payment,
    events: Vec<PaymentEvent>,
}

impl Draft {
    fn of(payment: &Payment) -> Self {
        Self { payment: payment.clone(), events: Vec::new() }
    }

    fn record(&mut self, event: PaymentEvent) {
        // The time is of no account: no decision reads it.
        let at = self.payment.updated_at;
        self.payment.fold(&event, at);
        self.events.push(event);
    }

    fn record_unexpected(&mut self, what: Unexpected, amount: Money) {
        if amount.minor() > 0 {
            self.record(PaymentEvent::UnexpectedMoney { what, amount });
        }
    }

    /// The events. If nothing may stay, all that was taken and is not on its way back is asked to go back.
    fn settled(mut self) -> Vec<PaymentEvent> {
        let amount = self.payment.refundable();
        if self.payment.keeps_nothing && amount.minor() > 0 {
            let reason = self.payment.void_reason.clone();
            let cause = if reason.is_some() { RefundCause::Void } else { RefundCause::Late };
            self.give_all_back(amount, reason, cause);
        }
        self.events
    }

    fn give_all_back(&mut self, amount: Money, reason: Option<Reason>, cause: RefundCause) {
        let refund_id = free_refund_id(&self.payment);
        self.record(PaymentEvent::RefundRequested { refund_id, amount, reason, cause });
    }
}

/// The first of `void:1`, `void:2` … that no refund has. Callers may have used some.
fn free_refund_id(payment: &Payment) -> Reference {
    let taken = payment.refunds.len();
    (1..=taken)
        .map(|number| Reference::stored(format!("void:{number}")))
        .find(|id| payment.refund(id).is_none())
        .unwrap_or_else(|| Reference::stored(format!("void:{}", taken + 1)))
}

impl Payment {
    /// Whether this request is the one that made the payment.
    fn was_requested_by(&self, request: &PaymentEvent) -> bool {
        let own = PaymentEvent::PaymentRequested {
            order_id: self.order_id,
            checkout_id: self.checkout_id,
            amount: self.amount,
            method: self.method.clone(),
            capture: self.capture,
        };
        *request == own
    }

    /// Whether nothing more is taken, though nothing was taken.
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Voided | Phase::Declined | Phase::Expired)
    }

    fn own_currency(&self, amount: Money) -> Result<(), PaymentRejection> {
        let expected = self.amount.currency();
        if amount.currency() == expected {
            return Ok(());
        }
        Err(PaymentRejection::CurrencyMismatch { expected })
    }
}

fn positive(amount: Money) -> Result<(), PaymentRejection> {
    let invalid = |error| Err(PaymentRejection::Invalid(vec![("/amount".to_owned(), error)]));
    if amount.minor() <= 0 {
        return invalid(FieldError::new("out-of-range", "must be more than zero"));
    }
    match amount.within_public_limit() {
        Ok(_) => Ok(()),
        Err(error) => invalid(MoneyError::into(error)),
    }
}

/// `amount − known`, not below zero. Both are of one currency and within the public limit.
fn beyond(amount: Money, known: Money) -> Money {
    let minor = amount.minor().saturating_sub(known.minor()).max(0);
    Money::from_minor(minor, amount.currency())
}

/// The moment as it is stored: with microseconds.
fn moment(time: Timestamp) -> Timestamp {
    crate::time::settle(time).trunc_subsecs(6)
}
