//! The read tables: one handle, two users. The projector writes through [`write`], the query service reads through
//! [`read`]; neither sees the other's verbs, and nothing here knows the event log.

mod hint;
mod open;
pub mod read;
mod refusal;
mod sql;
mod sum;
pub mod write;

use sqlite_file::{Checkpoints, Connections};
use sqlx::{PgPool, SqlitePool};
use std::sync::Arc;
use tokio::sync::watch;

/// Why the read model could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadModelError {
    /// Cannot be reached or is refusing work now; nothing was changed.
    #[error("the read model is unavailable: {0}")]
    Unavailable(String),
    /// Holds something this build cannot accept.
    #[error("the read model is damaged or of another version: {0}")]
    Corrupt(String),
    /// The database refuses what was to be written, and will each time; nothing was changed. Says by which rule, and holds
    /// no values.
    #[error("the read model refuses a row: {0}")]
    Refused(String),
    /// Nothing has made it yet; the program that writes it does so when it starts.
    #[error("there is no read model yet: {0}")]
    Missing(String),
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

/// The read tables on one of their backends: a closed set.
#[derive(Debug, Clone)]
pub enum ReadModel {
    /// Embedded SQLite, one file.
    Sqlite(Arc<SqliteReadModel>),
    /// A PostgreSQL database of its own.
    Postgres(Arc<PostgresReadModel>),
}

/// SQLite: one writer connection, several readers.
#[derive(Debug)]
pub struct SqliteReadModel {
    /// Reads of one statement that ends soon.
    pub(crate) readers: Arc<Connections>,
    /// Reads that go on for as long as somebody takes rows.
    pub(crate) long_readers: SqlitePool,
    /// One connection; absent for read-only handles.
    pub(crate) writer: Option<Arc<Connections>>,
    /// Made by whoever writes.
    pub(crate) checkpoints: Option<Checkpoints>,
    /// Hints that some projection moved; the poll is the truth.
    pub(crate) moved: watch::Sender<u64>,
    /// Bulk statements already written out.
    pub(crate) texts: write::insert::Texts,
    /// What is asked at this moment.
    pub(crate) gathered: read::Questions,
}

/// PostgreSQL: one writer connection, several readers, one that listens, and during a rebuild some that fill its tables.
#[derive(Debug)]
pub struct PostgresReadModel {
    /// Statements that cannot write.
    pub(crate) readers: PgPool,
    /// One connection, its transactions begun and ended by tasks of their own; absent for read-only handles.
    pub(crate) writer: Option<PgPool>,
    /// Connections that fill the tables of a rebuild, made when one begins; absent for read-only handles.
    pub(crate) fillers: Option<PgPool>,
    /// Hints that some projection moved, from this process and from others.
    pub(crate) hints: hint::Hints,
    /// Bulk statements already written out.
    pub(crate) texts: write::insert::Texts,
    /// What is asked at this moment.
    pub(crate) gathered: read::Questions,
}

impl ReadModel {
    /// Opens `sqlite://path/to/views.db` or `postgres://user@host/database`; creates what is in there and migrates it
    /// for [`Access::ReadWrite`]. A PostgreSQL database must exist.
    ///
    /// # Errors
    /// When the URL is not one, the storage cannot be opened, or its schema is missing or newer than this build.
    pub async fn open(url: &str, access: Access) -> Result<Self, ReadModelError> {
        open::open(url, access).await
    }

    /// Hints that a projection moved: from writes through this handle and, on PostgreSQL, by others. The poll is the
    /// truth.
    pub fn moved_hint(&self) -> watch::Receiver<u64> {
        match self {
            Self::Sqlite(model) => model.moved.subscribe(),
            Self::Postgres(model) => model.hints.subscribe(),
        }
    }

    fn gathered(&self) -> &read::Questions {
        match self {
            Self::Sqlite(model) => &model.gathered,
            Self::Postgres(model) => &model.gathered,
        }
    }

    /// Reachable and migrated?
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn ping(&self) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(model) => open::sqlite::ping(model).await,
            Self::Postgres(model) => open::postgres::ping(model).await,
        }
    }

    /// Closes the connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(model) => open::sqlite::close(model).await,
            Self::Postgres(model) => open::postgres::close(model).await,
        }
    }
}
