//! How a call can fail, by what the caller may believe afterwards.
//!
//! | class | did it happen? | what to do |
//! |---|---|---|
//! | [`Failure::NotTried`] | no, nothing was sent | later; it was no attempt |
//! | [`Failure::RateLimited`] | no | later, under the same key |
//! | [`Failure::Refused`] | no | never again if final, else later |
//! | [`Failure::Silence`] | nobody knows | read first, then what is missing, under the same key |
//! | [`Failure::ServerError`] | nobody knows | read first, then what is missing, under a new key |

use std::time::Duration;

/// Why there was no answer that could be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No connection came about. A connection that a proxy took may have passed something on all the same.
    NoConnection,
    /// Nothing came in time.
    Timeout,
    /// The connection ended.
    Reset,
    /// An answer came that cannot be read.
    BrokenBody,
}

/// Why a guard did not let a try through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTried {
    /// Too many tries for the agreed rate; the next one may begin after this time.
    RateLimit {
        /// How long to wait.
        wait: Duration,
    },
    /// As many tries are under way as may be.
    Full,
    /// The provider fails too often; the next try may begin after this time.
    Open {
        /// How long to wait.
        wait: Duration,
    },
}

/// A call that brought no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A guard refused it. Nothing was sent.
    #[error("not tried: {why:?}")]
    NotTried {
        /// Which guard, and when it may be otherwise.
        why: NotTried,
    },
    /// Nobody knows whether it was performed.
    #[error("no answer: {cause:?}")]
    Silence {
        /// What was seen.
        cause: Cause,
    },
    /// The provider answered that it failed. It may have performed the call.
    #[error("the provider failed with {status}")]
    ServerError {
        /// The HTTP status, 500 or above.
        status: u16,
    },
    /// The provider asks for fewer calls. It did not perform this one.
    #[error("the provider asks for fewer calls")]
    RateLimited {
        /// How long it asks to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// The provider refused. It did not perform the call.
    #[error("refused: {code}")]
    Refused {
        /// The provider's code, or the HTTP status as `http-400`.
        code: String,
        /// Whether the same call can never succeed.
        is_final: bool,
    },
}

impl Failure {
    /// Whether the call may have been performed: then read before anything else.
    pub fn is_doubt(&self) -> bool {
        matches!(self, Self::Silence { .. } | Self::ServerError { .. })
    }
}

/// A provider's code, if it is one: short, and without anything that a name or an address has. Codes are stored and logged.
pub fn code(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let is_one = !text.is_empty() && text.len() <= 64 && text.bytes().all(fits);
    is_one.then(|| text.to_owned())
}

/// What the guards need to know of an error.
pub trait Judged {
    /// The error of a try that a guard did not let through.
    fn not_tried(why: NotTried) -> Self;

    /// The error of a try that did not end in time.
    fn timed_out() -> Self;

    /// Whether it speaks against the provider's health. A refusal is an answer: it does not.
    fn blames_provider(&self) -> bool;
}

impl Judged for Failure {
    fn not_tried(why: NotTried) -> Self {
        Self::NotTried { why }
    }

    fn timed_out() -> Self {
        Self::Silence { cause: Cause::Timeout }
    }

    fn blames_provider(&self) -> bool {
        self.is_doubt()
    }
}
