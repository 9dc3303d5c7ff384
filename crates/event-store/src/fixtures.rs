//! Values for the tests within this crate.

use crate::{Append, Entry, Metadata, NewEvent, StreamId, StreamType, Timestamp};
use uuid::Uuid;

/// One event that begins a stream, with this many bytes of text.
pub(crate) fn one(id: u128, bytes: usize) -> Append {
    let event = NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "NoteAdded",
        schema_version: 1,
        occurred_at: Timestamp::UNIX_EPOCH,
        payload: format!("\"{}\"", "x".repeat(bytes)).into_bytes(),
    };
    let entry = Entry {
        stream: StreamId { stream_type: StreamType::new("order"), id: Uuid::from_u128(id) },
        expected_version: 0,
        partition_key: None,
        events: vec![event],
        metadata: Metadata::default(),
        answer: None,
        joint: None,
    };
    Append { entries: vec![entry], recorded_at: Timestamp::UNIX_EPOCH }
}
