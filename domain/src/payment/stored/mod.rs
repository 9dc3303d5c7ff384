//! The stored form of payment events: explicit names and schema versions.
//!
//! A stored event is never rewritten. Members that this build does not know are ignored, so an event may gain one
//! without a new version.

mod payload;

use super::PaymentEvent;
use crate::payloads::{json as to_json, parse as from_json};
use crate::{DecodeError, EncodedEvent};

/// Every stored name with its newest schema version.
pub const EVENT_TYPES: [(&str, u16); 18] = [
    ("PaymentRequested", 1),
    ("PaymentOpened", 1),
    ("CustomerActionRequired", 1),
    ("PaymentAuthorized", 1),
    ("PaymentDeclined", 1),
    ("CaptureRequested", 1),
    ("PaymentCaptured", 1),
    ("CaptureFailed", 1),
    ("VoidRequested", 1),
    ("PaymentVoided", 1),
    ("AuthorizationExpired", 1),
    ("RefundRequested", 1),
    ("PaymentRefunded", 1),
    ("RefundFailed", 1),
    ("UnexpectedMoney", 1),
    ("CallFailed", 1),
    ("PaymentStuck", 1),
    ("CallRetried", 1),
];

impl PaymentEvent {
    /// The explicit stored name.
    pub const fn stored_name(&self) -> &'static str {
        match self {
            Self::PaymentRequested { .. } => "PaymentRequested",
            Self::PaymentOpened { .. } => "PaymentOpened",
            Self::CustomerActionRequired { .. } => "CustomerActionRequired",
            Self::PaymentAuthorized { .. } => "PaymentAuthorized",
            Self::PaymentDeclined { .. } => "PaymentDeclined",
            Self::CaptureRequested { .. } => "CaptureRequested",
            Self::PaymentCaptured { .. } => "PaymentCaptured",
            Self::CaptureFailed { .. } => "CaptureFailed",
            Self::VoidRequested { .. } => "VoidRequested",
            Self::PaymentVoided => "PaymentVoided",
            Self::AuthorizationExpired => "AuthorizationExpired",
            Self::RefundRequested { .. } => "RefundRequested",
            Self::PaymentRefunded { .. } => "PaymentRefunded",
            Self::RefundFailed { .. } => "RefundFailed",
            Self::UnexpectedMoney { .. } => "UnexpectedMoney",
            Self::CallFailed { .. } => "CallFailed",
            Self::PaymentStuck { .. } => "PaymentStuck",
            Self::CallRetried { .. } => "CallRetried",
        }
    }
}

/// The stored form of an event, in its newest version.
pub(super) fn encode(event: &PaymentEvent) -> EncodedEvent {
    let event_type = event.stored_name();
    let newest = newest_version(event_type).expect("every stored name is in EVENT_TYPES");
    EncodedEvent { event_type, schema_version: newest, payload: payload::write(event) }
}

fn newest_version(event_type: &str) -> Option<u16> {
    EVENT_TYPES.iter().find(|(name, _)| *name == event_type).map(|(_, version)| *version)
}

/// Reads a stored event.
pub(super) fn decode(
    event_type: &str,
    schema_version: u16,
    payload: &[u8],
) -> Result<PaymentEvent, DecodeError> {
    let newest = newest_version(event_type)
        .ok_or_else(|| DecodeError::UnknownType(event_type.to_owned()))?;
    let event_type = event_type.to_owned();
    if schema_version != newest {
        return Err(DecodeError::UnknownVersion { event_type, version: schema_version });
    }
    payload::read(&event_type, payload)
        .map_err(|detail| DecodeError::Malformed { event_type, detail })
}
