//! The one type that the rest of the system holds: the log, on whichever backend the URL names.
//!
//! A closed set of backends and a forwarding match: every caller reads as if there were one store. Handles are cheap
//! to clone and share their connections. Reads may be dropped half-way; what writes goes on in a task of its own, so a
//! caller that goes away neither cancels an append nor leaves a transaction open behind it.

#[cfg(feature = "reference")]
mod in_memory;
mod last;
mod lease;
mod sealing;

use crate::finishing::Finishing;
#[cfg(feature = "reference")]
use crate::memory::MemoryStore;
use crate::postgres::PostgresStore;
use crate::sqlite::SqliteStore;
use crate::{
    Access, Append, AppendError, Appended, Capacities, Head, LoadedStream, MAX_PAGE, Position,
    RecordedEvent, Snapshot, StoreError, StoredAnswer, StreamId, Timestamp, VerifyReport, Version,
};
use crate::{planted, points};
use faults::Fault;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::watch;

/// The log on one of its backends: a closed set.
#[derive(Debug, Clone)]
pub enum EventStore {
    /// Embedded SQLite, one file.
    Sqlite(Arc<SqliteStore>),
    /// A PostgreSQL database.
    Postgres(Arc<PostgresStore>),
    /// In memory: the reference.
    #[cfg(feature = "reference")]
    Memory(Arc<MemoryStore>),
}

/// The same call, on whichever backend it is.
macro_rules! on_backend {
    ($handle:expr, $store:ident => $call:expr) => {
        match $handle {
            EventStore::Sqlite($store) => $call,
            EventStore::Postgres($store) => $call,
            #[cfg(feature = "reference")]
            EventStore::Memory($store) => $call,
        }
    };
}
use on_backend;

impl EventStore {
    /// Opens `sqlite://path/to/events.db` (read as [`sqlite_file::file_of`] says) or `postgres://user@host/database`;
    /// creates and migrates it for [`Access::ReadWrite`]. Takes the same time however long the log is.
    ///
    /// # Errors
    /// [`StoreError::InvalidUrl`] for a URL of no known backend, [`StoreError::Corrupt`] for storage that is not
    /// this log, has a schema of another version or a head that is not its last event, [`StoreError::Unavailable`]
    /// when it cannot be reached.
    pub async fn open(url: &str, access: Access) -> Result<Self, StoreError> {
        Self::open_with(url, access, Capacities::default()).await
    }

    /// As [`EventStore::open`], with less or more kept in memory than by default.
    ///
    /// # Errors
    /// As [`EventStore::open`].
    pub async fn open_with(
        url: &str,
        access: Access,
        capacities: Capacities,
    ) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => {
                let file = sqlite_file::file_of(url)
                    .map_err(|refused| StoreError::InvalidUrl(refused.to_string()))?;
                Ok(Self::Sqlite(Arc::new(SqliteStore::open(&file, access, capacities).await?)))
            }
            Some(("postgres" | "postgresql", _)) => {
                Ok(Self::Postgres(Arc::new(PostgresStore::open(url, access, capacities).await?)))
            }
            _ => Err(StoreError::InvalidUrl(
                "the event store's URL must be of the form sqlite://path/to/events.db \
                 or postgres://user@host/database"
                    .to_owned(),
            )),
        }
    }

    /// Appends a batch in one transaction: all events, idempotency records and answers, or nothing.
    /// Entries whose expected version or idempotency key no longer holds are left out and reported; their neighbours
    /// are written. See [`Append`]. Appends that wait for this handle's writer at the same time share a transaction, and
    /// are answered as if each had its own. Finishes even when the caller stops waiting.
    ///
    /// # Errors
    /// [`AppendError::Failed`] when nothing was stored, [`AppendError::Unknown`] when that could not be settled.
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        append.check()?;
        let store = self.clone();
        let task = tokio::spawn(async move { store.append_checked(append).await });
        task.await.unwrap_or_else(|ended| Err(AppendError::Unknown(ended.to_string())))
    }

    /// As [`EventStore::append`], but without a task of its own as long as the caller stays. For a caller that polls it to
    /// the end and does nothing else meanwhile, because other appends may wait for it.
    ///
    /// # Errors
    /// As [`EventStore::append`].
    pub async fn append_staying(&self, append: Append) -> Result<Appended, AppendError> {
        append.check()?;
        let store = self.clone();
        Finishing::new(async move { store.append_checked(append).await }).await
    }

    async fn append_checked(&self, append: Append) -> Result<Appended, AppendError> {
        let (append, answers) = planted::answers_apart(append);
        let appended = {
            if faults::planted(Fault::PositionReused) {
                planted::show(&append, Box::pin(self.head()).await?);
                points::ask("log: events written").await?;
            }
            let _asking = points::ask("log: append").await?;
            let appended = async { on_backend!(self, store => store.append(append).await) };
            let panicked = |_| Err(AppendError::Unknown("it panicked".to_owned()));
            AssertUnwindSafe(appended).catch_unwind().await.unwrap_or_else(panicked)
        };
        points::appended().await?;
        if let Some(answers) = answers.filter(|_| appended.is_ok()) {
            on_backend!(self, store => store.append(answers).await)?;
        }
        appended
    }

    /// Loads many streams with one read (snapshot + later events each), in the order asked; at most [`MAX_PAGE`].
    /// `snapshot_version` = the aggregate's; other snapshots are ignored. A stream's events come whole, however many
    /// lie after its snapshot.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn load(
        &self,
        streams: &[StreamId],
        snapshot_version: u16,
    ) -> Result<Vec<LoadedStream>, StoreError> {
        refuse_above_page("streams", streams.len())?;
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        let _asking = points::ask("log: load").await?;
        on_backend!(self, store => store.load(streams, snapshot_version).await)
    }

    /// Looks up idempotency records, in the order asked; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn answers(&self, keys: &[String]) -> Result<Vec<Option<StoredAnswer>>, StoreError> {
        refuse_above_page("keys", keys.len())?;
        StoreError::refuse_nul(keys.iter().map(String::as_str))?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let _asking = points::ask("log: kept answers").await?;
        on_backend!(self, store => store.answers(keys).await)
    }

    /// One page of a stream, versions after `after`, contiguous. Ends at `limit`, at [`MAX_PAGE`] rows or at
    /// [`crate::MAX_PAGE_BYTES`]; only an empty page means the end.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let _asking = points::ask("log: stream").await?;
        on_backend!(self, store => store.read_stream(stream, after, limit.min(MAX_PAGE)).await)
    }

    /// One page of the whole log, positions after `after`, contiguous. Ends at `limit`, at [`MAX_PAGE`] rows or at
    /// [`crate::MAX_PAGE_BYTES`]; only an empty page means the end.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a position is missing, else as each variant says.
    pub async fn read_feed(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let _asking = points::ask("log: feed").await?;
        let page = on_backend!(self, store => store.read_feed(after, limit.min(MAX_PAGE)).await);
        Ok(planted::with_uncommitted(after, page?))
    }

    /// The end of the log as it is committed now.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn head(&self) -> Result<Head, StoreError> {
        let _asking = points::ask("log: head").await?;
        on_backend!(self, store => store.head().await)
    }

    /// Keeps a snapshot, unless a newer one of the same snapshot version is kept or the log does not hold the event
    /// it claims to stand at.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn save_snapshot(
        &self,
        stream: &StreamId,
        snapshot_version: u16,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        let _asking = points::ask("log: snapshot").await?;
        on_backend!(self, store => store.save_snapshot(stream, snapshot_version, snapshot).await)
    }

    /// Forgets idempotency records stored before `before` (never those of imports). Bounded per call; returns how
    /// many: call again until it is 0.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn forget_answers(&self, before: Timestamp) -> Result<u64, StoreError> {
        let _asking = points::ask("log: forget").await?;
        on_backend!(self, store => store.forget_answers(before).await)
    }

    /// Recomputes the whole chain up to the head at the start; the first bad position, if any, is named in the report.
    /// `progress` gets (position, head) after each page.
    ///
    /// # Errors
    /// [`StoreError`] when the log could not be read; a log that reads and is wrong is a report with defects.
    pub async fn verify(
        &self,
        progress: impl FnMut(Position, Position) + Send,
    ) -> Result<VerifyReport, StoreError> {
        on_backend!(self, store => store.verify(progress).await)
    }

    /// Hints that the head moved, from appends through this handle; on PostgreSQL from those of others as well. The
    /// poll is the truth.
    #[must_use]
    pub fn head_hint(&self) -> watch::Receiver<Position> {
        on_backend!(self, store => store.head_hint())
    }

    /// Checks that the storage is reachable and migrated.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.head().await.map(|_| ())
    }

    /// Waits for writes under way, then closes every connection. Later calls answer `Unavailable`, except calls with nothing
    /// to do.
    pub async fn close(&self) {
        on_backend!(self, store => store.close().await)
    }
}

fn refuse_above_page(what: &str, count: usize) -> Result<(), StoreError> {
    if count > MAX_PAGE {
        return Err(StoreError::Corrupt(format!(
            "{count} {what} asked for at once, over {MAX_PAGE}"
        )));
    }
    Ok(())
}
