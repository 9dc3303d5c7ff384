//! The connection that writes: opened when needed, given back only when nothing is left open on it.
//!
//! Each caller takes the connection out. If its work ends in any unexpected way (an error that cannot be rolled back, a
//! panic), the connection is simply not put back, SQLite rolls back when it is dropped, and the next caller opens
//! another. So a transaction can never leak from one append into the next.
//!
//! An append takes the fast path (`fast_path`) where the last commit was our own, and the slow path (`slow_path`)
//! everywhere else.

use super::insert::StatementCache;
use super::refusal;
use crate::crash::{self, Point};
use crate::group_commit::Transact;
use crate::known_streams::{KnownStreams, Tip};
use crate::plan::Plan;
use crate::tail_cache::TailCache;
use crate::{Append, AppendError, Appended, Capacities, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::sync::Arc;

/// Owns the write connection; used by one task at a time.
#[derive(Debug)]
pub(super) struct Writer {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    closed: bool,
    /// Ends of streams that need not be looked up.
    pub(super) known: KnownStreams,
    /// What was committed last.
    pub(super) tail: Arc<TailCache>,
    /// Where that left the log; `None` when it must be read.
    pub(super) tip: Option<Tip>,
    pub(super) statements: StatementCache,
}

impl Transact for Writer {
    async fn append(&mut self, group: &[Append]) -> Result<Vec<Appended>, AppendError> {
        crash::pass(Point::BeforeBegin);
        match self.fast_path(group).await {
            Some(done) => done,
            None => self.slow_path(group).await,
        }
    }
}

/// The result of rolling back a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RolledBack {
    /// The transaction was still open, so nothing of it is stored.
    Yes,
    /// The transaction had ended already, or the connection did not answer.
    Unknown,
}

impl Writer {
    pub(super) fn new(
        options: SqliteConnectOptions,
        tail: Arc<TailCache>,
        capacities: &Capacities,
    ) -> Self {
        let options =
            options.create_if_missing(false).statement_cache_capacity(capacities.sqlite_statements);
        Self {
            options,
            connection: None,
            closed: false,
            known: KnownStreams::new(capacities.known_streams),
            tail,
            tip: None,
            statements: StatementCache::new(capacities.bulk_statements),
        }
    }

    /// Notes a commit that led to `revision`. If others append too, the next append does not take the fast path, where it
    /// would mostly lose.
    pub(super) fn committed(&mut self, plan: &Plan<'_>, revision: i64, alone: bool) {
        let ends = plan.streams.iter().map(|(stream, end)| (*stream, *end));
        self.known.committed(revision, ends);
        self.tail.committed(plan);
        self.tip = alone.then_some(Tip { head: plan.head, revision });
    }

    /// The connection, with no transaction open.
    pub(super) async fn take(&mut self) -> Result<SqliteConnection, StoreError> {
        if self.closed {
            return Err(StoreError::Unavailable("it is closed".to_owned()));
        }
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.options.connect().await.map_err(refusal),
        }
    }

    /// Gives it back after work that ended well.
    pub(super) fn put_back(&mut self, connection: SqliteConnection) {
        self.connection = Some(connection);
    }

    /// Gives it back after work that failed: rolled back, or not at all.
    pub(super) async fn roll_back(&mut self, mut connection: SqliteConnection) -> RolledBack {
        if sqlx::query("ROLLBACK").execute(&mut connection).await.is_err() {
            return RolledBack::Unknown;
        }
        self.connection = Some(connection);
        RolledBack::Yes
    }

    pub(super) async fn close(&mut self) {
        self.closed = true;
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "closing the event store's write connection");
        }
    }
}
