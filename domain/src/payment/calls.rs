//! Which calls a payment owes now: a pure function of its state.

use super::{Call, CallContent, OpenCall, Payment, Phase, Refund, RefundState, StuckCall, Tries};
use crate::Timestamp;

/// The calls that are to be made now, or as soon as they are due. Those that are stuck are not among them.
pub fn open_calls(payment: &Payment) -> Vec<OpenCall> {
    owed(payment).filter_map(|(call, tries)| opened(payment, call, tries)).collect()
}

/// The calls that are owed but wait for a person.
pub fn stuck_calls(payment: &Payment) -> Vec<StuckCall> {
    owed(payment)
        .filter_map(|(call, tries)| {
            Some(StuckCall { call, reason: tries.stuck.clone()?, since: tries.since? })
        })
        .collect()
}

/// Every call that is owed, with its tries.
fn owed(payment: &Payment) -> impl Iterator<Item = (Call, &Tries)> {
    let simple = [
        (Call::Open, &payment.open),
        (Call::Confirm, &payment.confirm),
        (Call::Capture, &payment.take),
        (Call::Cancel, &payment.cancel),
    ];
    let refunds = payment.refunds.iter().map(|refund| (refund.call(), &refund.tries));
    simple.into_iter().chain(refunds).filter(|(_, tries)| tries.is_owed())
}

fn opened(payment: &Payment, call: Call, tries: &Tries) -> Option<OpenCall> {
    let since = tries.since.filter(|_| tries.is_open())?;
    Some(OpenCall {
        content: content(payment, &call)?,
        call,
        attempt: tries.attempt,
        failed: tries.failed(),
        generation: tries.generation,
        since,
        key_since: tries.key_since.unwrap_or(since),
        due_at: tries.due_at,
        last_failure: tries.last_failure,
    })
}

/// What the call says; `None` if something that it must name is not known.
fn content(payment: &Payment, call: &Call) -> Option<CallContent> {
    let psp_id = payment.psp_id.clone();
    Some(match call {
        Call::Open => CallContent::Open {
            amount: payment.amount,
            method: payment.method.clone(),
            capture: payment.capture,
        },
        Call::Confirm => CallContent::Confirm { psp_id: psp_id? },
        Call::Capture => CallContent::Capture { psp_id: psp_id?, amount: payment.capture_asked? },
        Call::Cancel => CallContent::Cancel { psp_id: psp_id? },
        Call::Refund { refund_id } => CallContent::Refund {
            psp_id: psp_id?,
            refund_id: refund_id.clone(),
            amount: payment.refund(refund_id)?.asked?,
        },
    })
}

impl Payment {
    /// The tries of a call, owed or not; `None` for a refund that is not known.
    pub fn tries(&self, call: &Call) -> Option<&Tries> {
        match call {
            Call::Open => Some(&self.open),
            Call::Confirm => Some(&self.confirm),
            Call::Capture => Some(&self.take),
            Call::Cancel => Some(&self.cancel),
            Call::Refund { refund_id } => self.refund(refund_id).map(|refund| &refund.tries),
        }
    }

    pub(super) fn tries_mut(&mut self, call: &Call) -> Option<&mut Tries> {
        match call {
            Call::Open => Some(&mut self.open),
            Call::Confirm => Some(&mut self.confirm),
            Call::Capture => Some(&mut self.take),
            Call::Cancel => Some(&mut self.cancel),
            Call::Refund { refund_id } => {
                self.refund_mut(refund_id).map(|refund| &mut refund.tries)
            }
        }
    }

    /// Begins and ends the calls of the payment itself as its phase now wants them. While the provider's id is not
    /// known, all that is owed is to learn it: that moves no money.
    pub(super) fn owe_calls(&mut self, at: Timestamp) {
        let known = self.psp_id.is_some();
        let wants_id = matches!(self.phase, Phase::Requested | Phase::VoidRequested);
        self.open.owe(!known && wants_id, at);
        self.confirm.owe(known && self.phase == Phase::Opened, at);
        self.take.owe(known && self.phase == Phase::CaptureRequested, at);
        self.cancel.owe(known && self.phase == Phase::VoidRequested, at);
    }
}

impl Refund {
    /// The call that gives it back.
    pub fn call(&self) -> Call {
        Call::Refund { refund_id: self.refund_id.clone() }
    }

    /// Begins and ends its call as its state now wants it.
    pub(super) fn owe_call(&mut self, at: Timestamp) {
        self.tries.owe(self.state == RefundState::Requested, at);
    }
}
