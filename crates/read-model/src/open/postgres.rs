//! The read tables in a PostgreSQL database: connections and their settings.
//!
//! Commits do not wait for the disk: a crash that loses rows also loses the checkpoint in the same database.

use super::{VERSION, migration_failed, not_migrated};
use crate::db::{Access, FILLERS, PostgresReadModel, ReadModel, ReadModelError, StatementCache};
use crate::schema;
use pg_hints::{Channel, Hints, News};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Hints of projections that moved. Each projection has its own position and readers query the tables, so there is no
/// question here.
const MOVED: Channel = Channel { name: "orderlog_projection_moved", news: News::Every, ask: None };
/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// For this time after its last use, a connection is used without a test.
const FRESH: Duration = Duration::from_secs(1);
/// Reader connections; one more listens.
const READERS: u32 = 8;
/// Prepared statements kept on each connection.
const STATEMENTS: usize = 256;
/// Settings of every connection that reads.
const READING: [(&str, &str); 4] = [
    ("default_transaction_read_only", "on"),
    ("statement_timeout", "10s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "30s"),
];
/// Settings of connections that write. A swap that waits for readers makes later readers wait too: not for long.
const WRITING: [(&str, &str); 4] = [
    ("synchronous_commit", "off"),
    ("statement_timeout", "60s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "30s"),
];
/// PostgreSQL's code for a missing table.
const UNDEFINED_TABLE: &str = "42P01";

/// Opens `postgres://user@host/database`.
pub(crate) async fn open(
    url: &str,
    access: Access,
    migrations: &Migrator,
) -> Result<ReadModel, ReadModelError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| ReadModelError::InvalidUrl(format!("the read model's URL: {error}")))?
        .application_name("orderlog read model")
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();
    let writer = match access {
        Access::ReadWrite => Some(open_writer(options.clone(), migrations).await?),
        Access::ReadOnly => None,
    };
    let fillers = writer
        .is_some()
        .then(|| pool(FILLERS.get() as u32).connect_lazy_with(options.clone().options(WRITING)));
    let readers = pool(READERS + 1).connect_lazy_with(options.options(READING));
    drop(pg_connect::acquire(&readers).await?);
    let schema_version = schema::version(migrations);
    check_version(&readers, schema_version).await?;
    Ok(ReadModel::Postgres(Arc::new(PostgresReadModel {
        hints: Hints::follow(MOVED, readers.clone(), 0),
        readers,
        writer,
        fillers,
        statements: StatementCache::default(),
        schema_version,
    })))
}

/// A connection is tested only when it has been idle for a while, because a test costs a round trip.
fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, used| {
            Box::pin(async move {
                if used.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// One connection that migrates the database and then writes.
async fn open_writer(
    options: PgConnectOptions,
    migrations: &Migrator,
) -> Result<PgPool, ReadModelError> {
    let writer = pool(1).idle_timeout(None).connect_lazy_with(options.options(WRITING));
    drop(pg_connect::acquire(&writer).await?);
    migrations.run(&writer).await.map_err(|error| migration_failed(&error))?;
    sqlx::query(
        "INSERT INTO secrets (name, value) VALUES ('cursor', \
         decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')) \
         ON CONFLICT DO NOTHING",
    )
    .execute(&writer)
    .await?;
    Ok(writer)
}

/// Refuses a schema that is older or newer than this build's.
async fn check_version(readers: &PgPool, expected: i64) -> Result<(), ReadModelError> {
    let found =
        sqlx::query_scalar(VERSION).fetch_one(readers).await.map_err(|error| match error {
            sqlx::Error::Database(error) if error.code().as_deref() == Some(UNDEFINED_TABLE) => {
                not_migrated()
            }
            error => error.into(),
        })?;
    super::check_version(expected, found)
}

/// Checks that the database is reachable and has this build's version.
pub(crate) async fn ping(model: &PostgresReadModel) -> Result<(), ReadModelError> {
    check_version(&model.readers, model.schema_version).await
}

/// Closes all connections.
pub(crate) async fn close(model: &PostgresReadModel) {
    // Hints use the readers' connections, which are closed with them.
    model.hints.close().await;
    for writers in [&model.writer, &model.fillers].into_iter().flatten() {
        writers.close().await;
    }
}
