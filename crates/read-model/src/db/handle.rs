//! The handle over both backends: its connections, and statements outside transactions.

use super::error::ReadModelError;
use super::sql::{
    EitherRow, Sql, postgres_rows, postgres_statement, sqlite_rows, sqlite_statement,
};
use super::statement_cache::StatementCache;
use futures::StreamExt;
use futures::stream::BoxStream;
use pg_hints::Hints;
use sqlite_file::{Checkpoints, Connections};
use sqlx::{PgPool, SqlitePool};
use std::sync::Arc;
use tokio::sync::watch;

/// How a program opens the read model.
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
    /// For single statements that end soon.
    pub(crate) readers: Arc<Connections>,
    /// For reads that last until their caller has taken all rows.
    pub(crate) long_readers: SqlitePool,
    /// One connection; absent for read-only handles.
    pub(crate) writer: Option<Arc<Connections>>,
    /// Runs in a handle that has a writer.
    pub(crate) checkpoints: Option<Checkpoints>,
    /// Hints that some projection moved; the poll is the truth.
    pub(crate) moved: watch::Sender<u64>,
    /// The texts of bulk statements.
    pub(crate) statements: StatementCache,
    /// The schema version that the file must have.
    pub(crate) schema_version: i64,
}

/// PostgreSQL: one writer connection, several readers, one listener, and during a rebuild some that fill its tables.
#[derive(Debug)]
pub struct PostgresReadModel {
    /// For statements that cannot write.
    pub(crate) readers: PgPool,
    /// One connection; tasks of their own begin and end its transactions. Absent for read-only handles.
    pub(crate) writer: Option<PgPool>,
    /// Connections that fill the tables of a rebuild, opened when one begins; absent for read-only handles.
    pub(crate) fillers: Option<PgPool>,
    /// Hints that some projection moved, from this process and from others.
    pub(crate) hints: Hints,
    /// The texts of bulk statements.
    pub(crate) statements: StatementCache,
    /// The schema version that the database must have.
    pub(crate) schema_version: i64,
}

impl ReadModel {
    /// Hints that a projection moved: from writes through this handle and, on PostgreSQL, from other processes. The
    /// poll is the truth.
    pub fn moved_hint(&self) -> watch::Receiver<u64> {
        match self {
            Self::Sqlite(model) => model.moved.subscribe(),
            Self::Postgres(model) => model.hints.subscribe(),
        }
    }

    /// All rows.
    ///
    /// # Errors
    /// When the storage refuses, or a row has another shape.
    pub async fn rows<R: EitherRow>(&self, sql: Sql) -> Result<Vec<R>, ReadModelError> {
        Ok(match self {
            Self::Sqlite(model) => {
                let mut reader = model.readers.lend().await?;
                let rows = sqlite_rows(sql).fetch_all(&mut *reader).await?;
                reader.give_back();
                rows
            }
            Self::Postgres(model) => postgres_rows(sql).fetch_all(&model.readers).await?,
        })
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`ReadModel::rows`].
    pub async fn first<R: EitherRow>(&self, sql: Sql) -> Result<Option<R>, ReadModelError> {
        Ok(match self {
            Self::Sqlite(model) => {
                let mut reader = model.readers.lend().await?;
                let row = sqlite_rows(sql).fetch_optional(&mut *reader).await?;
                reader.give_back();
                row
            }
            Self::Postgres(model) => postgres_rows(sql).fetch_optional(&model.readers).await?,
        })
    }

    /// Rows one by one, as they arrive.
    pub(crate) fn stream<R: EitherRow>(&self, sql: Sql) -> BoxStream<'_, Result<R, sqlx::Error>> {
        match self {
            Self::Sqlite(model) => sqlite_rows(sql).fetch(&model.long_readers).boxed(),
            Self::Postgres(model) => postgres_rows(sql).fetch(&model.readers).boxed(),
        }
    }

    /// Writes outside a transaction; returns how many rows changed.
    pub(crate) async fn execute(&self, sql: Sql) -> Result<u64, ReadModelError> {
        Ok(match self {
            Self::Sqlite(model) => {
                let mut writer = writer(&model.writer)?.lend().await?;
                let done = sqlite_statement(sql).execute(&mut *writer).await?;
                writer.give_back();
                done.rows_affected()
            }
            Self::Postgres(model) => {
                postgres_statement(sql).execute(writer(&model.writer)?).await?.rows_affected()
            }
        })
    }
}

/// The writer of a handle that was opened for writing.
pub(crate) fn writer<P>(writer: &Option<P>) -> Result<&P, ReadModelError> {
    writer
        .as_ref()
        .ok_or_else(|| ReadModelError::Unavailable("this handle was opened for reading".into()))
}
