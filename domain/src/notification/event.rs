//! The facts of a notification, with the members that are stored. Stored names and versions are in `stored`.

use super::NotificationRequest;
use crate::call::CallFailure;
use crate::{Label, Reference, Timestamp};
use serde::{Deserialize, Serialize};

/// A fact about a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationEvent {
    /// A message is to be sent.
    NotificationRequested(NotificationRequest),
    /// From now on the message may arrive.
    TransmissionBegun(Begun),
    /// A mail server has taken the message.
    NotificationSent(Sent),
    /// A mail server refused the message for good.
    NotificationRefused(Refused),
    /// Nothing tells how the transmission ended.
    NotificationUnknown,
    /// A try failed and transmitted nothing; the next one has the next number.
    CallFailed(CallFailed),
    /// Too many tries failed; the message waits for a person.
    NotificationStuck,
    /// A person asked for a new try, under the next number.
    NotificationResent(Resent),
}

/// See [`NotificationEvent::TransmissionBegun`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Which try, from 1.
    pub attempt: u32,
}

/// See [`NotificationEvent::NotificationSent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The Message-ID, without angle brackets.
    pub message_id: Label,
}

/// See [`NotificationEvent::NotificationRefused`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why, as a code.
    pub code: Reference,
}

/// See [`NotificationEvent::CallFailed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFailed {
    /// Which try, from 1.
    pub attempt: u32,
    /// How it failed.
    pub class: CallFailure,
    /// When the next try is due.
    #[serde(with = "crate::order::document::micros")]
    pub retry_at: Timestamp,
}

/// See [`NotificationEvent::NotificationResent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resent {
    /// Who decided it.
    pub by: Label,
}
