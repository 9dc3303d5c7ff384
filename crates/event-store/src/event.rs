//! Events as they are appended and as they are read back.

use crate::{Position, StreamId, Version};
use chrono::DateTime;
use uuid::Uuid;

/// A moment in UTC with microseconds; finer digits are cut before storing.
pub type Timestamp = DateTime<chrono::Utc>;

/// The moment as it is stored: cut to microseconds.
pub(crate) fn cut(time: Timestamp) -> Timestamp {
    from_micros(time.timestamp_micros()).unwrap_or(time)
}

/// The moment this many microseconds after 1970; `None` outside of what a calendar holds.
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

/// The request that caused some events; stored on each of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Follows one request through everything it causes.
    pub correlation_id: Option<String>,
    /// What directly caused the event.
    pub causation_id: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Who sent the request, or what reacted to an event.
    pub actor: Option<String>,
}

impl Metadata {
    /// The metadata of a reaction to an event: the event is the cause, its correlation and trace are kept, and `actor` names
    /// what reacted, for instance `process:thanks`.
    #[must_use]
    pub fn following(event: &RecordedEvent, actor: &str) -> Self {
        Self {
            causation_id: Some(event.event_id.to_string()),
            actor: Some(actor.to_owned()),
            ..event.metadata.clone()
        }
    }
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Place in the log.
    pub position: Position,
    /// Its stream's type and id.
    pub stream: StreamId,
    /// The business case that its stream belongs to: the stream's own id, or that of another one, say of an order. The same
    /// for all events of a stream. Events with one key share a partition of a topic.
    pub partition_key: Uuid,
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
    /// The request that caused it.
    pub metadata: Metadata,
    /// JSON, UTF-8, byte for byte as stored.
    pub payload: Vec<u8>,
    /// SHA-256(previous hash ‖ canonical bytes of this event).
    pub hash: [u8; 32],
}

impl RecordedEvent {
    /// The partition key as stored and shown: `None` if it is the stream's own id.
    pub fn foreign_partition_key(&self) -> Option<Uuid> {
        self.stream.foreign(Some(self.partition_key))
    }
}
