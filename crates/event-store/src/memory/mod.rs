//! The log in memory: the reference that the other backends are compared with, and a log for simulations.
//!
//! It is correct because it is simple (`log`), not fast. The log is the storage: it outlives its handles, and any number of
//! handles may be open on it, each with its own rights. A handle behaves like one on SQLite: it hints only at its own
//! appends, and answers `Unavailable` when it is closed. Compiled only with the feature `reference`.

mod log;

use crate::audit::Audit;
use crate::{
    Access, Append, AppendError, Appended, Head, Lease, LeaseState, LoadedStream, Position,
    RecordedEvent, Snapshot, StoreError, StoredAnswer, StreamId, StreamType, Timestamp,
    VerifyReport, Version,
};
use log::Log;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// A log in memory, empty at first; clones are the same log.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog(Arc<Mutex<Log>>);

/// How many rows a log has in each of its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// Events.
    pub events: u64,
    /// Kept answers.
    pub answers: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Leases.
    pub leases: u64,
}

impl MemoryLog {
    /// The rows in each table now.
    pub fn rows(&self) -> Rows {
        let log = self.lock();
        Rows {
            events: log.events.len() as u64,
            answers: log.answers.len() as u64,
            snapshots: log.snapshots.len() as u64,
            leases: log.leases.len() as u64,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One handle on a [`MemoryLog`].
#[derive(Debug)]
pub struct MemoryStore {
    log: MemoryLog,
    access: Access,
    hint: watch::Sender<Position>,
    closed: AtomicBool,
}

impl MemoryStore {
    pub(crate) fn on(log: MemoryLog, access: Access) -> Self {
        let hint = watch::Sender::new(log.lock().head().position);
        Self { log, access, hint, closed: AtomicBool::new(false) }
    }

    fn reading(&self) -> Result<MutexGuard<'_, Log>, StoreError> {
        match self.closed.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("it is closed".to_owned())),
            false => Ok(self.log.lock()),
        }
    }

    fn writing(&self) -> Result<MutexGuard<'_, Log>, StoreError> {
        match self.access {
            Access::ReadOnly | Access::Verify => Err(StoreError::only_reading()),
            Access::ReadWrite | Access::Lease => self.reading(),
        }
    }

    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        if self.access != Access::ReadWrite {
            return Err(StoreError::not_appending().into());
        }
        let appended = self.writing()?.append(&append);
        self.hint.send_if_modified(|known| {
            let moved = appended.head > *known;
            *known = appended.head.max(*known);
            moved
        });
        Ok(appended)
    }

    pub(crate) async fn load(
        &self,
        streams: &[StreamId],
        snapshot_version: u16,
    ) -> Result<Vec<LoadedStream>, StoreError> {
        let log = self.reading()?;
        Ok(streams.iter().map(|stream| log.load(stream, snapshot_version)).collect())
    }

    pub(crate) async fn answers(
        &self,
        keys: &[String],
    ) -> Result<Vec<Option<StoredAnswer>>, StoreError> {
        let log = self.reading()?;
        Ok(keys.iter().map(|key| log.answer(key)).collect())
    }

    pub(crate) async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        Ok(self.reading()?.read_stream(stream, after, limit))
    }

    pub(crate) async fn read_feed(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        Ok(self.reading()?.read_feed(after, limit))
    }

    pub(crate) async fn head(&self) -> Result<Head, StoreError> {
        Ok(self.reading()?.head())
    }

    pub(crate) async fn save_snapshot(
        &self,
        stream: &StreamId,
        snapshot_version: u16,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        self.writing()?.save_snapshot(stream, snapshot_version, snapshot);
        Ok(())
    }

    pub(crate) async fn forget_answers(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.writing()?.forget_answers(before))
    }

    pub(crate) async fn verify(
        &self,
        mut progress: impl FnMut(Position, Position) + Send,
    ) -> Result<VerifyReport, StoreError> {
        let (head, events) = {
            let log = self.reading()?;
            (log.head(), log.events.clone())
        };
        let mut audit = Audit::new(head);
        for event in &events {
            audit.event(event);
        }
        progress(audit.position(), head.position);
        Ok(audit.finish())
    }

    pub(crate) async fn lease(&self, name: &str) -> Result<Option<LeaseState>, StoreError> {
        Ok(self.reading()?.leases.get(name).cloned())
    }

    pub(crate) async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        seen: Option<&LeaseState>,
    ) -> Result<Option<Lease>, StoreError> {
        Ok(self.writing()?.take_lease(name, holder, seen))
    }

    pub(crate) async fn renew_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        Ok(self.writing()?.change_lease(lease, |_| {}))
    }

    pub(crate) async fn advance_checkpoint(
        &self,
        lease: &Lease,
        checkpoint: Position,
        note: &str,
    ) -> Result<bool, StoreError> {
        let mut log = self.writing()?;
        let is_there = checkpoint <= log.head().position;
        Ok(is_there
            && log.change_lease(lease, |lease| {
                lease.checkpoint = checkpoint;
                lease.note = note.to_owned();
            }))
    }

    pub(crate) async fn release_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        Ok(self.writing()?.change_lease(lease, |lease| lease.holder = None))
    }

    pub(crate) async fn last_of(
        &self,
        stream_type: StreamType,
        after: Position,
        until: Position,
    ) -> Result<Option<Position>, StoreError> {
        let log = self.reading()?;
        let behind = log.events.iter().rev().filter(|event| {
            event.position > after
                && event.position <= until
                && event.stream.stream_type == stream_type
        });
        Ok(behind.map(|event| event.position).next())
    }

    pub(crate) async fn sealed_with(&self) -> Result<Option<Uuid>, StoreError> {
        Ok(self.reading()?.sealed_with)
    }

    pub(crate) async fn seal_with(&self, key_store: Uuid) -> Result<bool, StoreError> {
        let mut log = self.writing()?;
        let noted = log.sealed_with.is_none();
        log.sealed_with.get_or_insert(key_store);
        Ok(noted)
    }

    pub(crate) async fn reseal_with(&self, key_store: Uuid) -> Result<bool, StoreError> {
        let mut log = self.writing()?;
        let another = log.sealed_with.is_some_and(|noted| noted != key_store);
        if another {
            log.sealed_with = Some(key_store);
        }
        Ok(another)
    }

    pub(crate) fn head_hint(&self) -> watch::Receiver<Position> {
        self.hint.subscribe()
    }

    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}
