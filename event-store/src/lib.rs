//! The log: gapless positions in commit order, versions within streams, a hash chain over everything.
//!
//! Payloads are opaque: this crate knows nothing of orders. What it guarantees, on every backend (one conformance
//! list proves it): a position is taken under the head row's lock inside the append transaction, so position order is
//! commit order and there are no holes; events, idempotency records and answers commit together; nothing stored is
//! ever changed or removed; the bytes read are the bytes stored.

pub mod append;
pub mod event;
mod sqlite;

pub use append::{Append, AppendError, Appended, Entry, EntryOutcome, KeyedAnswer, StoredAnswer};
pub use event::{Metadata, NewEvent, RecordedEvent, StreamId, Timestamp};

use std::sync::Arc;
use tokio::sync::watch;

/// A place in the whole log, from 1; 0 is "before the first event".
pub type Position = u64;
/// A place in one stream, from 1; 0 is "the stream does not exist".
pub type Version = u64;

/// The upper bound of one page of any read.
pub const MAX_PAGE: usize = 10_000;

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

/// What a stream loads from: a snapshot, if one is stored, and the events after it.
#[derive(Debug, Clone, Default)]
pub struct LoadedStream {
    /// The newest snapshot of the asked-for snapshot version.
    pub snapshot: Option<Snapshot>,
    /// Every event after the snapshot (or all), in version order.
    pub events: Vec<RecordedEvent>,
}

/// A stored state of a stream; a cache, never the truth.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The stream's version it was taken at.
    pub version: Version,
    /// `occurred_at` of that version.
    pub occurred_at: Timestamp,
    /// Position of that version.
    pub position: Position,
    /// Opaque bytes.
    pub state: Vec<u8>,
}

/// Why the store could not do what was asked; the caller decides what to do by the variant.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The storage cannot be reached or is refusing work now (disk full, busy, connection lost). Nothing was changed.
    #[error("the event store is unavailable: {0}")]
    Unavailable(String),
    /// The storage holds something that this build cannot accept; needs a person.
    #[error("the event store is damaged or of another version: {0}")]
    Corrupt(String),
    /// The URL names no supported backend or cannot be opened.
    #[error("{0}")]
    InvalidUrl(String),
}

/// The log on one of its backends: a closed set. PostgreSQL is the second.
#[derive(Debug, Clone)]
pub enum EventStore {
    /// Embedded SQLite, one file.
    Sqlite(Arc<sqlite::SqliteStore>),
}

/// Whether this handle may append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Appends and reads; creates and migrates the storage.
    ReadWrite,
    /// Reads only; the storage must exist.
    ReadOnly,
}

#[allow(unused_variables, missing_docs, clippy::missing_errors_doc)] // H: write docs
impl EventStore {
    /// Opens `sqlite://path/to/events.db`; creates and migrates it for [`Access::ReadWrite`].
    pub async fn open(url: &str, access: Access) -> Result<Self, StoreError> {
        todo!()
    }
    /// Appends a batch in one transaction: all events, idempotency records and answers, or nothing.
    /// Entries whose expected version or idempotency key no longer holds are left out and reported; their neighbours
    /// are written. See [`Append`].
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        todo!()
    }
    /// Loads many streams with one read (snapshot + later events each), in the order asked.
    /// `snapshot_version` = the aggregate's; other snapshots are ignored.
    pub async fn load(&self, streams: &[StreamId], snapshot_version: u16) -> Result<Vec<LoadedStream>, StoreError> {
        todo!()
    }
    /// Looks up idempotency records, in the order asked.
    pub async fn answers(&self, keys: &[String]) -> Result<Vec<Option<StoredAnswer>>, StoreError> {
        todo!()
    }
    /// One page of a stream, versions after `after`.
    pub async fn read_stream(&self, stream: &StreamId, after: Version, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        todo!()
    }
    /// One page of the whole log, positions after `after`, contiguous.
    pub async fn read_feed(&self, after: Position, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        todo!()
    }
    pub async fn head(&self) -> Result<Head, StoreError> {
        todo!()
    }
    pub async fn save_snapshot(&self, stream: &StreamId, snapshot_version: u16, snapshot: Snapshot) -> Result<(), StoreError> {
        todo!()
    }
    /// Forgets idempotency records stored before `before` (never those of imports). Bounded per call; returns how many.
    pub async fn forget_answers(&self, before: Timestamp) -> Result<u64, StoreError> {
        todo!()
    }
    /// Recomputes the whole chain; the first bad position, if any, is named in the report.
    /// `progress` is told (position, head) now and then.
    pub async fn verify(&self, progress: impl FnMut(Position, Position) + Send) -> Result<VerifyReport, StoreError> {
        todo!()
    }
    /// Hints that the head moved, from appends through this handle. The poll is the truth.
    pub fn head_hint(&self) -> watch::Receiver<Position> {
        todo!()
    }
    /// Storage reachable and migrated?
    pub async fn ping(&self) -> Result<(), StoreError> {
        todo!()
    }
    pub async fn close(&self) {
        todo!()
    }
}

/// What `verify` found in the log.
#[derive(Debug, Clone, Default)]
pub struct VerifyReport {
    /// Events read.
    pub events: u64,
    /// First defects (at most 10), each naming position, stream and version, and what is wrong. Empty = sound.
    pub defects: Vec<String>,
}
