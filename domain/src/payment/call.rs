//! Calls to the payment provider: what they are, why a try failed, and the key by which the provider knows a repeat.

use crate::{Label, Money, Reference, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

use super::{CaptureMode, MethodToken};

/// The most tries of a call, until a person asks again.
pub const MOST_TRIES: u32 = 12;

/// A call that a payment may owe. A payment owes each of them at most once at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Makes the payment known to the provider; no money moves.
    Open,
    /// Has the money held.
    Confirm,
    /// Takes the money that is held.
    Capture,
    /// Lets go of the money that is held, or makes sure that none will be.
    Cancel,
    /// Gives money back.
    Refund {
        /// Which refund.
        refund_id: Reference,
    },
}

impl Call {
    /// The kind of call on the wire.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirm => "confirm",
            Self::Capture => "capture",
            Self::Cancel => "cancel",
            Self::Refund { .. } => "refund",
        }
    }

    /// Whether it can change who has the money. Such a call is made only on an id of the provider that is in the log.
    pub const fn moves_money(&self) -> bool {
        !matches!(self, Self::Open)
    }
}

/// `capture`, `refund:r-1`.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Refund { refund_id } => write!(f, ":{}", refund_id.as_str()),
            _ => Ok(()),
        }
    }
}

/// Why a try failed without a definite answer. What the program's own guards hold back is not a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallClass {
    /// No answer: it may have been performed, or may still be.
    Silence,
    /// The provider answered that it failed inside.
    ServerError,
    /// The provider answered that it was asked too often, and did nothing.
    RateLimited,
}

impl CallClass {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Silence, Self::ServerError, Self::RateLimited];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::ServerError => "server_error",
            Self::RateLimited => "rate_limited",
        }
    }

    /// Whether the next try uses the same key. After silence it must, so that the provider can tell a repeat. After an
    /// answered failure it must not: providers answer a known key with the answer that they stored.
    pub const fn keeps_key(self) -> bool {
        !matches!(self, Self::ServerError)
    }
}

/// Why a call waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StuckReason {
    /// All of [`MOST_TRIES`] failed.
    TriesUsedUp,
    /// The provider refused it for good, although it is owed.
    Refused {
        /// The provider's code.
        code: Option<Label>,
    },
    /// Nobody can tell whether it was performed, and a repeat could do it twice.
    Doubt,
}

impl StuckReason {
    /// The name on the wire.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TriesUsedUp => "tries_used_up",
            Self::Refused { .. } => "refused",
            Self::Doubt => "doubt",
        }
    }
}

/// A call that is owed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// Which call.
    pub call: Call,
    /// What to send.
    pub content: CallContent,
    /// The number of its next try, from 1. It never falls, however often the payment comes to owe this call. From 2 on,
    /// an earlier try may have been performed: read before sending.
    pub attempt: u32,
    /// The tries that have failed since it was owed, or since a person asked again.
    pub failed: u32,
    /// The number of its key, from 1.
    pub generation: u32,
    /// Since when it is owed.
    pub since: Timestamp,
    /// Since when its key may be in use. Providers forget keys after a while.
    pub key_since: Timestamp,
    /// Not to be tried before; `None`: at once.
    pub due_at: Option<Timestamp>,
    /// Why the last try failed.
    pub last_failure: Option<CallClass>,
}

impl OpenCall {
    /// The key that the provider knows a repeat by: a function of the payment, the call and the generation.
    pub fn idempotency_key(&self, payment_id: Uuid) -> String {
        format!("{payment_id}:{}:{}", self.call, self.generation)
    }

    /// Whether an earlier try may have been performed.
    pub const fn may_have_been_performed(&self) -> bool {
        self.attempt > 1
    }
}

/// What a call says to the provider. Every content that can move money names the provider's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallContent {
    /// Make it known, unconfirmed.
    Open {
        /// How much.
        amount: Money,
        /// What is paid with.
        method: MethodToken,
        /// When the money is to be taken.
        capture: CaptureMode,
    },
    /// Have the money held.
    Confirm {
        /// On which payment.
        psp_id: Label,
    },
    /// Take the money.
    Capture {
        /// On which payment.
        psp_id: Label,
        /// How much; what is left is let go.
        amount: Money,
    },
    /// Let go of the money.
    Cancel {
        /// On which payment.
        psp_id: Label,
    },
    /// Give money back.
    Refund {
        /// On which payment.
        psp_id: Label,
        /// The id to be kept with the refund.
        refund_id: Reference,
        /// How much.
        amount: Money,
    },
}

/// A call that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StuckCall {
    /// Which call.
    pub call: Call,
    /// Why.
    pub reason: StuckReason,
    /// Since when it is owed.
    pub since: Timestamp,
}
