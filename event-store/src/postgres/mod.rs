//! The log in a PostgreSQL database: one connection that appends, pools that read and that keep what stands beside it.
//!
//! Any number of processes may append to one log. The head row is locked first, in a statement of its own, and stays
//! locked until the commit: every later statement sees all that was committed before, positions follow the order of the
//! commits, and a reader that sees a position sees every lower one. Commits wait for the disk. A connection that is
//! lost is made again by itself; an answer that does not come in time counts as one.

mod answers;
mod append;
mod at_once;
mod hints;
mod insert;
mod lease;
mod open;
mod read;
mod settle;
mod snapshots;
mod verify;
mod writer;

use crate::{Append, AppendError, Appended, Head, Position, StoreError, row};
use hints::Hints;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, PgPool, Postgres};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use writer::Writer;

/// How long an answer of the database is waited for before the connection is given up. Above every time that the
/// server itself would take before it gives up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A statement that is at home in a task of its own.
type Write = Query<'static, Postgres, PgArguments>;

/// The log in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    readers: PgPool,
    /// `None` for a handle that does not append.
    writer: Option<Arc<Mutex<Writer>>>,
    /// Leases, snapshots, what is forgotten: nothing that need wait for the log's lock. `None` for a handle that only
    /// reads.
    beside: Option<PgPool>,
    hints: Arc<Hints>,
}

impl PostgresStore {
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let writer = self.writer.as_ref().map(Arc::clone).ok_or_else(StoreError::not_appending)?;
        let appended = writer.lock().await.append(&append).await?;
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
        if let Some(writer) = &self.writer {
            writer.lock().await.close().await;
        }
        if let Some(beside) = &self.beside {
            beside.close().await;
        }
        self.hints.close().await;
        self.readers.close().await;
    }

    /// Runs one statement in a task of its own; how many rows it changed.
    async fn changes(&self, statement: Write) -> Result<u64, StoreError> {
        let beside = self.beside.clone().ok_or_else(StoreError::only_reading)?;
        let task = tokio::spawn(async move {
            on(&beside, async |connection| Ok(statement.execute(connection).await?.rows_affected()))
                .await
        });
        task.await.unwrap_or_else(|ended| Err(StoreError::Unavailable(ended.to_string())))
    }
}

/// Does some work on a connection of the pool. If the answer does not come, the connection goes.
async fn on<T>(
    pool: &PgPool,
    work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> Result<T, StoreError> {
    let mut connection = pool.acquire().await.map_err(refusal)?;
    match timeout(ANSWER_TIMEOUT, work(&mut connection)).await {
        Ok(done) => done.map_err(refusal),
        Err(_) => {
            drop(connection.detach());
            Err(refusal(no_answer()))
        }
    }
}

/// The error for an answer that did not come in time.
fn no_answer() -> sqlx::Error {
    let waited = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, waited))
}

/// Whether another connection may do better. Nothing that was not committed outlives the one that is lost.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            // Ended by somebody, by a crash, by a timeout; or a server that has become a standby.
            let ended = ["57P01", "57P02", "57P05", "25P03", "25006"];
            code.starts_with("08") || ended.contains(&&*code)
        }),
        _ => false,
    }
}

/// What a failed statement means to the caller. Messages of PostgreSQL name tables and roles, never what is in rows
/// (that would be their detail, which is left out), nor passwords.
fn refusal(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => {
            let message = database.message();
            match database.code().as_deref() {
                Some("XX001" | "XX002") => StoreError::Corrupt(message.to_owned()),
                Some("42P01" | "42703" | "3F000") => StoreError::Corrupt(format!(
                    "{message}; the database does not hold this program's event log"
                )),
                Some("42501") => StoreError::Unavailable(format!(
                    "{message}; grant what deploy/postgres/event-store-roles.sql grants"
                )),
                _ => StoreError::Unavailable(format!("PostgreSQL says: {message}")),
            }
        }
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound => StoreError::Corrupt(error.to_string()),
        sqlx::Error::PoolClosed => StoreError::Unavailable("it is closed".to_owned()),
        sqlx::Error::PoolTimedOut => StoreError::Unavailable(
            "no connection to PostgreSQL became free or could be made in time".to_owned(),
        ),
        _ => StoreError::Unavailable(format!(
            "PostgreSQL does not answer ({error}); see that it runs and can be reached, \
             it is connected to again by itself"
        )),
    }
}
