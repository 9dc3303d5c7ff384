//! What may be asked of a payment, and what may be reported to it. Every field is already valid by itself.

use super::{Call, CallClass, CaptureMode, MethodToken, PspSnapshot};
use crate::{Label, Money, Reason, Reference, Timestamp};
use uuid::Uuid;

/// A command, decoded and valid by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentCommand {
    /// Wants money for an order. The same again is no event.
    Request {
        /// For which order.
        order_id: Uuid,
        /// Which checkout asks.
        checkout_id: Uuid,
        /// More than zero.
        amount: Money,
        /// What is paid with.
        method: MethodToken,
        /// When the money is to be taken.
        capture: CaptureMode,
    },
    /// Takes the money that is held, or a part of it; the rest is then let go.
    Capture {
        /// More than zero.
        amount: Money,
    },
    /// Calls the payment off: what is held is let go, what was taken goes back.
    Void {
        /// Why.
        reason: Reason,
    },
    /// Gives money back.
    Refund {
        /// The caller's id.
        refund_id: Reference,
        /// More than zero.
        amount: Money,
        /// Why.
        reason: Option<Reason>,
    },
    /// What the provider says. Never refused for what it says, only for what it cannot mean.
    Observe(PspSnapshot),
    /// A try of a call failed without a definite answer. About a try that is over already, it is no event.
    FailCall {
        /// Which call.
        call: Call,
        /// The number of the try, as in [`super::OpenCall::attempt`].
        attempt: u32,
        /// Why it failed.
        class: CallClass,
        /// Not to be tried before.
        retry_at: Timestamp,
    },
    /// The provider refused a try definitely, and nothing was performed. About a try that is over already, it is no
    /// event.
    RefuseCall {
        /// Which call.
        call: Call,
        /// The number of the try.
        attempt: u32,
        /// The provider's code.
        code: Option<Label>,
        /// Whether asking the same again is pointless.
        is_final: bool,
    },
    /// Nobody can tell whether a try was performed, and a repeat could do it twice: a person has to look. About a try
    /// that is over already, it is no event.
    GiveUpCall {
        /// Which call.
        call: Call,
        /// The number of the try.
        attempt: u32,
    },
    /// A person has a call tried again that is stuck, or a refund that was refused for good.
    Retry {
        /// Which call.
        call: Call,
        /// Who asks.
        by: Label,
    },
}
