//! One [`WriteTx`] is one write transaction on either backend. A failure rolls all of it back.

mod postgres;
mod sqlite;

use super::bulk::{BulkStatement, Row};
use super::error::ReadModelError;
use super::handle::{ReadModel, writer};
use super::sql::{EitherRow, Sql};
use super::tables::Tables;
pub use postgres::PostgresTx;
pub use sqlite::SqliteTx;
use std::num::NonZero;
use std::sync::Arc;

/// Connections that fill the tables of a rebuild, on PostgreSQL.
pub(crate) const FILLERS: NonZero<usize> = NonZero::new(6).expect("more than none");

/// One write transaction. If it is dropped without [`WriteTx::commit`], nothing is written.
#[derive(Debug)]
pub enum WriteTx {
    /// Embedded SQLite.
    Sqlite(SqliteTx),
    /// PostgreSQL.
    Postgres(PostgresTx),
}

impl ReadModel {
    /// Begins a write transaction; its first statement waits for another writer, within a bound.
    ///
    /// # Errors
    /// When the handle is read-only or the storage refuses.
    pub async fn begin_write(&self) -> Result<WriteTx, ReadModelError> {
        match self {
            Self::Sqlite(model) => {
                let connection = writer(&model.writer)?.lend().await?;
                Ok(WriteTx::Sqlite(SqliteTx::new(connection, Arc::clone(model))))
            }
            Self::Postgres(model) => {
                Ok(WriteTx::Postgres(PostgresTx::begin(model, writer(&model.writer)?).await?))
            }
        }
    }

    /// How many projections of a rebuild may be filled at the same time, each by its own transactions. `None` on
    /// SQLite, which has one writer: one transaction fills all.
    #[must_use]
    pub fn fillers(&self) -> Option<NonZero<usize>> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_) => Some(FILLERS),
        }
    }

    /// Begins a transaction that writes one projection's tables of a rebuild, and its rows in the catalog of rebuilds.
    /// On PostgreSQL it waits for no other writer and blocks none.
    ///
    /// # Errors
    /// When the handle is read-only or the storage refuses.
    pub async fn begin_fill(&self) -> Result<WriteTx, ReadModelError> {
        match self {
            Self::Sqlite(_) => self.begin_write().await,
            Self::Postgres(model) => {
                let fillers = writer(&model.fillers)?;
                Ok(WriteTx::Postgres(PostgresTx::begin_fill(model, fillers).await?))
            }
        }
    }
}

impl WriteTx {
    /// Commits. `position` goes to waiting readers as a hint.
    ///
    /// # Errors
    /// When the storage refuses; then nothing was written.
    pub async fn commit(self, position: u64) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(tx) => Ok(tx.commit(position).await?),
            Self::Postgres(tx) => tx.commit(position).await,
        }
    }

    /// Writes everything that waits, and rolls back: it finds out whether the database accepts the rows, and changes
    /// nothing.
    ///
    /// # Errors
    /// As [`WriteTx::commit`], also for rules that are checked only at the end.
    pub async fn try_out(self) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(tx) => Ok(tx.try_out().await?),
            Self::Postgres(tx) => tx.try_out().await,
        }
    }

    /// All rows, as this transaction sees them.
    ///
    /// # Errors
    /// When the storage refuses, or a row has another shape.
    pub async fn rows<R: EitherRow>(&mut self, sql: Sql) -> Result<Vec<R>, ReadModelError> {
        Ok(match self {
            Self::Sqlite(tx) => tx.rows(sql).await?,
            Self::Postgres(tx) => tx.rows(sql).await?,
        })
    }

    /// Executes a write; returns how many rows changed.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn execute(&mut self, sql: Sql) -> Result<u64, ReadModelError> {
        Ok(match self {
            Self::Sqlite(tx) => tx.execute(sql).await?,
            Self::Postgres(tx) => tx.execute(sql).await?,
        })
    }

    /// Runs `statement` over all `rows`, at the latest when the transaction ends.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn bulk<R: Row>(
        &mut self,
        statement: &'static BulkStatement,
        tables: Tables,
        rows: Vec<R>,
    ) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(tx) => {
                tx.bulk(statement, tables, rows);
                Ok(())
            }
            Self::Postgres(tx) => Ok(tx.bulk(statement, tables, rows).await?),
        }
    }

    /// Changes table definitions; the text is not kept prepared.
    pub(crate) async fn ddl(&mut self, sql: String) -> Result<(), ReadModelError> {
        self.execute(Sql::new(sql).once()).await?;
        Ok(())
    }
}
