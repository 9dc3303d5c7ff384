//! What the provider knows of a payment, in our words.

use domain::{Money, Timestamp};
use uuid::Uuid;

/// Where a payment stands at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PspState {
    /// There is an intent; no money was asked for.
    Opened,
    /// The customer has a step to do.
    ActionRequired,
    /// The provider works on it.
    Processing,
    /// Money is set aside.
    Authorized,
    /// Money was taken.
    Captured,
    /// Ended without money.
    Canceled,
    /// The last try to get money was declined.
    Declined,
}

/// Why money was not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    /// The provider's code: `insufficient_funds`.
    pub code: String,
    /// Whether the same method can never pay.
    pub is_final: bool,
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundSeen {
    /// The provider's id.
    pub psp_id: String,
    /// Our id; `None` for a refund that somebody made at the provider.
    pub refund_id: Option<Uuid>,
    /// How much.
    pub amount: Money,
    /// What has become of it.
    pub state: RefundState,
}

/// What has become of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    /// The provider works on it, or waits for somebody.
    Pending,
    /// The money went back.
    Succeeded,
    /// The money stays.
    Failed,
}

/// The provider's whole state of a payment at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PspSnapshot {
    /// The provider's id of the intent.
    pub psp_id: String,
    /// Where it stands.
    pub state: PspState,
    /// What is, or was before it was taken, set aside.
    pub authorized: Money,
    /// What was taken.
    pub captured: Money,
    /// When an authorization ends by itself, if the provider says so.
    pub authorized_until: Option<Timestamp>,
    /// The refunds that this answer names. Only a reading names them all.
    pub refunds: Vec<RefundSeen>,
    /// Why the last try was declined.
    pub error: Option<Decline>,
}
