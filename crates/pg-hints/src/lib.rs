//! Hints between processes that a position moved: NOTIFY after the commit, from another connection, and LISTEN.
//!
//! The event store hints at its head, the read model at its projections' positions. Hints are best effort: commits
//! never wait for one, many commits may share one, and one may get lost. The tables are the truth. A channel with an
//! [`Ask`] queries them itself when it begins to listen, and whenever it has received nothing for a while.

use sqlx::postgres::{PgListener, PgPool};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// The pause after a failure to listen, ask or notify.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the database may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// One kind of hint, in the database that its position belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Channel {
    /// The name to NOTIFY and LISTEN.
    pub name: &'static str,
    /// Which positions are news.
    pub news: News,
    /// How to query for what no hint reported.
    pub ask: Option<Ask>,
}

/// Which positions wake the waiting tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Only a position above all earlier ones: for something that only grows.
    Higher,
    /// Every position: several things move, each at its own pace.
    Every,
}

/// A question whose answer is the position.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// Gives one row with one `bigint`.
    pub sql: &'static str,
    /// It is asked when nothing was received for this long.
    pub every: Duration,
}

/// Hints from this process and from others, until dropped.
#[derive(Debug)]
pub struct Hints {
    channel: Channel,
    moved: watch::Sender<u64>,
    committed: watch::Sender<u64>,
    pool: PgPool,
    tasks: [AbortHandle; 2],
}

impl Hints {
    /// Listens on one connection of the pool, which it keeps, and now and then queries and notifies on another.
    /// `position` is the present position.
    #[must_use]
    pub fn follow(channel: Channel, pool: PgPool, position: u64) -> Self {
        let moved = watch::Sender::new(position);
        let (committed, news) = watch::channel(position);
        let listening = tokio::spawn(listen(channel, pool.clone(), moved.clone()));
        let notifying = tokio::spawn(notify(channel, pool.clone(), news));
        let tasks = [listening.abort_handle(), notifying.abort_handle()];
        Self { channel, moved, committed, pool, tasks }
    }

    /// Reports that a commit of this process reached this position.
    pub fn tell(&self, position: u64) {
        self.channel.news.pass_on(&self.moved, position);
        self.channel.news.pass_on(&self.committed, position);
    }

    /// The last position that was news.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Ends hints to and from others, and closes the pool.
    pub async fn close(&self) {
        self.end();
        self.pool.close().await;
    }

    fn end(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        self.end();
    }
}

impl News {
    fn pass_on(self, known: &watch::Sender<u64>, position: u64) {
        known.send_if_modified(|known| {
            let is_news = self == Self::Every || position > *known;
            if is_news {
                *known = position;
            }
            is_news
        });
    }
}

async fn listen(channel: Channel, pool: PgPool, moved: watch::Sender<u64>) {
    loop {
        if let Err(error) = listen_while_connected(channel, &pool, &moved).await {
            tracing::debug!(channel.name, %error, "hints of other processes are not heard; trying again");
        }
        sleep(PAUSE).await;
    }
}

/// Returns when the connection is lost; hints that were sent meanwhile are lost, too.
async fn listen_while_connected(
    Channel { name, news, ask }: Channel,
    pool: &PgPool,
    moved: &watch::Sender<u64>,
) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(name).await?;
    // No hint reports what moved before this connection listened, so it is queried.
    if let Some(ask) = ask {
        news.pass_on(moved, position(pool, ask).await?);
    }
    loop {
        let heard = match ask {
            Some(ask) => match timeout(ask.every, listener.try_recv()).await {
                Ok(heard) => heard?,
                Err(_) => {
                    news.pass_on(moved, position(pool, ask).await?);
                    continue;
                }
            },
            None => listener.try_recv().await?,
        };
        let Some(heard) = heard else { return Ok(()) };
        news.pass_on(moved, heard.payload().parse().unwrap_or(0));
    }
}

async fn position(pool: &PgPool, ask: Ask) -> sqlx::Result<u64> {
    let asked = sqlx::query_scalar::<_, i64>(ask.sql).fetch_one(pool);
    let position =
        timeout(ANSWER_TIMEOUT, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
    Ok(u64::try_from(position).unwrap_or(0))
}

async fn notify(channel: Channel, pool: PgPool, mut news: watch::Receiver<u64>) {
    while news.changed().await.is_ok() {
        let position = news.borrow_and_update().to_string();
        let sent = sqlx::query("SELECT pg_notify($1, $2)")
            .bind(channel.name)
            .bind(position)
            .execute(&pool);
        if !matches!(timeout(ANSWER_TIMEOUT, sent).await, Ok(Ok(_))) {
            tracing::debug!(channel.name, "other processes got no hint; they ask by themselves");
            sleep(PAUSE).await;
        }
    }
}
