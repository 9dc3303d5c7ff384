//! What the projector does: catalog, checkpoints, bulk flushes, shadow generations.
//!
//! One [`WriteTx`] is one transaction: the checkpoint's compare-and-set first, then the rows. Whatever fails rolls all of
//! it back, so that a row and the checkpoint that accounts for it can never part. SQL stands beside its binds, one file
//! per group of tables; callers see rows, never SQL.

pub mod catalog;
pub mod compare;
pub mod customers;
mod definition;
pub mod generation;
pub mod history;
pub(crate) mod insert;
pub mod named;
pub mod orders;
pub mod parked;
pub mod partitions;
mod postgres;
pub mod products;
pub mod rebuild;
pub mod sales;
mod sqlite;

use crate::{ReadModel, ReadModelError};
pub use postgres::PostgresTx;
pub use sqlite::SqliteTx;
use std::sync::Arc;

/// Which generation of a projection's tables is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tables {
    /// The ones that serve.
    Live,
    /// The ones that a rebuild fills, by generation.
    Shadow(u64),
}

impl Tables {
    /// The name of `table` in this generation.
    pub(crate) fn name(self, table: &str) -> String {
        match self {
            Self::Live => table.to_owned(),
            Self::Shadow(generation) => format!("{table}__g{generation}"),
        }
    }
}

/// One write transaction. Dropped without [`WriteTx::commit`], it never happened.
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

    /// Whether the projections of a rebuild are filled beside one another, each by transactions of its own. SQLite has one
    /// writer.
    #[must_use]
    pub fn fills_apart(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Begins a transaction that writes one projection's tables of a rebuild, and its rows in the catalog of rebuilds.
    /// On PostgreSQL it waits for no other writer and keeps none out.
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
    /// Commits. `position` is what waiting readers are told; a hint.
    ///
    /// # Errors
    /// When the storage refuses; then nothing was written.
    pub async fn commit(self, position: u64) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(tx) => Ok(tx.commit(position).await?),
            Self::Postgres(tx) => tx.commit(position).await,
        }
    }
}

impl WriteTx {
    /// Writes all that waits, and takes everything back: what the database would say is known then, and nothing else has
    /// come of it.
    ///
    /// # Errors
    /// As [`WriteTx::commit`], also for rules that are checked at the end only.
    pub async fn try_out(self) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(tx) => Ok(tx.try_out().await?),
            Self::Postgres(tx) => tx.try_out().await,
        }
    }
}

/// The writer connection of a handle that was opened for writing.
pub(crate) fn writer<P>(writer: &Option<P>) -> Result<&P, ReadModelError> {
    writer
        .as_ref()
        .ok_or_else(|| ReadModelError::Unavailable("this handle was opened for reading".into()))
}

/// What a column of a stored u64 holds; never negative, so the cast back is exact.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The inverse of [`stored`].
pub(crate) fn loaded(number: i64) -> Result<u64, ReadModelError> {
    u64::try_from(number)
        .map_err(|_| ReadModelError::Corrupt("a position or version is negative".into()))
}
