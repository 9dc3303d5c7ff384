//! Connections: their settings, pools, timeouts, and what a failed statement means.
//!
//! The bottom of the backend: every use of the server passes through here.

use crate::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection, PgPool, Postgres};
use std::str::FromStr;
use std::time::Duration;
use tokio::time::timeout;

/// The schema that holds the log; nothing else is touched in the database.
pub(super) const SCHEMA: &str = "event_store";

/// How long to wait for an answer before the connection is given up. Longer than every timeout of the server.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a new connection of the writer may take while it serves.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const MAX_READERS: u32 = 8;
/// Connections for leases, snapshots and the removal of old answers.
pub(super) const MAX_SIDE: u32 = 2;

/// Settings of every connection. Every question has an index that answers it; plans are kept, and one that was made
/// while the log was small must not scan it when it is large. (What is switched off so counts as costly, which would
/// have even the smallest plan compiled.) The last ones tell the server within a minute of a client that vanished
/// without a word.
const ALWAYS: [(&str, &str); 10] = [
    ("search_path", SCHEMA),
    ("jit", "off"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("tcp_keepalives_idle", "15"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
];
/// Settings of connections that read.
pub(super) const READING: [(&str, &str); 4] = [
    ("default_transaction_read_only", "on"),
    ("statement_timeout", "15s"),
    ("lock_timeout", "5s"),
    ("work_mem", "16MB"),
];
/// Settings of connections that write. A writer that stops half-way, holding the log's lock,
/// loses it soon.
pub(super) const WRITING: [(&str, &str); 4] = [
    ("synchronous_commit", "on"),
    ("statement_timeout", "15s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "5s"),
];
/// Settings of the connection that migrates: it may take its time.
pub(super) const MIGRATING: [(&str, &str); 2] =
    [("statement_timeout", "0"), ("lock_timeout", "60s")];

/// The settings of every connection to the log that the URL names.
pub(super) fn options(url: &str, statements: usize) -> Result<PgConnectOptions, StoreError> {
    Ok(PgConnectOptions::from_str(url)
        .map_err(|error| StoreError::InvalidUrl(format!("the event store's URL: {error}")))?
        .application_name("orderlog event store")
        .statement_cache_capacity(statements)
        .disable_statement_logging()
        .options(ALWAYS))
}

/// A pool with its first connection, however slow the server was to make it.
pub(super) async fn connect_pool(
    options: PgConnectOptions,
    connections: u32,
) -> Result<(PgPool, PoolConnection<Postgres>), StoreError> {
    let pool = lazy_pool(options, connections);
    let connection = pg_connect::acquire(&pool).await.map_err(refusal)?;
    Ok((pool, connection))
}

pub(super) fn lazy_pool(options: PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options)
}

/// Does some work on a connection of the pool. If the answer does not come, the connection goes.
pub(super) async fn on<T>(
    pool: &PgPool,
    work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> Result<T, StoreError> {
    let mut connection = pool.acquire().await.map_err(refusal)?;
    match timeout(ANSWER_TIMEOUT, work(&mut connection)).await {
        Ok(done) => done.map_err(refusal),
        Err(_) => {
            drop(connection.detach());
            Err(refusal(no_answer()))
        }
    }
}

/// Waits for an answer, but not for ever.
pub(super) async fn in_time<T>(
    answer: impl Future<Output = sqlx::Result<T>>,
) -> Result<T, StoreError> {
    timeout(ANSWER_TIMEOUT, answer).await.unwrap_or_else(|_| Err(no_answer())).map_err(refusal)
}

/// The error for an answer that did not come in time.
pub(super) fn no_answer() -> sqlx::Error {
    let waited = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, waited))
}

/// Whether the connection is lost, so that another may succeed. Nothing uncommitted outlives a lost connection.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            // Ended by an administrator, a crash or a timeout; or the server has become a standby.
            let ended = ["57P01", "57P02", "57P05", "25P03", "25006"];
            code.starts_with("08") || ended.contains(&&*code)
        }),
        _ => false,
    }
}

/// What a failed statement means to the caller. Messages of PostgreSQL name tables and roles, never what is in rows
/// (that would be their detail, which is left out), nor passwords.
pub(super) fn refusal(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => {
            let message = database.message();
            match database.code().as_deref() {
                Some("XX001" | "XX002") => StoreError::Corrupt(message.to_owned()),
                Some("42P01" | "42703" | "3F000") => StoreError::Corrupt(format!(
                    "{message}; the database does not hold this program's event log"
                )),
                Some("42501") => StoreError::Unavailable(format!(
                    "{message}; grant what deploy/postgres/event-store-roles.sql grants"
                )),
                _ => StoreError::Unavailable(format!("PostgreSQL says: {message}")),
            }
        }
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound => StoreError::Corrupt(error.to_string()),
        sqlx::Error::PoolClosed => StoreError::Unavailable("it is closed".to_owned()),
        sqlx::Error::PoolTimedOut => StoreError::Unavailable(
            "no connection to PostgreSQL became free or could be made in time".to_owned(),
        ),
        _ => StoreError::Unavailable(format!(
            "PostgreSQL does not answer ({error}); see that it runs and can be reached, \
             it is connected to again by itself"
        )),
    }
}
