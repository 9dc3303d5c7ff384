//! Opening the log: its connections with their settings, its schema made or found to be this build's.
//!
//! A role that may not change the schema can open a log that is migrated already. Costs the same for a log of any
//! length: the migrations' table, the head row and the last event are all that is read.

use super::hints::Hints;
use super::writer::Writer;
use super::{PostgresStore, on, refusal};
use crate::ends::{ENDS, Ends};
use crate::schema::{self, Schema};
use crate::{Access, Capacities, StoreError};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::Mutex;

/// The schema that holds the log; nothing else is touched in the database.
const SCHEMA: &str = "event_store";

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("../migrations/event-store/postgres");
    migrations.create_schema(SCHEMA);
    migrations
});

/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a new connection of the writer may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_READERS: u32 = 8;
/// Connections for leases, snapshots and what is forgotten.
const MAX_BESIDE: u32 = 2;

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
const READING: [(&str, &str); 4] = [
    ("default_transaction_read_only", "on"),
    ("statement_timeout", "15s"),
    ("lock_timeout", "5s"),
    ("work_mem", "16MB"),
];
/// Settings of connections that write. Whoever stops half-way, holding the log's lock, loses it soon.
const WRITING: [(&str, &str); 4] = [
    ("synchronous_commit", "on"),
    ("statement_timeout", "15s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "5s"),
];
/// Settings of the connection that migrates: it may take its time.
const MIGRATING: [(&str, &str); 2] = [("statement_timeout", "0"), ("lock_timeout", "60s")];

const UNDEFINED_TABLE: &str = "42P01";

impl PostgresStore {
    pub(crate) async fn open(
        url: &str,
        access: Access,
        capacities: Capacities,
    ) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| StoreError::InvalidUrl(format!("the event store's URL: {error}")))?
            .application_name("orderlog event store")
            .statement_cache_capacity(capacities.postgres_statements)
            .disable_statement_logging()
            .options(ALWAYS);
        let reading = options.clone().options(READING);
        let writing = options.clone().options(WRITING);
        let readers = connect_pool(reading.clone(), MAX_READERS).await?;
        match (find_schema(&readers).await?, access) {
            (Schema::Same, _) => {}
            (Schema::Older, Access::ReadWrite) => migrate(&options).await?,
            (Schema::Older, _) => return Err(schema::older()),
        }
        let writer = match access {
            Access::ReadWrite => {
                Some(Arc::new(Mutex::new(Writer::open(writing.clone(), &capacities).await?)))
            }
            Access::Lease | Access::ReadOnly | Access::Verify => None,
        };
        let beside = match access {
            Access::ReadWrite | Access::Lease => Some(lazy_pool(writing, MAX_BESIDE)),
            Access::ReadOnly | Access::Verify => None,
        };
        if access != Access::Verify {
            let ends = on(&readers, async |connection| {
                sqlx::query_as::<_, Ends>(ENDS).fetch_one(connection).await
            });
            ends.await?.check()?;
        }
        let head = on(&readers, async |connection| {
            sqlx::query("SELECT position FROM log_head WHERE only_row = 1")
                .try_map(|row| crate::row::number(&row, 0))
                .fetch_one(connection)
                .await
        })
        .await?;
        let hints = Arc::new(Hints::follow(reading, head).await?);
        Ok(Self { readers, writer, beside, hints })
    }
}

/// A pool that has connected once.
pub(super) async fn connect_pool(
    options: PgConnectOptions,
    connections: u32,
) -> Result<PgPool, StoreError> {
    let pool = lazy_pool(options, connections);
    let mut connection = pool.acquire().await.map_err(refusal)?;
    connection.ping().await.map_err(refusal)?;
    Ok(pool)
}

fn lazy_pool(options: PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options)
}

/// A connection of its own.
pub(super) async fn connect(options: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, options.connect());
    connecting.await.unwrap_or_else(|_| Err(super::no_answer()))
}

/// What schema there is; an empty database has an older one.
async fn find_schema(readers: &PgPool) -> Result<Schema, StoreError> {
    let applied = on(readers, async |connection| {
        let applied = sqlx::query_as(schema::APPLIED).fetch_all(connection).await;
        match applied {
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some(UNDEFINED_TABLE) =>
            {
                Ok(Vec::new())
            }
            applied => applied,
        }
    });
    schema::compare(&MIGRATIONS, &applied.await?)
}

/// Makes what is missing. Processes that do so at once take turns by an advisory lock.
async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let mut connection = connect(&options.clone().options(MIGRATING)).await.map_err(refusal)?;
    refuse_other_encodings(&mut connection).await?;
    MIGRATIONS
        .run_direct(None, &mut connection, false)
        .await
        .map_err(|error| schema::refused(error, refusal))?;
    connection.close().await.map_err(refusal)
}

/// In another encoding the bytes of a text would not be the bytes that were given.
async fn refuse_other_encodings(connection: &mut PgConnection) -> Result<(), StoreError> {
    let encoding: String = sqlx::query_scalar("SELECT current_setting('server_encoding')")
        .fetch_one(connection)
        .await
        .map_err(refusal)?;
    if encoding != "UTF8" {
        return Err(StoreError::Corrupt(format!(
            "the database's encoding is {encoding}; make one with ENCODING 'UTF8'"
        )));
    }
    Ok(())
}
