//! Connections to the SQLite file, lent one at a time and given back after work that ended well.
//!
//! sqlx's own pool tests a connection whenever it comes back, which costs each read one more trip to the connection's
//! thread. A connection to a file does not go away. Only work that failed or was dropped half-way can leave a statement
//! or transaction open. Such a connection is closed instead of given back: SQLite rolls back, and the next borrower
//! opens another.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a borrower waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// A pool of connections with the same settings.
#[derive(Debug)]
pub struct Connections {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    turns: Arc<Semaphore>,
}

impl Connections {
    /// At most `most` connections at a time; each is opened when needed.
    #[must_use]
    pub fn new(options: SqliteConnectOptions, most: usize) -> Arc<Self> {
        let turns = Arc::new(Semaphore::new(most));
        Arc::new(Self { options, idle: Mutex::default(), turns })
    }

    /// Waits for a turn like a borrower, but takes no connection.
    ///
    /// # Errors
    /// When none comes in time, or [`Connections::close`] was called.
    pub async fn turn(self: Arc<Self>) -> sqlx::Result<OwnedSemaphorePermit> {
        let turn = timeout(TURN_TIMEOUT, Arc::clone(&self.turns).acquire_owned()).await;
        turn.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)
    }

    /// Lends the next free connection, or opens one.
    ///
    /// # Errors
    /// When it cannot be opened, none becomes free in time, or [`Connections::close`] was called.
    pub async fn lend(self: &Arc<Self>) -> sqlx::Result<Lent> {
        let turn = Arc::clone(self).turn().await?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(Lent { connection: Some(connection), home: Arc::clone(self), _turn: turn })
    }

    /// Lends no more, and closes the connections that were given back.
    pub async fn close(&self) {
        self.turns.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a connection did not close cleanly");
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. Closed when dropped.
#[derive(Debug)]
pub struct Lent {
    connection: Option<SqliteConnection>,
    home: Arc<Connections>,
    _turn: OwnedSemaphorePermit,
}

const HERE: &str = "it is taken out only when it is given back";

impl Lent {
    /// Call it after work that ended well: no transaction is open, and no statement is unfinished.
    pub fn give_back(mut self) {
        if let Some(connection) = self.connection.take()
            && !self.home.turns.is_closed()
        {
            self.home.idle().push(connection);
        }
    }
}

impl Deref for Lent {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect(HERE)
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect(HERE)
    }
}
