//! Creates or migrates a file while other processes may do the same.

use crate::primary_code;
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::{Connection, SqliteConnection};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The pause between two attempts at what SQLite refused as locked.
const PAUSE: Duration = Duration::from_millis(5);

/// Repeats `attempt` while SQLite answers that the database is locked, for at most `limit`.
///
/// SQLite's own wait does not cover each case: a change of the journal's mode is refused at once where waiting could be a
/// deadlock (<https://www.sqlite.org/c3ref/busy_handler.html>).
///
/// # Errors
/// The attempt's own, and the last refusal when the time is up.
pub async fn while_locked<T, A>(limit: Duration, mut attempt: impl FnMut() -> A) -> sqlx::Result<T>
where
    A: Future<Output = sqlx::Result<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        match attempt().await {
            Err(error) if is_locked(&error) && Instant::now() < deadline => sleep(PAUSE).await,
            ended => return ended,
        }
    }
}

/// Runs the missing migrations in one transaction, which has the file's write lock from its start. So of several processes
/// one migrates, and the others find it done. A file that lacks none is only read.
///
/// # Errors
/// As [`Migrator::run_direct`], and when the lock is not free within the connection's busy timeout.
pub async fn migrate(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
) -> Result<(), MigrateError> {
    if lacks_none(connection, migrations).await {
        return migrations.run_direct(None, connection, false).await;
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    migrations.run_direct(None, &mut *transaction, false).await?;
    Ok(transaction.commit().await?)
}

async fn lacks_none(connection: &mut SqliteConnection, migrations: &Migrator) -> bool {
    let applied = connection.list_applied_migrations(&migrations.table_name).await;
    applied.is_ok_and(|applied| applied.len() >= migrations.iter().count())
}

fn is_locked(error: &sqlx::Error) -> bool {
    const BUSY: i32 = 5;
    error.as_database_error().and_then(primary_code) == Some(BUSY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::ConnectOptions;
    use sqlx::migrate::{Migration, MigrationType};
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::task::JoinSet;

    /// As long as a test waits for what comes.
    const ENOUGH: Duration = Duration::from_secs(60);

    fn file(directory: &tempfile::TempDir) -> SqliteConnectOptions {
        let file = directory.path().join("file.db");
        SqliteConnectOptions::new().filename(file).create_if_missing(true)
    }

    /// Takes the write lock, and gives it back with the connection; never waits for it.
    async fn lock(file: &SqliteConnectOptions) -> sqlx::Result<SqliteConnection> {
        let mut connection = file.clone().busy_timeout(Duration::ZERO).connect().await?;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
        Ok(connection)
    }

    #[tokio::test]
    async fn what_is_locked_is_tried_until_it_is_free_or_the_time_is_up() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(&directory);
        let held = lock(&file).await.unwrap();
        let (limit, begun) = (Duration::from_millis(50), Instant::now());
        let refused = while_locked(limit, || lock(&file)).await.unwrap_err();
        assert!(is_locked(&refused) && begun.elapsed() >= limit, "{refused}");
        let (freed, waiting) = tokio::join!(
            async {
                sleep(limit).await;
                held.close().await
            },
            while_locked(ENOUGH, || lock(&file))
        );
        freed.unwrap();
        waiting.unwrap().close().await.unwrap();
    }

    #[tokio::test]
    async fn another_error_is_final() {
        let directory = tempfile::tempdir().unwrap();
        let (missing, attempts) = (file(&directory).create_if_missing(false), AtomicUsize::new(0));
        let connecting = while_locked(ENOUGH, || {
            attempts.fetch_add(1, Ordering::Relaxed);
            missing.connect()
        });
        connecting.await.unwrap_err();
        assert_eq!(attempts.into_inner(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_several_that_migrate_at_once_one_does_it_and_none_is_refused() {
        let migration = |version, sql| {
            let (name, sql) = ("table".into(), sqlx::SqlSafeStr::into_sql_str(sql));
            Migration::new(version, name, MigrationType::Simple, sql, false)
        };
        let list = vec![migration(1, "CREATE TABLE a (x)"), migration(2, "CREATE TABLE b (x)")];
        let directory = tempfile::tempdir().unwrap();
        let file = file(&directory).journal_mode(SqliteJournalMode::Wal).busy_timeout(ENOUGH);
        let mut starting = JoinSet::new();
        for _ in 0..8 {
            let (file, list) = (file.clone(), list.clone());
            starting.spawn(async move {
                let mut connection = while_locked(ENOUGH, || file.connect()).await.unwrap();
                migrate(&mut connection, &Migrator::with_migrations(list)).await.unwrap();
                connection.close().await.unwrap();
            });
        }
        starting.join_all().await;
        let mut connection = file.connect().await.unwrap();
        // Nothing is missing now, so a writer that holds the lock does not stop a start.
        let _held = lock(&file).await.unwrap();
        migrate(&mut connection, &Migrator::with_migrations(list)).await.unwrap();
    }
}
