//! The read tables: one handle, two users. The projector writes through [`write`], the query service reads through
//! [`read`]; neither sees the other's verbs, and nothing here knows the event log.

mod open;
pub mod read;
pub mod write;

use sqlx::SqlitePool;
use std::sync::Arc;
use tokio::sync::watch;

/// Why the read model could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ReadModelError {
    /// Cannot be reached or is refusing work now; nothing was changed.
    #[error("the read model is unavailable: {0}")]
    Unavailable(String),
    /// Holds something this build cannot accept.
    #[error("the read model is damaged or of another version: {0}")]
    Corrupt(String),
    /// The URL names no supported backend or cannot be opened.
    #[error("{0}")]
    InvalidUrl(String),
    /// Another writer moved the checkpoint (or swapped the generation): reload and go on from there.
    #[error("another writer moved the checkpoint")]
    CheckpointMoved,
}

/// Who opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The projector: creates, migrates, writes.
    ReadWrite,
    /// The query service: only reads.
    ReadOnly,
}

/// The read tables on one of their backends: a closed set. PostgreSQL is the second.
#[derive(Debug, Clone)]
pub enum ReadModel {
    /// Embedded SQLite, one file.
    Sqlite(Arc<SqliteReadModel>),
}

/// SQLite: one writer connection, several readers.
#[derive(Debug)]
pub struct SqliteReadModel {
    /// Snapshot reads.
    pub(crate) readers: SqlitePool,
    /// One connection, `BEGIN IMMEDIATE`; absent for read-only handles.
    pub(crate) writer: Option<SqlitePool>,
    /// Hints that some projection moved; the poll is the truth.
    pub(crate) moved: watch::Sender<u64>,
    /// Bulk statements already written out.
    pub(crate) texts: write::insert::Texts,
}

impl ReadModel {
    /// Opens `sqlite://path/to/views.db`; creates and migrates it for [`Access::ReadWrite`].
    ///
    /// # Errors
    /// When the URL is not one, the file cannot be opened, or its schema is missing or newer than this build.
    pub async fn open(url: &str, access: Access) -> Result<Self, ReadModelError> {
        open::open(url, access).await
    }

    /// Hints that a projection moved, from writes through this handle. The poll is the truth.
    pub fn moved_hint(&self) -> watch::Receiver<u64> {
        match self {
            Self::Sqlite(model) => model.moved.subscribe(),
        }
    }

    /// Reachable and migrated?
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn ping(&self) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(model) => open::ping(model).await,
        }
    }

    /// Closes the connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(model) => open::close(model).await,
        }
    }
}
