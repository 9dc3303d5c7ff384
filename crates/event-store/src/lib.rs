//! The log: gapless positions in commit order, versions within streams, a hash chain over everything.
//!
//! Payloads are opaque: this crate does not know orders. Every backend gives the same guarantees, which one conformance
//! list proves. A position is taken under the head row's lock inside the append transaction, so position order is commit
//! order and there are no holes. Events and idempotency records commit together. No stored event is ever changed or
//! removed. The bytes read are the bytes stored.
//!
//! The common parts of all backends exist once: which entries may be written and what their rows are (`plan`), the hash
//! chain (`chain`), how a row is read (`row`), how a log is audited (`audit`). A backend holds only its SQL and its
//! connections.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
pub mod append;
mod audit;
mod capacities;
mod chain;
mod contiguity;
mod crash;
mod ends;
pub mod event;
mod finishing;
#[cfg(test)]
mod fixtures;
mod group_commit;
mod known_streams;
pub mod lease;
mod lookup;
#[cfg(feature = "reference")]
mod memory;
mod plan;
mod planted;
mod points;
mod postgres;
mod row;
mod schema;
mod sqlite;
mod store;
mod stream;
pub mod subscription;
mod tail_cache;

pub use access::Access;
pub use append::{
    Append, AppendError, Appended, Entry, EntryOutcome, KeyedAnswer, MAX_ENTRIES, StoredAnswer,
};
pub use audit::{MAX_DEFECTS, VerifyReport};
pub use capacities::Capacities;
pub use event::{Metadata, NewEvent, RecordedEvent, Timestamp};
pub use lease::{Lease, LeaseState};
#[cfg(feature = "reference")]
pub use memory::{MemoryLog, MemoryStore, Rows};
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
pub use store::EventStore;
pub use stream::{StreamId, StreamType};
pub use subscription::{Patience, Subscription, Tenure};

/// A place in the whole log, from 1; 0 is "before the first event".
pub type Position = u64;
/// A place in one stream, from 1; 0 is "the stream does not exist".
pub type Version = u64;

/// The upper bound of one page of any read, in rows.
pub const MAX_PAGE: usize = 10_000;
/// A page of events ends with the event that brings its payloads to this many bytes.
pub const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// The end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Position of the last event.
    pub position: Position,
    /// Its hash: the tip of the chain. Zeroes for an empty log.
    pub hash: [u8; 32],
    /// `recorded_at` of the last append; recorded times never go back.
    pub recorded_at: Timestamp,
}

/// A stream as it is loaded: a snapshot, if one is stored, and the events after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadedStream {
    /// The newest snapshot of the requested snapshot version.
    pub snapshot: Option<Snapshot>,
    /// Every event after the snapshot (or all), in version order.
    pub events: Vec<RecordedEvent>,
}

/// A stored state of a stream; a cache, never the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The stream's version at which it was taken.
    pub version: Version,
    /// `occurred_at` of that version.
    pub occurred_at: Timestamp,
    /// Position of that version.
    pub position: Position,
    /// Opaque bytes.
    pub state: Vec<u8>,
}

/// Why a call to the store failed; the variant says what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The storage cannot be reached or refuses work now (disk full, busy, connection lost). Nothing was changed.
    #[error("the event store is unavailable: {0}")]
    Unavailable(String),
    /// The storage holds, or was given, something that this build cannot accept; a person must act.
    #[error("the event store is damaged or of another version: {0}")]
    Corrupt(String),
    /// The URL names no supported backend or cannot be opened.
    #[error("{0}")]
    InvalidUrl(String),
}

impl StoreError {
    /// Refuses a text with a NUL character: PostgreSQL cannot hold it, so no backend takes it.
    pub(crate) fn refuse_nul<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), Self> {
        match texts.into_iter().any(|text| text.contains('\0')) {
            true => Err(Self::Corrupt("a text holds a NUL character".to_owned())),
            false => Ok(()),
        }
    }

    /// The error of a handle that was opened without the right to append.
    pub(crate) fn not_appending() -> Self {
        Self::Unavailable("it was not opened for appending".to_owned())
    }

    /// The error of a handle that was opened without the right to write anything.
    pub(crate) fn only_reading() -> Self {
        Self::Unavailable("it was opened for reading only".to_owned())
    }
}
