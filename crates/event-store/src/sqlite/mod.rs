//! The log in one SQLite file: one connection that writes, a few that read.
//!
//! WAL with synchronous=FULL: a commit is on the disk when it is answered, and readers and the writer never wait for each
//! other. WAL checkpoints run during the writer's work and keep the WAL short, because nothing here reads in long
//! transactions. Other processes may append to the same file. So an append relies only on reads under the write lock, or
//! on our own last commit if the head under the lock is still the same.

mod fast_path;
mod head;
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
use crate::tail_cache::TailCache;
use crate::{Access, Append, AppendError, Appended, Head, Position, StoreError, row};
use sqlite_file::{Checkpoints, primary_code};
use sqlx::SqlitePool;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};
use writer::Writer;

/// The log in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    /// `None` for a handle that only reads.
    appends: Option<GroupCommit<Writer>>,
    access: Access,
    hint: Arc<watch::Sender<Position>>,
    tail: Arc<TailCache>,
    checkpoints: Option<Checkpoints>,
}

impl SqliteStore {
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        if self.access != Access::ReadWrite {
            return Err(StoreError::not_appending().into());
        }
        let appends = self.appends.as_ref().ok_or_else(StoreError::only_reading)?;
        let appended = appends.append(append).await?;
        self.hint.send_if_modified(|known| {
            let moved = appended.head > *known;
            *known = appended.head.max(*known);
            moved
        });
        Ok(appended)
    }

    pub(crate) async fn head(&self) -> Result<Head, StoreError> {
        sqlx::query("SELECT position, hash, recorded_at FROM log_head")
            .try_map(|row| {
                Ok(Head {
                    position: row::number(&row, 0)?,
                    hash: row::hash(&row, 1)?,
                    recorded_at: row::time(&row, 2)?,
                })
            })
            .fetch_one(&self.readers)
            .await
            .map_err(refusal)
    }

    pub(crate) fn head_hint(&self) -> watch::Receiver<Position> {
        self.tail.follow();
        self.hint.subscribe()
    }

    pub(crate) async fn close(&self) {
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.end().await;
        }
        self.tail.close();
        // The writer last: only a connection that may write takes the WAL into the file when it is the last to go.
        self.readers.close().await;
        if let Some(appends) = &self.appends {
            appends.writer().lock().await.close().await;
        }
    }

    /// The writer, for other work than appends; it waits its turn among them.
    fn writer(&self) -> Result<Arc<Mutex<Writer>>, StoreError> {
        let appends = self.appends.as_ref().ok_or_else(StoreError::only_reading)?;
        Ok(Arc::clone(appends.writer()))
    }
}

/// What a failed statement means to the caller. Texts of SQLite name tables and files, never what is in them.
fn refusal(error: sqlx::Error) -> StoreError {
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    match &error {
        sqlx::Error::Database(refused) => match primary_code(&**refused) {
            Some(CORRUPT | NOT_A_DATABASE) => StoreError::Corrupt(error.to_string()),
            _ => StoreError::Unavailable(error.to_string()),
        },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound => StoreError::Corrupt(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// Whether the schema refused a row: its place is taken, or it breaks a constraint.
fn is_refused_row(error: &sqlx::Error) -> bool {
    const CONSTRAINT: i32 = 19;
    error.as_database_error().and_then(primary_code) == Some(CONSTRAINT)
}

#[cfg(test)]
mod tests;
