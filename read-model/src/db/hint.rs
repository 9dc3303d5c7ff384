//! Telling other processes that a projection moved: NOTIFY after the commit, from another connection, and LISTEN.
//!
//! Best effort. A hint that is lost costs one poll's interval; commits never wait for one, and many commits may share
//! one. Whoever waits for a position asks the tables.

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The channel, in the read model's own database.
const CHANNEL: &str = "orderlog_projection_moved";
/// The pause after a failure to listen or notify.
const PAUSE: Duration = Duration::from_secs(1);

/// Hints from this process and from others.
#[derive(Debug)]
pub(crate) struct Hints {
    moved: watch::Sender<u64>,
    committed: watch::Sender<u64>,
    tasks: [AbortHandle; 2],
}

impl Hints {
    /// Listens, and passes on what this process tells, until dropped.
    pub(crate) fn follow(readers: &PgPool) -> Self {
        let (moved, _) = watch::channel(0);
        let (committed, told) = watch::channel(0);
        let listening = tokio::spawn(listen(readers.clone(), moved.clone()));
        let notifying = tokio::spawn(notify(readers.clone(), told));
        let tasks = [listening.abort_handle(), notifying.abort_handle()];
        Self { moved, committed, tasks }
    }

    /// A commit brought some projection to this position.
    pub(crate) fn tell(&self, position: u64) {
        self.moved.send_replace(position);
        self.committed.send_replace(position);
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// No more hints to or from others.
    pub(crate) fn end(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        self.end();
    }
}

async fn listen(pool: PgPool, moved: watch::Sender<u64>) {
    loop {
        if let Err(error) = listen_while_connected(&pool, &moved).await {
            tracing::debug!(%error, "not told of other processes' progress; polling goes on");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen_while_connected(
    pool: &PgPool,
    moved: &watch::Sender<u64>,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    while let Some(notification) = listener.try_recv().await? {
        moved.send_replace(notification.payload().parse().unwrap_or(0));
    }
    Ok(())
}

async fn notify(pool: PgPool, mut told: watch::Receiver<u64>) {
    while told.changed().await.is_ok() {
        let position = told.borrow_and_update().to_string();
        let sent = sqlx::query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(position)
            .execute(&pool)
            .await;
        if let Err(error) = sent {
            tracing::debug!(%error, "other processes were not told of progress; they poll");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
