//! The read tables in a PostgreSQL database: connections, their settings, and transactions that nobody can cut in two.
//!
//! A future that is dropped between BEGIN and its answer leaves a connection inside an open transaction, and whoever gets
//! it next loses what it commits (sqlx #4393). So transactions begin and end in tasks of their own. Writers of one read
//! model take turns by an advisory lock, as SQLite's do by its file: whoever has it sees what all others have committed.
//! Only who fills the tables of a rebuild takes none: the rebuild's own row in the catalog is its lock.
//! Commits do not wait for the disk: what a crash takes away the checkpoint in the same database forgets too.

use super::{VERSION, migration_failed, not_migrated};
use crate::hint::Hints;
use crate::read::Questions;
use crate::write::insert::Texts;
use crate::{Access, PostgresReadModel, ReadModel, ReadModelError};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, Postgres, Transaction};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/read-model/postgres");

/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// So long after its last use a connection is believed to be there.
const FRESH: Duration = Duration::from_secs(1);
/// Readers; one more listens.
const READERS: u32 = 8;
/// One for each projection that a rebuild fills.
const FILLERS: u32 = 5;
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
/// The advisory lock that writers of the read model in this database take turns by ("views").
const WRITERS: i64 = 0x76_69_65_77_73;
/// PostgreSQL's code for a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";

/// Opens `postgres://user@host/database`.
pub(crate) async fn open(url: &str, access: Access) -> Result<ReadModel, ReadModelError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| ReadModelError::InvalidUrl(format!("the read model's URL: {error}")))?
        .application_name("orderlog read model")
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();
    let writer = match access {
        Access::ReadWrite => Some(open_writer(options.clone()).await?),
        Access::ReadOnly => None,
    };
    let fillers =
        writer.is_some().then(|| pool(FILLERS).connect_lazy_with(options.clone().options(WRITING)));
    let readers = pool(READERS + 1).connect_with(options.options(READING)).await?;
    check_version(&readers).await?;
    Ok(ReadModel::Postgres(Arc::new(PostgresReadModel {
        hints: Hints::follow(&readers),
        readers,
        writer,
        fillers,
        texts: Texts::default(),
        gathered: Questions::default(),
    })))
}

/// Connections are asked whether they are there only when nobody has used them for a while: it is a way to the server
/// and back.
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
async fn open_writer(options: PgConnectOptions) -> Result<PgPool, ReadModelError> {
    let writer = pool(1).idle_timeout(None).connect_with(options.options(WRITING)).await?;
    MIGRATIONS.run(&writer).await.map_err(|error| migration_failed(&error))?;
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
async fn check_version(readers: &PgPool) -> Result<(), ReadModelError> {
    let found =
        sqlx::query_scalar(VERSION).fetch_one(readers).await.map_err(|error| match error {
            sqlx::Error::Database(error) if error.code().as_deref() == Some(UNDEFINED_TABLE) => {
                not_migrated()
            }
            error => error.into(),
        })?;
    super::check_version(&MIGRATIONS, found)
}

/// Reachable and of this build's version?
pub(crate) async fn ping(model: &PostgresReadModel) -> Result<(), ReadModelError> {
    check_version(&model.readers).await
}

/// Closes all connections.
pub(crate) async fn close(model: &PostgresReadModel) {
    model.hints.end();
    model.readers.close().await;
    for writers in [&model.writer, &model.fillers].into_iter().flatten() {
        writers.close().await;
    }
}

/// Begins a transaction and waits for its turn to write. The lock is taken by a statement of its own, so that every later
/// one sees what the writer before has committed; and not together with BEGIN, because sqlx takes a BEGIN that fails for
/// none, and would keep a connection whose transaction is open.
pub(crate) async fn begin_write(
    writer: PgPool,
) -> Result<Transaction<'static, Postgres>, ReadModelError> {
    whole(async move {
        let mut transaction = writer.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(WRITERS)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    })
    .await
}

/// Begins a transaction that writes no row which others write: it waits for no turn.
pub(crate) async fn begin_fill(
    fillers: PgPool,
) -> Result<Transaction<'static, Postgres>, ReadModelError> {
    whole(async move { fillers.begin().await }).await
}

/// A connection of its own that may take its time.
pub(crate) async fn connect_patiently(writer: &PgPool) -> Result<PgConnection, ReadModelError> {
    let options = (*writer.connect_options()).clone();
    let mut connection = options.options([("statement_timeout", "0")]).connect().await?;
    // Whoever asked may be gone before it is done; where the server can notice that, it stops.
    sqlx::query(
        "SELECT set_config(name, '1s', FALSE) FROM pg_settings \
         WHERE name = 'client_connection_check_interval'",
    )
    .execute(&mut connection)
    .await?;
    Ok(connection)
}

/// Commits, even if nobody waits for it any more.
pub(crate) async fn commit(
    transaction: Transaction<'static, Postgres>,
) -> Result<(), ReadModelError> {
    whole(transaction.commit()).await
}

/// Rolls back, even if nobody waits for it any more.
pub(crate) async fn roll_back(
    transaction: Transaction<'static, Postgres>,
) -> Result<(), ReadModelError> {
    whole(transaction.rollback()).await
}

/// Begins a transaction whose statements all see the same; it may take its time.
pub(crate) async fn begin_snapshot(
    model: &PostgresReadModel,
) -> Result<Transaction<'static, Postgres>, ReadModelError> {
    let readers = model.readers.clone();
    whole(async move {
        let mut transaction =
            readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        for setting in ["statement_timeout", "idle_in_transaction_session_timeout"] {
            sqlx::query("SELECT set_config($1, '0', TRUE)")
                .bind(setting)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction)
    })
    .await
}

/// Runs to its end in a task of its own, whatever becomes of the caller.
async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, sqlx::Error>> + Send + 'static,
) -> Result<T, ReadModelError> {
    match tokio::spawn(work).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(ReadModelError::Unavailable(error.to_string())),
    }
}
