//! The mailbox: every message that the SMTP server took over, in the order of their coming.

use serde::Serialize;

/// The most messages that are kept; later ones are refused.
pub const MAX_MAILS: usize = 100_000;

/// A message that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// The header `Message-ID`, or nothing.
    pub message_id: String,
    /// Whom it is for.
    pub to: Vec<String>,
    /// The bytes of the message.
    pub bytes: usize,
}
