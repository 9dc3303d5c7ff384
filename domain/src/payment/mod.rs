//! The payment: money asked of a payment provider for an order, held, taken and given back.
//!
//! A payment's stream is its history, its outbox and its audit at once. What is wanted is a fact, and which calls are
//! owed follows from the facts ([`open_calls`]). What the provider says comes in by one command, `Observe`, which adds
//! only what is not yet known: the order and the number of its messages do not matter. Whatever the provider did is
//! recorded, wanted or not. A void or refund that is owed stays owed until it is done or waits for a person.
//!
//! No call that can move money is owed before the provider's id is in the log.

pub mod call;
mod calls;
pub mod command;
mod decide;
pub mod event;
mod evolve;
mod method;
mod personal;
pub mod rejection;
pub mod snapshot;
mod status;
pub mod stored;
mod tries;

use crate::{Aggregate, DecodeError, EncodedEvent, Label, Money, Reason, Reference, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use call::{Call, CallClass, CallContent, MOST_TRIES, OpenCall, StuckCall, StuckReason};
pub use calls::{open_calls, stuck_calls};
pub use command::PaymentCommand;
pub use decide::MOST_REFUNDS;
pub use event::{PaymentEvent, RefundCause, Unexpected};
pub use method::MethodToken;
pub use rejection::PaymentRejection;
pub use snapshot::{PspError, PspRefund, PspRefundState, PspSnapshot, PspState};
pub use status::PaymentStatus;
pub use tries::Tries;

/// Payments as an aggregate: the state is `None` until the first event.
#[derive(Debug, Clone, Copy)]
pub struct PaymentAggregate;

impl Aggregate for PaymentAggregate {
    const STREAM_TYPE: &'static str = "payment";
    const SNAPSHOT_VERSION: u16 = 1;
    const PERSONAL_EVENTS: &'static [&'static str] = &personal::EVENTS;

    type State = Option<Payment>;
    type Command = PaymentCommand;
    type Event = PaymentEvent;
    type Rejection = PaymentRejection;

    fn decide(
        state: &Option<Payment>,
        command: &PaymentCommand,
    ) -> Result<Vec<PaymentEvent>, PaymentRejection> {
        decide::decide(state.as_ref(), command)
    }

    fn evolve(state: Option<Payment>, event: &PaymentEvent, at: Timestamp) -> Option<Payment> {
        evolve::evolve(state, event, at)
    }

    /// A payment belongs to its order.
    fn partition_key(first: &PaymentEvent) -> Option<Uuid> {
        match first {
            PaymentEvent::PaymentRequested { order_id, .. } => Some(*order_id),
            _ => None,
        }
    }

    fn change_personal(event: &mut PaymentEvent, change: &mut dyn FnMut(&str) -> String) {
        personal::change(event, change);
    }

    fn encode(event: &PaymentEvent) -> EncodedEvent {
        stored::encode(event)
    }

    fn decode(event_type: &str, version: u16, payload: &[u8]) -> Result<PaymentEvent, DecodeError> {
        stored::decode(event_type, version, payload)
    }
}

/// When the money that is held is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureMode {
    /// Once the order is confirmed.
    AtConfirmation,
    /// Before the first parcel leaves.
    AtDispatch,
}

impl CaptureMode {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtConfirmation => "at_confirmation",
            Self::AtDispatch => "at_dispatch",
        }
    }

    /// The inverse of [`Self::as_str`].
    pub fn from_wire(name: &str) -> Option<Self> {
        [Self::AtConfirmation, Self::AtDispatch].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// A payment as the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// For which order.
    pub order_id: Uuid,
    /// Which checkout asked for it.
    pub checkout_id: Uuid,
    /// How much is to be paid; its currency is that of every amount here.
    pub amount: Money,
    /// What it is paid with.
    pub method: MethodToken,
    /// When the money is to be taken.
    pub capture: CaptureMode,
    /// The provider's id, once it is known.
    pub psp_id: Option<Label>,
    /// Until when the customer may act, if the provider has said so.
    pub action_until: Option<Timestamp>,
    /// The money that was ever held. What was taken counts as held before.
    pub authorization: Option<Authorization>,
    /// How much we asked to be taken, unless that was refused.
    pub capture_asked: Option<Money>,
    /// The money that was ever taken.
    pub captured: Money,
    /// The money that went back.
    pub refunded: Money,
    /// Refunds, in the order in which they became known.
    pub refunds: Vec<Refund>,
    /// Whether none of the money may stay: the payment was called off or refused, or is over. What is taken all the
    /// same goes back by itself.
    pub keeps_nothing: bool,
    /// Why it was called off last.
    pub void_reason: Option<Reason>,
    /// Why the provider said no last.
    pub error_code: Option<Label>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When its last event happened.
    pub updated_at: Timestamp,
    /// Its place in its lifecycle, as far as no amounts decide it.
    phase: Phase,
    open: Tries,
    confirm: Tries,
    take: Tries,
    cancel: Tries,
}

/// Money that is, or was, held for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// How much.
    pub amount: Money,
    /// Until when, if the provider has said so.
    pub expires_at: Option<Timestamp>,
}

/// Money that is to go back, or went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The id of who asked for it, or one that the payment made (`void:1`).
    pub refund_id: Reference,
    /// How much was asked for; `None` if nobody here did.
    pub asked: Option<Money>,
    /// How much went back.
    pub refunded: Money,
    /// Who asked.
    pub cause: RefundCause,
    /// Why.
    pub reason: Option<Reason>,
    /// Where it stands.
    pub state: RefundState,
    /// How many failed tries of it the provider has listed.
    pub listed: u32,
    /// Its call.
    pub tries: Tries,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Owed.
    Requested,
    /// The money went back.
    Refunded,
    /// Refused for good.
    Failed,
}

/// The place in the lifecycle. The amounts refine `Captured`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Requested,
    Opened,
    ActionRequired,
    Authorized,
    CaptureRequested,
    Captured,
    VoidRequested,
    Voided,
    Declined,
    Expired,
}
