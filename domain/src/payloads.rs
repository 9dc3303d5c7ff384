//! Stored payloads as JSON: written, read, and described when they cannot be read.

use crate::DecodeError;
use serde::{Deserialize, Serialize};

/// The payload of an event without members.
#[derive(Serialize, Deserialize)]
pub(crate) struct Empty {}

/// The bytes of a payload.
pub(crate) fn json(payload: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(payload).expect("payloads have string keys and no failing serializers")
}

/// Parses a payload. The error says where it is wrong and of which kind, never what it holds.
pub(crate) fn parse<'a, P: Deserialize<'a>>(payload: &'a [u8]) -> Result<P, String> {
    serde_json::from_slice(payload).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Data => "a member is missing or of the wrong type",
            _ => "not JSON",
        };
        format!("{kind} at line {} column {}", error.line(), error.column())
    })
}

/// Parses the payload of an event of this name.
pub(crate) fn read<'a, P: Deserialize<'a>>(
    event_type: &str,
    payload: &'a [u8],
) -> Result<P, DecodeError> {
    let malformed = |detail| DecodeError::Malformed { event_type: event_type.to_owned(), detail };
    parse(payload).map_err(malformed)
}

/// Whether a stored name and its version are among these.
pub(crate) fn require_known(
    known: &[(&str, u16)],
    event_type: &str,
    version: u16,
) -> Result<(), DecodeError> {
    match known.iter().find(|(name, _)| *name == event_type) {
        None => Err(DecodeError::UnknownType(event_type.to_owned())),
        Some((_, newest)) if *newest == version => Ok(()),
        Some(_) => Err(DecodeError::UnknownVersion { event_type: event_type.to_owned(), version }),
    }
}
