//! The facts of a payment. Stored names and schema versions are in [`super::stored`].

use super::{Call, CallClass, CaptureMode, MethodToken, StuckReason};
use crate::{Label, Money, Reason, Reference, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A fact about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the members mean what they mean in `Payment`
pub enum PaymentEvent {
    /// Money is wanted for an order.
    PaymentRequested {
        order_id: Uuid,
        checkout_id: Uuid,
        amount: Money,
        method: MethodToken,
        capture: CaptureMode,
    },
    /// The provider knows the payment, under this id.
    PaymentOpened { psp_id: Label },
    /// The provider waits for the customer.
    CustomerActionRequired { until: Option<Timestamp> },
    /// The money is held for us.
    PaymentAuthorized { amount: Money, expires_at: Option<Timestamp> },
    /// The provider or the bank said no. `is_final`: asking again with the same means is pointless.
    PaymentDeclined { code: Option<Label>, is_final: bool },
    /// We want the money that is held.
    CaptureRequested { amount: Money },
    /// Money was taken: this much more than was known before.
    PaymentCaptured { amount: Money },
    /// The money was not taken. `authorization_ended`: it is not held any longer either.
    CaptureFailed { code: Option<Label>, authorization_ended: bool },
    /// The payment is called off. Without a reason: by itself, since money was held after it was over.
    VoidRequested { reason: Option<Reason> },
    /// Nothing was taken, and nothing is held.
    PaymentVoided,
    /// The money is not held any longer, though nobody here asked for that.
    AuthorizationExpired,
    /// Money is to go back.
    RefundRequested {
        refund_id: Reference,
        amount: Money,
        reason: Option<Reason>,
        cause: RefundCause,
    },
    /// Money went back: this much more than was known before.
    PaymentRefunded { refund_id: Reference, amount: Money },
    /// The provider refused to give money back. `listed`: how many failed tries of it the provider lists.
    RefundFailed { refund_id: Reference, code: Option<Label>, is_final: bool, listed: u32 },
    /// Money moved that nobody here asked to move.
    UnexpectedMoney { what: Unexpected, amount: Money },
    /// A try of a call failed without a definite answer. Without a time there is no other try by itself.
    CallFailed { call: Call, attempt: u32, class: CallClass, retry_at: Option<Timestamp> },
    /// A call waits for a person.
    PaymentStuck { call: Call, reason: StuckReason },
    /// A person had the call tried again.
    CallRetried { call: Call, by: Label },
}

/// Who asked for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundCause {
    /// A person or program.
    Asked,
    /// The payment itself: it was called off after, or while, the money was taken.
    Void,
    /// The payment itself: the money was taken after the payment was over.
    Late,
    /// Nobody here: the provider has it without our asking.
    Foreign,
}

/// Money that moved without our asking.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the members mean what they mean in `Payment`
pub enum Unexpected {
    /// It is held.
    Authorized { expires_at: Option<Timestamp> },
    /// It was taken.
    Captured,
    /// It went back.
    Refunded { refund_id: Reference },
}
