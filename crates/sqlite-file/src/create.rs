//! Creates or migrates a file while other processes may do the same.

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
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|extended| extended & 0xff == BUSY)
}
