//! What every call to the world outside has in common: how a try fails, how often one is tried, when it is due again.
//!
//! A stream that owes a call stores each failed try as a fact, so retries outlive every process. A call is *owed* from the
//! fact that asks for it until a fact settles it. It is *stuck* when only a person can say how it goes on.

use crate::Timestamp;
use crate::time::settle;
use chrono::SubsecRound;
use serde::{Deserialize, Serialize};

/// A call is tried at most this many times before a person has to look at it.
pub const MOST_TRIES: u32 = 12;

/// How a try failed. In none of these cases did the other side refuse for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFailure {
    /// No answer came: whether the call was performed is unknown.
    Silence,
    /// The other side answered that it failed. It may repeat this answer for the same key.
    ServerError,
    /// The other side takes no more calls at the moment; it did not perform this one.
    RateLimited,
}

impl CallFailure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Silence, Self::ServerError, Self::RateLimited];

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::ServerError => "server_error",
            Self::RateLimited => "rate_limited",
        }
    }

    /// Whether the next try has the key of this one. Silence keeps the key, so that the other side can recognise a
    /// repetition. An answered error needs a new one, since it may be stored under the old key.
    pub const fn keeps_key(self) -> bool {
        !matches!(self, Self::ServerError)
    }
}

/// The tries of one owed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// How many have failed. It never falls, so that a late report about an old try is recognised.
    pub failed: u32,
    /// How many may fail before the call is stuck; a person's retry raises it.
    pub granted: u32,
    /// The number of the key in use, from 1.
    pub key: u32,
    /// When the next try is due.
    pub due_at: Timestamp,
    /// Whether only a person can set it going again.
    pub stuck: bool,
}

impl Tries {
    /// Those of a call that is owed from now on.
    pub const fn from(at: Timestamp) -> Self {
        Self { failed: 0, granted: MOST_TRIES, key: 1, due_at: at, stuck: false }
    }

    /// The number of the try that is due or under way, from 1.
    pub const fn attempt(&self) -> u32 {
        self.failed.saturating_add(1)
    }

    /// Whether no further try follows if this one fails.
    pub const fn is_last(&self) -> bool {
        self.attempt() >= self.granted
    }

    /// Counts a failed try.
    pub fn fail(&mut self, class: CallFailure, retry_at: Timestamp) {
        self.failed = self.attempt();
        self.due_at = retry_at;
        if !class.keeps_key() {
            self.key = self.key.saturating_add(1);
        }
    }

    /// Grants as many tries again, the first of them now.
    pub fn renew(&mut self, at: Timestamp) {
        self.granted = self.failed.saturating_add(MOST_TRIES);
        self.due_at = at;
        self.stuck = false;
    }
}

/// A time as a stored event holds it: a leap second settled, cut to microseconds.
pub fn storable(time: Timestamp) -> Timestamp {
    settle(time).trunc_subsecs(6)
}
