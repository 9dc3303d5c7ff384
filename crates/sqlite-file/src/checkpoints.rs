//! Copies the WAL into the database file while the writer goes on.
//!
//! Left to itself, SQLite does this in the commit that makes the WAL too long. It then copies tens of megabytes and
//! flushes twice, while every client waits for that commit. Here a separate connection copies in the background. That
//! never ends a WAL to which a writer keeps adding. So a long WAL is finally copied in the writer's turn: only the
//! newest pages are left then, and the writer starts the WAL from its beginning.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// The writers' setting `wal_autocheckpoint`, in pages: the safety net below [`Checkpoints`], which act far earlier.
pub const AUTOCHECKPOINT: &str = "100000";

/// How often the WAL is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// From this many uncopied pages (4 MiB) on they are copied. A larger flush would keep the disk from other commits.
const MANY: i64 = 1_000;
/// From this many pages (64 MiB) on a WAL is ended.
const LONG: i64 = 16_000;

/// The task that makes checkpoints; it ends when this is dropped.
#[derive(Debug)]
pub struct Checkpoints {
    ending: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// A WAL, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wal {
    length: i64,
    copied: i64,
}

/// The modes of `PRAGMA wal_checkpoint` that are used here.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// Only reports the sizes.
    Noop,
    /// Copies what it can without making a writer or reader wait.
    Passive,
    /// Copies everything; no writer may be active.
    Full,
}

impl Checkpoints {
    /// Makes checkpoints of this file from now on. `turn` waits until no task in this process writes, and keeps writers
    /// out while its result is held. Call it within a runtime.
    #[must_use]
    pub fn keep<T, W>(file: SqliteConnectOptions, turn: T) -> Self
    where
        T: Fn() -> W + Send + Sync + 'static,
        W: Future<Output: Send> + Send,
    {
        let ending = Arc::new(Notify::new());
        let ended = Arc::clone(&ending);
        let task = tokio::spawn(async move {
            let mut ticks = interval(LOOK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut connection = None;
            loop {
                tokio::select! {
                    () = ended.notified() => break,
                    _ = ticks.tick() => {}
                }
                connection = match look(connection, &file, &turn).await {
                    Ok(connection) => Some(connection),
                    Err(error) => {
                        // SQLite's automatic checkpoint is the safety net; this is tried again.
                        tracing::debug!(%error, "a checkpoint was not made");
                        None
                    }
                };
            }
            if let Some(connection) = connection
                && let Err(error) = connection.close().await
            {
                tracing::debug!(%error, "the checkpoint connection did not close cleanly");
            }
        });
        Self { ending, task: Mutex::new(Some(task)) }
    }

    /// Stops the checkpoints and closes their connection, so that the last connection to close can fold the WAL into
    /// the file.
    pub async fn end(&self) {
        self.ending.notify_one();
        let task = self.task().take();
        if let Some(task) = task {
            // A task that panicked has ended, too.
            task.await.ok();
        }
    }

    fn task(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        if let Some(task) = self.task().take() {
            task.abort();
        }
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
        // No busy timeout: what a reader of an older state or another process's writer blocks is copied next time.
        None => {
            file.clone().create_if_missing(false).busy_timeout(Duration::ZERO).connect().await?
        }
    };
    let wal = checkpoint(&mut connection, Mode::Noop).await?;
    if wal.length - wal.copied >= MANY || wal.length >= LONG {
        checkpoint(&mut connection, Mode::Passive).await?;
        if wal.length >= LONG {
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
    use sqlx::sqlite::SqliteJournalMode;
    use tempfile::TempDir;

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
    async fn a_wal_that_grows_all_the_while_is_copied_and_restarted() {
        let directory = tempfile::tempdir().unwrap();
        let (file, mut connection) = writer(&directory).await;
        let turns = Arc::new(tokio::sync::Mutex::new(()));
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
    async fn a_reader_that_stands_still_does_not_block_the_writer() {
        let directory = tempfile::tempdir().unwrap();
        let (file, mut connection) = writer(&directory).await;
        let mut reader = file.clone().connect().await.unwrap();
        sqlx::raw_sql("BEGIN; SELECT COUNT(*) FROM t").execute(&mut reader).await.unwrap();
        while checkpoint(&mut connection, Mode::Noop).await.unwrap().length < LONG {
            write(&mut connection).await;
        }
        // SQLite's own patience with a reader is 5 s, each time.
        let (begun, turn) = (std::time::Instant::now(), async || {});
        let mut looking = None;
        for _ in 0..20 {
            looking = Some(look(looking, &file, &turn).await.unwrap());
            write(&mut connection).await;
        }
        assert!(begun.elapsed() < TIMEOUT / 6, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn after_its_end_the_last_connection_leaves_no_wal() {
        let directory = tempfile::tempdir().unwrap();
        let (file, mut connection) = writer(&directory).await;
        let checkpoints = Checkpoints::keep(file, async || {});
        for _ in 0..10 {
            write(&mut connection).await;
        }
        let wal = directory.path().join("file.db-wal");
        assert!(wal.exists());
        checkpoints.end().await;
        connection.close().await.unwrap();
        assert!(!wal.exists());
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
