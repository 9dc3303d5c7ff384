//! The connection that writes: opened when needed, given back only when nothing is left open on it.
//!
//! Whoever writes takes the connection out. If that work ends in any unexpected way (an error that cannot be rolled
//! back, a panic), the connection is simply not put back, SQLite rolls back when it is dropped, and the next one
//! opens another. So a transaction can never leak from one append into the next.

use super::at_once::Texts;
use super::refusal;
use crate::recent::Recent;
use crate::versions::{KnownVersions, Tip};
use crate::{Capacities, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::sync::Arc;

/// Owns the write connection; used by one task at a time.
#[derive(Debug)]
pub(super) struct Writer {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    closed: bool,
    /// Stream versions that need not be asked for.
    pub(super) known: KnownVersions,
    /// What was committed last.
    pub(super) recent: Arc<Recent>,
    /// Where that left the log; `None` when it must be read.
    pub(super) tip: Option<Tip>,
    pub(super) texts: Texts,
}

/// What became of a transaction that was to be rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RolledBack {
    /// It was open until then, so nothing of it is stored.
    Yes,
    /// There was none any more, or nobody could be asked.
    Unknown,
}

impl Writer {
    pub(super) fn new(
        options: SqliteConnectOptions,
        recent: Arc<Recent>,
        capacities: &Capacities,
    ) -> Self {
        let options =
            options.create_if_missing(false).statement_cache_capacity(capacities.sqlite_statements);
        Self {
            options,
            connection: None,
            closed: false,
            known: KnownVersions::new(capacities.known_streams),
            recent,
            tip: None,
            texts: Texts::new(capacities.texts),
        }
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
