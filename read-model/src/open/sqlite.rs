//! The read tables in a SQLite file: connections and their settings.
//!
//! Derived data: WAL with `synchronous=NORMAL`, because what a power cut takes away the checkpoint in the same file
//! forgets too, and the projector folds it again.

use super::{VERSION, migration_failed, not_migrated};
use crate::read::order::Asked;
use crate::write::insert::Texts;
use crate::{Access, ReadModel, ReadModelError, SqliteReadModel};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/read-model/sqlite");

/// How long SQLite waits for another process's transaction before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Snapshot readers; more would only queue on two cores.
const READERS: u32 = 8;
/// Rows that a connection reads ahead of whoever takes them: rows may be large, and every reader holds so many.
const ROWS_AHEAD: usize = 8;
/// Prepared statements kept on each connection.
const STATEMENTS: usize = 512;
/// How often a migration that met another process's is tried.
const MIGRATE_ATTEMPTS: u32 = 5;
/// The pause between those attempts.
const MIGRATE_PAUSE: Duration = Duration::from_millis(200);

/// Opens `sqlite://path`.
pub(crate) async fn open(url: &str, access: Access) -> Result<ReadModel, ReadModelError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| ReadModelError::InvalidUrl(format!("the read model's URL: {error}")))?
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(false)
        // Statement journals of bulk writes and sorts stay off the disk.
        .pragma("temp_store", "MEMORY")
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();
    let writer = match access {
        Access::ReadWrite => Some(open_writer(&options).await?),
        Access::ReadOnly => None,
    };
    let readers = open_readers(options).await?;
    check_version(&readers).await?;
    let (moved, _) = watch::channel(0);
    Ok(ReadModel::Sqlite(Arc::new(SqliteReadModel {
        readers,
        writer,
        moved,
        texts: Texts::default(),
        asked: Asked::default(),
    })))
}

/// One connection that creates the file, migrates it and then writes.
async fn open_writer(options: &SqliteConnectOptions) -> Result<SqlitePool, ReadModelError> {
    let options = options
        .clone()
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", "-32768")
        .pragma("wal_autocheckpoint", "4000");
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection to a file does not go away; asking it first would be one more way to its thread and back.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_release(|connection, _| {
            Box::pin(async move {
                // A full or failing disk makes SQLite roll back by itself; then sqlx's own rollback fails and it
                // believes in the transaction for ever. The ping waits for that rollback; such a connection goes.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(options)
        .await?;
    migrate(&writer).await?;
    sqlx::query("INSERT INTO secrets (name, value) VALUES ('cursor', randomblob(32)) ON CONFLICT DO NOTHING")
        .execute(&writer)
        .await?;
    Ok(writer)
}

/// Connections that cannot write. (Opened read-write below, so that they can recover a crashed writer's WAL.)
async fn open_readers(options: SqliteConnectOptions) -> Result<SqlitePool, ReadModelError> {
    let file = options.get_filename().display().to_string();
    let options =
        options.create_if_missing(false).row_buffer_size(ROWS_AHEAD).pragma("query_only", "ON");
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None);
    readers.connect_with(options).await.map_err(|error| {
        ReadModelError::Unavailable(format!(
            "{file} cannot be opened ({error}); start the projector first, it creates the read model"
        ))
    })
}

async fn migrate(writer: &SqlitePool) -> Result<(), ReadModelError> {
    let mut attempt = 1;
    loop {
        match MIGRATIONS.run(writer).await {
            Ok(()) => return Ok(()),
            // Two processes may create the same file at once: the second finds the first one's tables.
            Err(error) if attempt < MIGRATE_ATTEMPTS => match migration_failed(&error) {
                ReadModelError::Unavailable(reason) => {
                    tracing::debug!(reason, attempt, "migration will be tried again");
                    attempt += 1;
                    tokio::time::sleep(MIGRATE_PAUSE).await;
                }
                final_error => return Err(final_error),
            },
            Err(error) => return Err(migration_failed(&error)),
        }
    }
}

/// Refuses a schema that is older or newer than this build's.
async fn check_version(readers: &SqlitePool) -> Result<(), ReadModelError> {
    let found =
        sqlx::query_scalar(VERSION).fetch_one(readers).await.map_err(|error| match error {
            sqlx::Error::Database(error) if error.message().contains("no such table") => {
                not_migrated()
            }
            error => error.into(),
        })?;
    super::check_version(&MIGRATIONS, found)
}

/// Reachable and of this build's version?
pub(crate) async fn ping(model: &SqliteReadModel) -> Result<(), ReadModelError> {
    check_version(&model.readers).await
}

/// Closes all connections, the writer last, so that it can fold the WAL into the file.
pub(crate) async fn close(model: &SqliteReadModel) {
    model.readers.close().await;
    if let Some(writer) = &model.writer {
        writer.close().await;
    }
}
