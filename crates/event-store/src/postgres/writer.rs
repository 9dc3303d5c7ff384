//! The connection that appends: opened when needed, kept only when nothing is left open on it.
//!
//! Each append takes the connection out. If that ends in any unexpected way (an error that cannot be rolled back, a
//! panic), the connection is not put back; the server rolls back when it is dropped, and the next append opens another.
//! So a transaction can never leak from one append into the next, and a lost connection costs one append's retry.
//!
//! An append takes the fast path (`fast_path`) where the last commit was our own, and the slow path (`slow_path`)
//! everywhere else.

use super::connect::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, is_lost, no_answer, refusal};
use crate::crash::{self, Point};
use crate::group_commit::Transact;
use crate::known_streams::{KnownStreams, Tip};
use crate::plan::Plan;
use crate::{Append, AppendError, Appended, Capacities, StoreError};
use pg_connect::PATIENCE;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;

/// Owns the connection that appends; used by one task at a time.
pub(super) struct Writer {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    closed: bool,
    /// Ends of streams that need not be looked up.
    pub(super) known: KnownStreams,
    /// Where our own last commit left the log; `None` when it must be read.
    pub(super) tip: Option<Tip>,
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

/// The options hold a password.
impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Writer").field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl Writer {
    /// Connects, so that a server which does not keep its commits is refused before anything relies on it.
    pub(super) async fn open(
        options: PgConnectOptions,
        capacities: &Capacities,
    ) -> Result<Self, StoreError> {
        let known = KnownStreams::new(capacities.known_streams);
        let mut writer = Self { options, connection: None, closed: false, known, tip: None };
        let connection = writer.connect(PATIENCE).await?;
        writer.put_back(connection);
        Ok(writer)
    }

    /// Notes a commit that led to `revision`. If others append too, the next append does not take the fast path, where it
    /// would mostly lose.
    pub(super) fn committed(&mut self, plan: &Plan<'_>, revision: i64, alone: bool) {
        let ends = plan.streams.iter().map(|(stream, end)| (*stream, *end));
        self.known.committed(revision, ends);
        self.tip = alone.then_some(Tip { head: plan.head, revision });
    }

    /// The connection, with no transaction open.
    pub(super) async fn take(&mut self) -> Result<PgConnection, StoreError> {
        if self.closed {
            return Err(StoreError::Unavailable("it is closed".to_owned()));
        }
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        // Another server may answer now, with a log that ends earlier.
        self.known.forget();
        self.tip = None;
        self.connect(CONNECT_TIMEOUT).await
    }

    async fn connect(&self, limit: Duration) -> Result<PgConnection, StoreError> {
        let connecting = pg_connect::connect(&self.options, limit);
        let mut connection = connecting.await.map_err(refusal)?;
        refuse_forgetful(&mut connection).await?;
        Ok(connection)
    }

    /// Gives it back after work that ended well.
    pub(super) fn put_back(&mut self, connection: PgConnection) {
        self.connection = Some(connection);
    }

    /// Gives it back after work that failed: rolled back, or not at all.
    pub(super) async fn roll_back(
        &mut self,
        mut connection: PgConnection,
        error: Option<&sqlx::Error>,
    ) {
        if error.is_some_and(is_lost) {
            return;
        }
        let done = timeout(ANSWER_TIMEOUT, sqlx::raw_sql("ROLLBACK").execute(&mut connection));
        if matches!(done.await, Ok(Ok(_))) {
            self.connection = Some(connection);
        }
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

/// Refuses a server that may answer a commit before it is on the disk.
async fn refuse_forgetful(connection: &mut PgConnection) -> Result<(), StoreError> {
    let settings = sqlx::query_as(
        "SELECT current_setting('synchronous_commit'), current_setting('fsync'), pg_is_in_recovery()",
    )
    .fetch_one(connection);
    let (synchronous_commit, fsync, standby): (String, String, bool) =
        timeout(ANSWER_TIMEOUT, settings)
            .await
            .unwrap_or_else(|_| Err(no_answer()))
            .map_err(refusal)?;
    if standby {
        return Err(StoreError::Unavailable(
            "this PostgreSQL server is a standby; the URL must name the primary".to_owned(),
        ));
    }
    if synchronous_commit != "on" {
        return Err(StoreError::Unavailable(format!(
            "synchronous_commit is {synchronous_commit} and cannot be switched on; \
             without it a crash forgets what was answered"
        )));
    }
    if fsync != "on" {
        tracing::warn!(
            "the PostgreSQL server runs with fsync = off: a crash may lose answered commands"
        );
    }
    Ok(())
}
