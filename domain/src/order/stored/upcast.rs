//! Lifts payloads of old schema versions, one version at a time.

use crate::DecodeError;
use serde_json::Value;

/// Lifts a payload from one version to the next.
type Upcaster = fn(Value) -> Option<Value>;

/// The upcaster by stored name and the version that it lifts from.
fn upcaster(event_type: &str, from: u16) -> Option<Upcaster> {
    match (event_type, from) {
        ("NoteAdded", 1) => Some(note_moves_to_text),
        _ => None,
    }
}

/// Lifts a payload to the newest version.
pub(super) fn lift(
    event_type: &str,
    from: u16,
    newest: u16,
    payload: &[u8],
) -> Result<Vec<u8>, DecodeError> {
    let malformed = |detail: &str| DecodeError::Malformed {
        event_type: event_type.to_owned(),
        detail: detail.to_owned(),
    };
    let mut value: Value = serde_json::from_slice(payload).map_err(|_| malformed("not JSON"))?;
    for version in from..newest {
        let lift = upcaster(event_type, version).ok_or_else(|| DecodeError::UnknownVersion {
            event_type: event_type.to_owned(),
            version,
        })?;
        value = lift(value).ok_or_else(|| malformed("an old version lacks a member"))?;
    }
    serde_json::to_vec(&value).map_err(|_| malformed("not JSON"))
}

/// `NoteAdded` 1 → 2: `{"note": …}` became `{"text": …}`.
fn note_moves_to_text(mut payload: Value) -> Option<Value> {
    let members = payload.as_object_mut()?;
    let note = members.remove("note")?;
    members.insert("text".to_owned(), note);
    Some(payload)
}
