//! The log in a PostgreSQL database: one connection that appends, a pool that reads, one for leases and snapshots.
//!
//! Any number of processes may append to one log. The head row is locked first, in a statement of its own, and stays
//! locked until the commit: every later statement sees all that was committed before, positions follow the order of the
//! commits, and a reader that sees a position sees every lower one. Commits wait for the disk. A connection that is
//! lost is made again by itself; an answer that does not come in time counts as one.

mod connect;
mod fast_path;
mod head;
mod hints;
mod idempotency;
mod insert;
mod lease;
mod open;
mod read;
mod sealing;
mod settle;
mod slow_path;
mod snapshots;
mod verify;
mod writer;

use crate::group_commit::GroupCommit;
use crate::{Append, AppendError, Appended, Head, Position, StoreError, row};
use connect::on;
use pg_hints::Hints;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgPool, Postgres};
use std::sync::Arc;
use tokio::sync::watch;
use writer::Writer;

/// A statement that a task of its own can run.
type Write = Query<'static, Postgres, PgArguments>;

/// The log in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    readers: PgPool,
    /// `None` for a handle that does not append.
    appends: Option<GroupCommit<Writer>>,
    /// For leases, snapshots and the removal of old answers, which need not wait for the log's lock. `None` for a handle
    /// that only reads.
    side: Option<PgPool>,
    hints: Arc<Hints>,
}

impl PostgresStore {
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let appends = self.appends.as_ref().ok_or_else(StoreError::not_appending)?;
        let appended = appends.append(append).await?;
        self.hints.tell(appended.head);
        Ok(appended)
    }

    pub(crate) async fn head(&self) -> Result<Head, StoreError> {
        on(&self.readers, async |connection| {
            sqlx::query("SELECT position, hash, recorded_at FROM log_head WHERE only_row = 1")
                .try_map(|row| {
                    Ok(Head {
                        position: row::number(&row, 0)?,
                        hash: row::hash(&row, 1)?,
                        recorded_at: row::time(&row, 2)?,
                    })
                })
                .fetch_one(connection)
                .await
        })
        .await
    }

    pub(crate) fn head_hint(&self) -> watch::Receiver<Position> {
        self.hints.subscribe()
    }

    pub(crate) async fn close(&self) {
        if let Some(appends) = &self.appends {
            appends.writer().lock().await.close().await;
        }
        if let Some(side) = &self.side {
            side.close().await;
        }
        self.hints.close().await;
        self.readers.close().await;
    }

    /// Runs one statement in a task of its own; how many rows it changed.
    async fn changes(&self, statement: Write) -> Result<u64, StoreError> {
        let side = self.side.clone().ok_or_else(StoreError::only_reading)?;
        let task = tokio::spawn(async move {
            on(&side, async |connection| Ok(statement.execute(connection).await?.rows_affected()))
                .await
        });
        task.await.unwrap_or_else(|ended| Err(StoreError::Unavailable(ended.to_string())))
    }
}
