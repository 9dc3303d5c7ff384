//! The stored form of a notification's events: explicit names, schema versions, members as JSON.
//!
//! A stored event is never rewritten. Members that this build does not know are ignored, so an event may gain one without
//! a new version.

use super::NotificationEvent;
use crate::payloads::{Empty, json, read, require_known};
use crate::{DecodeError, EncodedEvent};

/// Every stored name with its newest schema version.
pub const EVENT_TYPES: [(&str, u16); 8] = [
    ("NotificationRequested", 1),
    ("TransmissionBegun", 1),
    ("NotificationSent", 1),
    ("NotificationRefused", 1),
    ("NotificationUnknown", 1),
    ("CallFailed", 1),
    ("NotificationStuck", 1),
    ("NotificationResent", 1),
];

impl NotificationEvent {
    /// The explicit stored name.
    pub const fn stored_name(&self) -> &'static str {
        match self {
            Self::NotificationRequested(_) => "NotificationRequested",
            Self::TransmissionBegun(_) => "TransmissionBegun",
            Self::NotificationSent(_) => "NotificationSent",
            Self::NotificationRefused(_) => "NotificationRefused",
            Self::NotificationUnknown => "NotificationUnknown",
            Self::CallFailed(_) => "CallFailed",
            Self::NotificationStuck => "NotificationStuck",
            Self::NotificationResent(_) => "NotificationResent",
        }
    }
}

/// The stored form of an event. Every event is still in its first version.
pub(super) fn encode(event: &NotificationEvent) -> EncodedEvent {
    let payload = match event {
        NotificationEvent::NotificationRequested(members) => json(members),
        NotificationEvent::TransmissionBegun(members) => json(members),
        NotificationEvent::NotificationSent(members) => json(members),
        NotificationEvent::NotificationRefused(members) => json(members),
        NotificationEvent::CallFailed(members) => json(members),
        NotificationEvent::NotificationResent(members) => json(members),
        NotificationEvent::NotificationUnknown | NotificationEvent::NotificationStuck => {
            json(&Empty {})
        }
    };
    EncodedEvent { event_type: event.stored_name(), schema_version: 1, payload }
}

/// Reads a stored event.
pub(super) fn decode(
    event_type: &str,
    version: u16,
    payload: &[u8],
) -> Result<NotificationEvent, DecodeError> {
    use NotificationEvent as E;
    require_known(&EVENT_TYPES, event_type, version)?;
    let empty = |event| read::<Empty>(event_type, payload).map(|Empty {}| event);
    match event_type {
        "NotificationRequested" => read(event_type, payload).map(E::NotificationRequested),
        "TransmissionBegun" => read(event_type, payload).map(E::TransmissionBegun),
        "NotificationSent" => read(event_type, payload).map(E::NotificationSent),
        "NotificationRefused" => read(event_type, payload).map(E::NotificationRefused),
        "NotificationUnknown" => empty(E::NotificationUnknown),
        "CallFailed" => read(event_type, payload).map(E::CallFailed),
        "NotificationStuck" => empty(E::NotificationStuck),
        "NotificationResent" => read(event_type, payload).map(E::NotificationResent),
        unknown => Err(DecodeError::UnknownType(unknown.to_owned())),
    }
}
