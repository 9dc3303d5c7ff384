//! Hints that the head moved: NOTIFY after the commit, from another connection, LISTEN, and a poll for what got lost.
//!
//! Best effort. Commits never wait for a hint, and many commits may share one. Whoever needs the truth reads the log.

use super::connect::{ANSWER_TIMEOUT, connect_pool, no_answer};
use crate::{Position, StoreError, row};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// The channel, in the log's own database.
const CHANNEL: &str = "orderlog_appended";
/// How long nothing is heard before the head is asked for.
const POLL: Duration = Duration::from_secs(1);
/// The pause after a failure to listen, ask or notify.
const PAUSE: Duration = Duration::from_millis(500);
/// One connection listens, one asks and notifies.
const CONNECTIONS: u32 = 2;

/// Hints from this process and from others.
#[derive(Debug)]
pub(super) struct Hints {
    moved: watch::Sender<Position>,
    committed: watch::Sender<Position>,
    pool: PgPool,
    tasks: [AbortHandle; 2],
}

impl Hints {
    /// Listens, and passes on what this process tells, until dropped.
    pub(super) async fn follow(
        options: PgConnectOptions,
        head: Position,
    ) -> Result<Self, StoreError> {
        let pool = connect_pool(options, CONNECTIONS).await?;
        let moved = watch::Sender::new(head);
        let (committed, told) = watch::channel(head);
        let listening = tokio::spawn(listen(pool.clone(), moved.clone()));
        let notifying = tokio::spawn(notify(pool.clone(), told));
        let tasks = [listening.abort_handle(), notifying.abort_handle()];
        Ok(Self { moved, committed, pool, tasks })
    }

    /// A commit of this process brought the head here.
    pub(super) fn tell(&self, head: Position) {
        raise(&self.moved, head);
        raise(&self.committed, head);
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Position> {
        self.moved.subscribe()
    }

    /// No more hints to or from others.
    pub(super) async fn close(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.pool.close().await;
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn raise(known: &watch::Sender<Position>, head: Position) {
    known.send_if_modified(|known| {
        let moved = head > *known;
        *known = head.max(*known);
        moved
    });
}

async fn listen(pool: PgPool, moved: watch::Sender<Position>) {
    loop {
        if let Err(error) = listen_while_connected(&pool, &moved).await {
            tracing::debug!(%error, "not told of other processes' appends; trying again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen_while_connected(
    pool: &PgPool,
    moved: &watch::Sender<Position>,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // What was told before this connection listened is asked for.
    raise(moved, head(pool).await?);
    loop {
        match timeout(POLL, listener.try_recv()).await {
            Ok(Ok(Some(told))) => raise(moved, told.payload().parse().unwrap_or(0)),
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => raise(moved, head(pool).await?),
        }
    }
}

async fn head(pool: &PgPool) -> sqlx::Result<Position> {
    let head = sqlx::query("SELECT position FROM log_head WHERE only_row = 1")
        .try_map(|row| row::number(&row, 0))
        .fetch_one(pool);
    timeout(ANSWER_TIMEOUT, head).await.unwrap_or_else(|_| Err(no_answer()))
}

async fn notify(pool: PgPool, mut told: watch::Receiver<Position>) {
    while told.changed().await.is_ok() {
        let head = told.borrow_and_update().to_string();
        let sent = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(head).execute(&pool);
        let sent = timeout(ANSWER_TIMEOUT, sent).await;
        if !matches!(sent, Ok(Ok(_))) {
            tracing::debug!("other processes were not told of an append; they poll");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
