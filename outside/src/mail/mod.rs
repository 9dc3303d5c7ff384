//! The port to the mail server: one message to one recipient, once.
//!
//! SMTP hands a message over between the answer to DATA and the answer to the message. What fails before that was not
//! sent, and may be sent later. Silence after it means that nobody knows, and such a message is never sent again by
//! itself. [`MailFailure`] keeps the two apart.

mod smtp;

use crate::failure::{Cause, Judged, NotTried};
use crate::secret::Secret;
use std::fmt;

pub use smtp::{Account, BadSettings, Smtp, SmtpSettings, Tls};

/// A message.
#[derive(Clone)]
pub struct Letter {
    /// The header `Message-ID`, in angle brackets. The caller derives it from the notification, so that a mailbox that gets
    /// it twice can tell.
    pub message_id: String,
    /// Whom it is for.
    pub to: Secret,
    /// The subject.
    pub subject: Secret,
    /// The text.
    pub text: Secret,
}

/// Shows the id alone: the rest is about a person.
impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("message_id", &self.message_id).finish_non_exhaustive()
    }
}

/// A message that was not, or perhaps not, handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailFailure {
    /// A guard refused it. Nothing was sent.
    #[error("not tried: {why:?}")]
    NotTried {
        /// Which guard, and when it may be otherwise.
        why: NotTried,
    },
    /// The server was silent before the message was handed over: it was not sent.
    #[error("no answer before the message was handed over: {cause:?}")]
    BeforeData {
        /// What was seen.
        cause: Cause,
    },
    /// The server refused: it did not take the message over.
    #[error("refused with {code}")]
    Refused {
        /// The SMTP code; 0 if the message cannot be written or the server lacks what it needs.
        code: u16,
        /// Whether the same message can never be sent.
        is_final: bool,
    },
    /// No answer came after the message was handed over: nobody knows.
    #[error("no answer after the message was handed over: {cause:?}")]
    AfterData {
        /// What was seen.
        cause: Cause,
    },
}

impl Judged for MailFailure {
    fn not_tried(why: NotTried) -> Self {
        Self::NotTried { why }
    }

    /// The adapter has its own, stage-aware patience. Should a guard's be shorter, nobody knows.
    fn timed_out() -> Self {
        Self::AfterData { cause: Cause::Timeout }
    }

    fn blames_provider(&self) -> bool {
        // 421: the server ends its service.
        matches!(
            self,
            Self::BeforeData { .. } | Self::AfterData { .. } | Self::Refused { code: 421, .. }
        )
    }
}
