//! The handle over both backends: its connections, and statements outside of a transaction.

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
    /// Reads that last as long as their caller takes rows.
    pub(crate) long_readers: SqlitePool,
    /// One connection; absent for read-only handles.
    pub(crate) writer: Option<Arc<Connections>>,
    /// Runs where a writer is.
    pub(crate) checkpoints: Option<Checkpoints>,
    /// Hints that some projection moved; the poll is the truth.
    pub(crate) moved: watch::Sender<u64>,
    /// The texts of bulk statements.
    pub(crate) statements: StatementCache,
    /// The version of the schema that it must have.
    pub(crate) schema_version: i64,
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
    pub(crate) hints: Hints,
    /// The texts of bulk statements.
    pub(crate) statements: StatementCache,
    /// The version of the schema that it must have.
    pub(crate) schema_version: i64,
}

impl ReadModel {
    /// Hints that a projection moved: from writes through this handle and, on PostgreSQL, by others. The poll is the
    /// truth.
    pub fn moved_hint(&self) -> watch::Receiver<u64> {
        match self {
            Self::Sqlite(model) => model.moved.subscribe(),
            Self::Postgres(model) => model.hints.subscribe(),
        }
    }

    /// All rows.
    ///
    /// # Errors
    /// When the storage refuses, or a row is of another shape.
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

    /// Rows one by one, as they come.
    pub(crate) fn stream<R: EitherRow>(&self, sql: Sql) -> BoxStream<'_, Result<R, sqlx::Error>> {
        match self {
            Self::Sqlite(model) => sqlite_rows(sql).fetch(&model.long_readers).boxed(),
            Self::Postgres(model) => postgres_rows(sql).fetch(&model.readers).boxed(),
        }
    }

    /// Writes outside of a transaction; how many rows changed.
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

/// The writer connection of a handle that was opened for writing.
pub(crate) fn writer<P>(writer: &Option<P>) -> Result<&P, ReadModelError> {
    writer
        .as_ref()
        .ok_or_else(|| ReadModelError::Unavailable("this handle was opened for reading".into()))
}
