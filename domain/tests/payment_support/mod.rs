//! The kit of the payment tests: given these facts, when this command comes, then these events follow.

#![allow(clippy::unwrap_used, dead_code, missing_docs)]

pub mod laws;
pub mod psp;
pub mod world;

use chrono::{DateTime, TimeDelta};
use domain::payment::{
    Call, CallClass, CaptureMode, MethodToken, Payment, PaymentAggregate, PaymentCommand,
    PaymentEvent, PaymentRejection, PspError, PspRefund, PspRefundState, PspSnapshot, PspState,
};
use domain::{Aggregate, Currency, Label, Money, Reason, Reference, Timestamp};
use uuid::Uuid;

pub fn eur() -> Currency {
    Currency::from_code("EUR").unwrap()
}

pub fn cents(minor: i64) -> Money {
    Money::from_minor(minor, eur())
}

pub fn id(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

pub fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

pub fn why() -> Reason {
    Reason::parse("changed my mind").unwrap()
}

/// The moment of the `version`-th event.
pub fn at(version: usize) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(version as i64)
}

pub fn request() -> PaymentCommand {
    request_of(1_000)
}

pub fn request_of(minor: i64) -> PaymentCommand {
    PaymentCommand::Request {
        order_id: Uuid::from_u128(1),
        checkout_id: Uuid::from_u128(2),
        amount: cents(minor),
        method: MethodToken::parse("tok_visa").unwrap(),
        capture: CaptureMode::AtConfirmation,
    }
}

pub fn capture(minor: i64) -> PaymentCommand {
    PaymentCommand::Capture { amount: cents(minor) }
}

pub fn void() -> PaymentCommand {
    PaymentCommand::Void { reason: why() }
}

pub fn refund(refund: &str, minor: i64) -> PaymentCommand {
    PaymentCommand::Refund { refund_id: id(refund), amount: cents(minor), reason: None }
}

pub fn fail(call: &Call, attempt: u32, class: CallClass) -> PaymentCommand {
    PaymentCommand::FailCall { call: call.clone(), attempt, class, retry_at: at(9_999) }
}

pub fn refuse(call: &Call, attempt: u32, is_final: bool) -> PaymentCommand {
    let code = Some(label("no"));
    PaymentCommand::RefuseCall { call: call.clone(), attempt, code, is_final }
}

pub fn retry(call: &Call) -> PaymentCommand {
    PaymentCommand::Retry { call: call.clone(), by: label("staff-7") }
}

pub fn refund_call(refund: &str) -> Call {
    Call::Refund { refund_id: id(refund) }
}

/// The payment `pi_1` in this state at the provider, with these amounts ever held and taken.
pub fn told(state: PspState, authorized: i64, captured: i64) -> PspSnapshot {
    PspSnapshot {
        psp_id: label("pi_1"),
        state,
        authorized: cents(authorized),
        captured: cents(captured),
        refunds: vec![],
        error: None,
        action_until: None,
        authorization_expires_at: None,
    }
}

pub fn saw(state: PspState, authorized: i64, captured: i64) -> PaymentCommand {
    PaymentCommand::Observe(told(state, authorized, captured))
}

/// All of 10.00 was taken, and these refunds are listed.
pub fn saw_refunds(refunds: &[(&str, i64, PspRefundState)]) -> PaymentCommand {
    let refunds = refunds.iter().map(|(refund, minor, state)| PspRefund {
        refund_id: id(refund),
        amount: cents(*minor),
        state: state.clone(),
    });
    let refunds = refunds.collect();
    PaymentCommand::Observe(PspSnapshot { refunds, ..told(PspState::Captured, 1_000, 1_000) })
}

pub fn failed(is_final: bool) -> PspRefundState {
    PspRefundState::Failed(PspError { code: label("bank_closed"), is_final })
}

/// One payment's events, with the state after each.
#[derive(Debug, Default, Clone)]
pub struct Story {
    pub state: Option<Payment>,
    pub events: Vec<PaymentEvent>,
}

/// The story of these commands; each must be accepted.
pub fn given(commands: &[PaymentCommand]) -> Story {
    let mut story = Story::default();
    for command in commands {
        story
            .tell(command)
            .unwrap_or_else(|rejection| panic!("{command:?} refused: {rejection:?}"));
    }
    story
}

impl Story {
    /// Decides and folds one more command.
    pub fn tell(
        &mut self,
        command: &PaymentCommand,
    ) -> Result<Vec<PaymentEvent>, PaymentRejection> {
        let decided = PaymentAggregate::decide(&self.state, command)?;
        for event in &decided {
            self.events.push(event.clone());
            let state = self.state.take();
            self.state = PaymentAggregate::evolve(state, event, at(self.events.len()));
        }
        Ok(decided)
    }

    /// The same story with one more command, which must be accepted.
    pub fn and(mut self, command: &PaymentCommand) -> Self {
        self.tell(command).unwrap_or_else(|rejection| panic!("{command:?}: {rejection:?}"));
        self
    }

    pub fn payment(&self) -> &Payment {
        self.state.as_ref().unwrap()
    }

    /// What one more command would do: the names of its events, or the code of its refusal.
    pub fn when(&self, command: &PaymentCommand) -> Result<Vec<&'static str>, &'static str> {
        PaymentAggregate::decide(&self.state, command)
            .map(|events| events.iter().map(PaymentEvent::stored_name).collect())
            .map_err(|rejection| rejection.code())
    }
}

/// The fold of events onto a state, the next event being number `from`.
pub fn fold(state: Option<Payment>, events: &[PaymentEvent], from: usize) -> Option<Payment> {
    events.iter().enumerate().fold(state, |state, (index, event)| {
        PaymentAggregate::evolve(state, event, at(from + index))
    })
}
