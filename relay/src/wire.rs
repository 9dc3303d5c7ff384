//! Events as Kafka records: CloudEvents 1.0 in binary content mode. Both directions, side by side.
//!
//! Key = the event's partition key (the id of its business case), value = the very payload bytes of the log, everything
//! else in `ce_*` headers. A record with the header `orderlog_mark` and no value is a watermark (on the wire: position
//! mark): *every event up to that position which belongs to this partition stands before this record*. A reader that
//! only wants events skips records without a `ce_id` header.
//!
//! Records may come from other writers, so nothing in them is trusted. A record that does not fit is a typed [`Poison`]
//! that says where and why, never what it held.

mod decode;
mod encode;

pub use decode::{Envelope, decode};
pub use encode::{event_headers, mark_headers};

use event_store::{Position, RecordedEvent, StreamId, Version};

/// Largest record either way: an order of 2,000 lines with the longest names, with room.
pub(crate) const MAX_RECORD_BYTES: usize = 8 * 1024 * 1024;
/// The key of every position mark.
pub const MARK_KEY: &str = "position-mark";
/// The header that makes a record a position mark; its value is the position.
pub const MARK_HEADER: &str = "orderlog_mark";
/// The value of `ce_source`.
pub const SOURCE: &str = "/orderlog";
/// The value of `content-type`.
pub const CONTENT_TYPE: &str = "application/json";

/// One record of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its offset in its partition.
    pub offset: i64,
    /// Its decoded content.
    pub content: Content,
}

/// What a record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An event of the log. Its `hash` is zeroes: the chain stays in the log.
    Event(Box<RecordedEvent>),
    /// All of this partition's events up to the position came before.
    Mark(Position),
    /// A record that the relay cannot have written.
    Poison(Poison),
}

/// A record that cannot be an event of the log. The relay writes the log's own bytes, so nothing of the log is lost with
/// it; a consumer counts it and skips it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// What is wrong with it.
    pub reason: PoisonReason,
    /// The stream that it claims to belong to, if its subject is one.
    pub stream: Option<StreamId>,
    /// The position it claims, if that can be read.
    pub position: Option<Position>,
    /// The version it claims, if that can be read.
    pub version: Option<Version>,
}

/// Why a record cannot be an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoisonReason {
    /// The record has no key, or the key is not an id.
    #[error("its key is not an id")]
    Key,
    /// A header that every event has is missing.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// A header's value cannot be read.
    #[error("the header {0} cannot be read")]
    BadHeader(&'static str),
    /// The record has no value.
    #[error("it has no value")]
    NoValue,
    /// The value is over the bound.
    #[error("its value is too large")]
    TooLarge,
    /// The value is not JSON.
    #[error("its value is not JSON")]
    NotJson,
    /// The key and the partition key in the headers disagree.
    #[error("its key is not its partition key")]
    KeyIsNotPartitionKey,
    /// The record is in a partition that its key does not belong to.
    #[error("it is in another partition than its key belongs to")]
    WrongPartition,
}
