//! Events as they enter and leave the log.
//!
//! Names of streams are `&'static str` on both ways: the few that exist are written in the program, and one read from
//! storage that is not among those seen before is kept for the life of the process, within a bound.

use crate::{Position, Version};
use chrono::DateTime;
use std::sync::RwLock;
use uuid::Uuid;

/// A moment in UTC with microseconds; finer digits are cut before storing.
pub type Timestamp = DateTime<chrono::Utc>;

/// One stream: all events of one aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    /// The aggregate's type, e.g. `order`.
    pub stream_type: &'static str,
    /// The aggregate's id.
    pub id: Uuid,
}

/// How many different stream types one process may meet.
const MAX_STREAM_TYPES: usize = 256;
static STREAM_TYPES: RwLock<Vec<&'static str>> = RwLock::new(Vec::new());

/// Keeps the name of streams that the program knows: it is found however many foreign names are met before.
pub fn keep_stream_type(name: &'static str) {
    let mut names = STREAM_TYPES.write().unwrap_or_else(|e| e.into_inner());
    if !names.contains(&name) {
        names.push(name);
    }
}

/// The lasting name equal to one read from storage; `None` when there are implausibly many.
pub fn stream_type(name: &str) -> Option<&'static str> {
    let known = |names: &[&'static str]| names.iter().copied().find(|known| *known == name);
    if let Some(found) = known(&STREAM_TYPES.read().unwrap_or_else(|e| e.into_inner())) {
        return Some(found);
    }
    let mut names = STREAM_TYPES.write().unwrap_or_else(|e| e.into_inner());
    if let Some(found) = known(&names) {
        return Some(found);
    }
    if names.len() >= MAX_STREAM_TYPES {
        return None;
    }
    let lasting: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.push(lasting);
    Some(lasting)
}

/// The moment as it is stored: cut to microseconds.
pub(crate) fn cut(time: Timestamp) -> Timestamp {
    from_micros(time.timestamp_micros()).unwrap_or(time)
}

/// The moment so many microseconds after 1970; `None` outside of what a calendar holds.
pub(crate) fn from_micros(micros: i64) -> Option<Timestamp> {
    DateTime::from_timestamp_micros(micros)
}

/// An event about to be stored.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Unique for ever (v7).
    pub event_id: Uuid,
    /// Stored name, e.g. `OrderPlaced`.
    pub event_type: &'static str,
    /// Schema version of the payload.
    pub schema_version: u16,
    /// When it happened in the business.
    pub occurred_at: Timestamp,
    /// JSON, UTF-8; given back byte for byte.
    pub payload: Vec<u8>,
}

/// What is known of the request behind some events; stored on each of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Follows one request through everything it causes.
    pub correlation_id: Option<String>,
    /// What directly caused the event.
    pub causation_id: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Who asked.
    pub actor: Option<String>,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Place in the log.
    pub position: Position,
    /// Its stream's type and id.
    pub stream: StreamId,
    /// Place in its stream.
    pub version: Version,
    /// Unique for ever.
    pub event_id: Uuid,
    /// Stored name.
    pub event_type: String,
    /// Schema version of the payload.
    pub schema_version: u16,
    /// When it happened in the business.
    pub occurred_at: Timestamp,
    /// When the log stored it.
    pub recorded_at: Timestamp,
    /// The request behind it.
    pub metadata: Metadata,
    /// JSON, UTF-8, byte for byte as stored.
    pub payload: Vec<u8>,
    /// SHA-256(previous hash ‖ canonical bytes of this event).
    pub hash: [u8; 32],
}
