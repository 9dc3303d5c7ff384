//! The lifecycle of a notification.

use serde::{Deserialize, Serialize};

/// Where a notification stands. Only a person moves it on from the last four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationStatus {
    /// It is to be sent.
    Requested,
    /// Its transmission has begun.
    Begun,
    /// A mail server has taken it.
    Sent,
    /// A mail server refused it for good.
    Refused,
    /// Its transmission began, and nothing tells how it ended.
    Unknown,
    /// Too many tries failed before a transmission.
    Stuck,
}

impl NotificationStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Requested, Self::Begun, Self::Sent, Self::Refused, Self::Unknown, Self::Stuck];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Begun => "begun",
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Stuck => "stuck",
        }
    }
}
