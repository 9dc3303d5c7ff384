//! What may be asked of a notification. Reports name their try, so that one about an older try changes nothing.

use super::NotificationRequest;
use crate::call::CallFailure;
use crate::{Label, Reference, Timestamp};

/// How far the worker that reports about a try has come with it. Two workers may take up one try; only one of them begins it, and
/// what the other one reports must not end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Without the event `TransmissionBegun`: at the connection, the sender or the recipient.
    Before,
    /// With it.
    Begun,
}

/// A command, valid by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationCommand {
    /// Asks for the message.
    Request(NotificationRequest),
    /// Asks to transmit. Only the worker that gets the event `TransmissionBegun` may transmit; without an event, somebody else
    /// has begun, or it is over.
    Begin {
        /// Which try, from 1.
        attempt: u32,
    },
    /// Reports that a mail server has taken the message.
    Sent {
        /// Which try.
        attempt: u32,
    },
    /// Reports that a mail server refused the message, or its recipient, for good.
    Refused {
        /// Which try.
        attempt: u32,
        /// How far the reporter has come.
        stage: Stage,
        /// Why, as a code.
        code: Reference,
    },
    /// Reports that a try failed and certainly transmitted nothing.
    Failed {
        /// Which try.
        attempt: u32,
        /// How far the reporter has come.
        stage: Stage,
        /// How it failed.
        class: CallFailure,
        /// When the next try is due.
        retry_at: Timestamp,
    },
    /// Reports silence after the transmission, or a transmission that was found begun after a crash.
    Unknown {
        /// Which try.
        attempt: u32,
    },
    /// Asks for a new try after the last one, whatever became of it.
    Resend {
        /// Who decided it.
        by: Label,
    },
}
