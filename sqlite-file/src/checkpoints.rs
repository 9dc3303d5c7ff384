//! Copying the WAL into the file, beside the writer.
//!
//! Left to itself, SQLite does this in the commit that makes the WAL too long: some tens of megabytes copied and two
//! flushes to disk, while everybody waits for that commit. Here a connection of its own copies what has gathered while
//! the writer goes on. That never ends a WAL to which something is added all the while, so a long one is at last copied
//! in the writer's turn: only what came in since, which is little, and the writer begins the WAL anew.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// The setting `wal_autocheckpoint` of those who write, in pages: the net below [`Checkpoints`], which are far earlier.
pub const AUTOCHECKPOINT: &str = "100000";

/// How often the WAL is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// So many pages not yet copied (16 MiB) are copied.
const MANY: i64 = 4_000;
/// A WAL of so many pages (64 MiB) is ended.
const LONG: i64 = 16_000;

/// The task that makes them; ends when dropped.
#[derive(Debug)]
pub struct Checkpoints(JoinHandle<()>);

/// A WAL, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wal {
    length: i64,
    copied: i64,
}

/// The modes of `PRAGMA wal_checkpoint` that are used here.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// Only looks.
    Noop,
    /// Copies what it can without anybody waiting.
    Passive,
    /// Copies everything; the writer waits.
    Full,
}

impl Checkpoints {
    /// Makes checkpoints of this file from now on. `turn` waits until nobody in this process writes, and lets nobody
    /// write while what it gives is held. Called within a runtime.
    #[must_use]
    pub fn keep<T, W>(file: SqliteConnectOptions, turn: T) -> Self
    where
        T: Fn() -> W + Send + Sync + 'static,
        W: Future<Output: Send> + Send,
    {
        Self(tokio::spawn(async move {
            let mut ticks = interval(LOOK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut connection = None;
            loop {
                ticks.tick().await;
                connection = match look(connection, &file, &turn).await {
                    Ok(connection) => Some(connection),
                    Err(error) => {
                        // The writer's own checkpoints are the net; this is tried again.
                        tracing::debug!(%error, "a checkpoint was not made");
                        None
                    }
                };
            }
        }))
    }
}

impl Checkpoints {
    /// Makes no more.
    pub fn end(&self) {
        self.0.abort();
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.end();
    }
}

async fn look<T, W>(
    connection: Option<SqliteConnection>,
    file: &SqliteConnectOptions,
    turn: &T,
) -> sqlx::Result<SqliteConnection>
where
    T: Fn() -> W,
    W: Future,
{
    let mut connection = match connection {
        Some(connection) => connection,
        None => file.clone().create_if_missing(false).connect().await?,
    };
    let wal = checkpoint(&mut connection, Mode::Noop).await?;
    if wal.length - wal.copied >= MANY || wal.length >= LONG {
        let wal = checkpoint(&mut connection, Mode::Passive).await?;
        if wal.length >= LONG && wal.copied < wal.length {
            let _turn = turn().await;
            checkpoint(&mut connection, Mode::Full).await?;
        }
    }
    Ok(connection)
}

async fn checkpoint(connection: &mut SqliteConnection, mode: Mode) -> sqlx::Result<Wal> {
    let sql = format!("PRAGMA wal_checkpoint({mode:?})");
    let (_, length, copied): (i64, i64, i64) =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_one(connection).await?;
    Ok(Wal { length, copied })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Connection;
    use sqlx::sqlite::SqliteJournalMode;
    use std::sync::Arc;
    use tempfile::TempDir;
    use tokio::sync::Mutex;

    const TIMEOUT: Duration = Duration::from_secs(60);

    async fn writer(directory: &TempDir) -> (SqliteConnectOptions, SqliteConnection) {
        let file = SqliteConnectOptions::new()
            .filename(directory.path().join("file.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let writing = file.clone().pragma("wal_autocheckpoint", AUTOCHECKPOINT);
        let mut connection = writing.connect().await.unwrap();
        sqlx::query("CREATE TABLE t (x BLOB)").execute(&mut connection).await.unwrap();
        (file, connection)
    }

    /// Writes about a megabyte.
    async fn write(connection: &mut SqliteConnection) {
        sqlx::query("INSERT INTO t VALUES (randomblob(1000000))")
            .execute(connection)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_wal_that_grows_all_the_while_is_copied_and_begun_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (file, mut connection) = writer(&directory).await;
        let turns = Arc::new(Mutex::new(()));
        let others = Arc::clone(&turns);
        let _checkpoints = Checkpoints::keep(file, move || Arc::clone(&others).lock_owned());
        let (mut most, mut ended) = (0, false);
        let written = async {
            while !ended {
                let turn = turns.lock().await;
                write(&mut connection).await;
                drop(turn);
                let wal = checkpoint(&mut connection, Mode::Noop).await.unwrap();
                ended = most >= LONG && wal.length < most;
                most = most.max(wal.length);
            }
        };
        tokio::time::timeout(TIMEOUT, written).await.expect("the WAL ends");
        assert!(most < LONG * 4, "it grew to {most} pages");
    }

    #[tokio::test]
    async fn a_short_wal_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (file, mut connection) = writer(&directory).await;
        write(&mut connection).await;
        let turn = async || {};
        let connection = look(Some(connection), &file, &turn).await.unwrap();
        let mut connection = look(Some(connection), &file, &turn).await.unwrap();
        assert_eq!(checkpoint(&mut connection, Mode::Noop).await.unwrap().copied, 0);
        connection.close().await.unwrap();
    }
}
