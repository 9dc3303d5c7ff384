//! Why a notification refuses a command: one variant for each rule.

/// The rule that a command breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationRejection {
    /// No such notification was requested.
    NotFound,
    /// The checkout's notification of this template was requested with other content.
    Conflict,
    /// The report is about a transmission that has not begun.
    NotBegun,
    /// The command is about a try that is not due yet.
    UnknownAttempt {
        /// The try that is due, under way, or the last.
        current: u32,
    },
}

impl NotificationRejection {
    /// The problem code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "notification-not-found",
            Self::Conflict => "notification-conflict",
            Self::NotBegun => "transmission-not-begun",
            Self::UnknownAttempt { .. } => "unknown-attempt",
        }
    }
}
