//! Opens the file: creates or migrates it, or refuses a file that is not this log.
//!
//! The cost does not depend on the log's length: only the migrations' table, the head row and the last event are read.

use super::SqliteStore;
use super::refusal;
use super::writer::Writer;
use crate::ends::{ENDS, Ends};
use crate::group_commit::GroupCommit;
use crate::schema::{self, Schema};
use crate::tail_cache::TailCache;
use crate::{Access, Capacities, StoreError};
use faults::{Fault, planted};
use sqlite_file::{AUTOCHECKPOINT, Checkpoints};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::watch;

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(migrations::event_store_on_sqlite);

/// Marks the file as an orderlog event store; written by the first migration.
const APPLICATION_ID: i64 = 0x6f6c_6f67;
/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a read waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_READERS: u32 = 4;
/// Pages that the writer keeps in memory, in KiB below zero: 8 MiB, so that the upper pages of indexes are not read
/// again.
const WRITER_CACHE: &str = "-8192";

/// The schema without its locks, for [`Fault::FalseCreated`].
const ROWS_ARE_SKIPPED: &str = "DROP TRIGGER IF EXISTS log_head_is_the_last_event;
    DROP TRIGGER IF EXISTS events_are_never_replaced;
    CREATE TRIGGER events_are_never_replaced BEFORE INSERT ON events
    WHEN EXISTS (SELECT 1 FROM events WHERE position = NEW.position)
        OR EXISTS (
            SELECT 1 FROM events
            WHERE stream_id = NEW.stream_id AND stream_type = NEW.stream_type AND version = NEW.version
        )
    BEGIN
        SELECT RAISE(IGNORE);
    END";

impl SqliteStore {
    pub(crate) async fn open(
        file: &Path,
        access: Access,
        capacities: Capacities,
    ) -> Result<Self, StoreError> {
        let options = options(file);
        let tail = Arc::new(TailCache::new(&capacities));
        let writing = options
            .clone()
            .pragma("cache_size", WRITER_CACHE)
            .pragma("wal_autocheckpoint", AUTOCHECKPOINT);
        let writer = || GroupCommit::new(Writer::new(writing, Arc::clone(&tail), &capacities));
        let appends = match access {
            Access::ReadOnly | Access::Verify => None,
            Access::Lease => Some(writer()),
            Access::ReadWrite => {
                migrate(&options.clone().create_if_missing(true)).await?;
                Some(writer())
            }
        };
        let appending = appends.as_ref().filter(|_| access == Access::ReadWrite);
        let checkpoints = appending.map(|appends| {
            let writer = Arc::clone(appends.writer());
            Checkpoints::keep(options.clone(), move || Arc::clone(&writer).lock_owned())
        });
        let readers = SqlitePoolOptions::new()
            .max_connections(MAX_READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(refusal)?;
        let mut connection = readers.acquire().await.map_err(refusal)?;
        check_schema(&mut connection).await?;
        if access != Access::Verify {
            let ends = sqlx::query_as::<_, Ends>(ENDS).fetch_one(&mut *connection).await;
            ends.map_err(refusal)?.check()?;
        }
        drop(connection);
        let hint = Arc::new(watch::Sender::new(0));
        let store = Self { readers, appends, access, hint, tail, checkpoints };
        store.hint.send_replace(store.head().await?.position);
        Ok(store)
    }
}

pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
}

async fn migrate(options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let options = options.clone().journal_mode(SqliteJournalMode::Wal);
    let connecting = sqlite_file::while_locked(BUSY_TIMEOUT, || options.connect());
    let mut connection = connecting.await.map_err(refusal)?;
    refuse_foreign(&mut connection).await?;
    let migrated = sqlite_file::migrate(&mut connection, &MIGRATIONS).await;
    migrated.map_err(|error| schema::refused(error, refusal))?;
    if planted(Fault::FalseCreated) {
        sqlx::raw_sql(ROWS_ARE_SKIPPED).execute(&mut connection).await.map_err(refusal)?;
    }
    connection.close().await.map_err(refusal)
}

/// An empty file may become a log; one that holds something else may not.
async fn refuse_foreign(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let (application, tables): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT application_id FROM pragma_application_id()),
                (SELECT COUNT(*) FROM sqlite_schema WHERE name <> '_sqlx_migrations' AND name NOT LIKE 'sqlite_%')",
    )
    .fetch_one(connection)
    .await
    .map_err(refusal)?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(StoreError::Corrupt(
            "the file is a SQLite database but no event log".to_owned(),
        ));
    }
    Ok(())
}

/// The schema must be exactly this build's.
async fn check_schema(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    refuse_foreign(&mut *connection).await?;
    let applied = sqlx::query_as(schema::APPLIED).fetch_all(&mut *connection).await;
    let applied: Vec<(i64, Vec<u8>)> = match applied {
        Ok(applied) => applied,
        Err(sqlx::Error::Database(_)) => Vec::new(),
        Err(error) => return Err(refusal(error)),
    };
    match schema::compare(&MIGRATIONS, &applied)? {
        Schema::Same => Ok(()),
        Schema::Older => Err(schema::older()),
    }
}
