//! The read tables in a SQLite file: connections and their settings.
//!
//! Derived data: WAL with `synchronous=NORMAL`. A power cut that loses rows also loses the checkpoint in the same file,
//! and the projector folds the events again.

use super::{VERSION, migration_failed, not_migrated};
use crate::db::{Access, ReadModel, ReadModelError, SqliteReadModel, StatementCache};
use crate::schema;
use sqlite_file::{AUTOCHECKPOINT, Checkpoints, Connections};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long SQLite waits for another process's transaction before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Readers of single statements; more would only queue on two cores.
const READERS: usize = 4;
/// Readers of many rows.
const LONG_READERS: u32 = 4;
/// Rows that a connection reads ahead. Rows may be large, and each reader holds this many.
const ROWS_AHEAD: usize = 8;
/// Prepared statements kept on each connection.
const STATEMENTS: usize = 512;

/// Opens `sqlite://path`, whose path [`sqlite_file::file_of`] reads.
pub(crate) async fn open(
    url: &str,
    access: Access,
    migrations: &Migrator,
) -> Result<ReadModel, ReadModelError> {
    let file = sqlite_file::file_of(url).map_err(|refused| {
        ReadModelError::InvalidUrl(format!("the read model's URL: {refused}"))
    })?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(false)
        // Keeps statement journals of bulk writes and sorts in memory.
        .pragma("temp_store", "MEMORY")
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();
    let (writer, checkpoints) = match access {
        Access::ReadWrite => {
            let options = options.clone().synchronous(SqliteSynchronous::Normal);
            let writer = open_writer(&options, migrations).await?;
            let turns = Arc::clone(&writer);
            let checkpoints = Checkpoints::keep(options, move || Arc::clone(&turns).turn());
            (Some(writer), Some(checkpoints))
        }
        Access::ReadOnly => (None, None),
    };
    let options = options.create_if_missing(false).pragma("query_only", "ON");
    let long_readers = open_long_readers(&options).await?;
    let schema_version = schema::version(migrations);
    check_version(&long_readers, schema_version).await?;
    let (moved, _) = watch::channel(0);
    Ok(ReadModel::Sqlite(Arc::new(SqliteReadModel {
        readers: Connections::new(options, READERS),
        long_readers,
        writer,
        checkpoints,
        moved,
        statements: StatementCache::default(),
        schema_version,
    })))
}

/// One connection that creates the file, migrates it and then writes.
async fn open_writer(
    options: &SqliteConnectOptions,
    migrations: &Migrator,
) -> Result<Arc<Connections>, ReadModelError> {
    let options = options
        .clone()
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("cache_size", "-32768")
        .pragma("wal_autocheckpoint", AUTOCHECKPOINT);
    let writer = Connections::new(options, 1);
    let mut connection = sqlite_file::while_locked(BUSY_TIMEOUT, || writer.lend()).await?;
    let migrated = sqlite_file::migrate(&mut connection, migrations).await;
    migrated.map_err(|error| migration_failed(&error))?;
    sqlx::query("INSERT INTO secrets (name, value) VALUES ('cursor', randomblob(32)) ON CONFLICT DO NOTHING")
        .execute(&mut *connection)
        .await?;
    connection.give_back();
    Ok(writer)
}

/// Connections that cannot write. (They are opened read-write below, so that they can recover a crashed writer's WAL.)
async fn open_long_readers(options: &SqliteConnectOptions) -> Result<SqlitePool, ReadModelError> {
    let file = options.get_filename().display().to_string();
    let readers = SqlitePoolOptions::new()
        .max_connections(LONG_READERS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None);
    let options = options.clone().row_buffer_size(ROWS_AHEAD);
    let there = options.get_filename().exists();
    readers.connect_with(options).await.map_err(|error| match there {
        true => ReadModelError::Unavailable(format!("{file} cannot be opened: {error}")),
        false => ReadModelError::Missing(format!(
            "{file} is not there; start the projector first, it creates the read model"
        )),
    })
}

/// Refuses a schema that is older or newer than this build's.
async fn check_version(readers: &SqlitePool, expected: i64) -> Result<(), ReadModelError> {
    let found =
        sqlx::query_scalar(VERSION).fetch_one(readers).await.map_err(|error| match error {
            sqlx::Error::Database(error) if error.message().contains("no such table") => {
                not_migrated()
            }
            error => error.into(),
        })?;
    super::check_version(expected, found)
}

/// Checks that the file is readable and has this build's version.
pub(crate) async fn ping(model: &SqliteReadModel) -> Result<(), ReadModelError> {
    check_version(&model.long_readers, model.schema_version).await
}

/// Closes all connections, the writer last, so that it can fold the WAL into the file.
pub(crate) async fn close(model: &SqliteReadModel) {
    if let Some(checkpoints) = &model.checkpoints {
        checkpoints.end().await;
    }
    model.readers.close().await;
    model.long_readers.close().await;
    if let Some(writer) = &model.writer {
        writer.close().await;
    }
}
