//! What the payment provider says of a payment, in our words: all of its state at one moment.
//!
//! Answers to calls, messages from the provider and reconciliation all come in as such a snapshot. It may be old, and it
//! may come twice.

use crate::{Label, Money, Reference, Timestamp};

/// A payment as the provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PspSnapshot {
    /// The provider's id of the payment.
    pub psp_id: Label,
    /// Where it stands there.
    pub state: PspState,
    /// The money that was ever held for us, even if it was taken or let go since; zero if none was.
    pub authorized: Money,
    /// The money that was ever taken, even if it went back since; zero if none was.
    pub captured: Money,
    /// Every refund that the provider lists, one entry for each time that it was asked.
    pub refunds: Vec<PspRefund>,
    /// Why the provider said no last.
    pub error: Option<PspError>,
    /// Until when the customer may act.
    pub action_until: Option<Timestamp>,
    /// Until when the money is held.
    pub authorization_expires_at: Option<Timestamp>,
}

/// Where a payment stands at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PspState {
    /// Known there, not confirmed.
    Open,
    /// Waits for the customer.
    ActionRequired,
    /// The outcome is not known there either.
    Processing,
    /// The money is held.
    Authorized,
    /// The money was taken.
    Captured,
    /// Called off, by us or by itself. It never leaves this state.
    Canceled,
    /// Refused.
    Declined,
}

/// A refund as the provider lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PspRefund {
    /// Our id, which the provider keeps with the refund. One that was not made here: any id that is unique among the
    /// payment's refunds.
    pub refund_id: Reference,
    /// More than zero.
    pub amount: Money,
    /// Where it stands there.
    pub state: PspRefundState,
}

/// Where a refund stands at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PspRefundState {
    /// Asked for, not done.
    Pending,
    /// The money went back.
    Succeeded,
    /// The money did not go back.
    Failed(PspError),
}

/// Why the provider said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PspError {
    /// The provider's code.
    pub code: Label,
    /// Whether asking the same again is pointless.
    pub is_final: bool,
}
