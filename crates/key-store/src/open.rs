//! Opens the store: a SQLite file or a PostgreSQL database.

use crate::KeyStoreError;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool, SqlitePool};
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// A server asks every few seconds. With more than one connection, answers that need a key do not wait for keys being made.
const CONNECTIONS: u32 = 4;

static ON_SQLITE: LazyLock<Migrator> = LazyLock::new(migrations::key_store_on_sqlite);
static ON_POSTGRES: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = migrations::key_store_on_postgres();
    migrations.create_schema(SCHEMA);
    migrations
});

/// The schema in PostgreSQL: the database may hold other things.
const SCHEMA: &str = "key_store";

/// What the store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To create it, where it is not there, and to make keys.
    Manage,
    /// To follow it: it must be there.
    Follow,
}

/// The store of keys; cheap to clone.
#[derive(Debug, Clone)]
pub enum KeyStore {
    /// A SQLite file.
    Sqlite(SqlitePool),
    /// A PostgreSQL database.
    Postgres(PgPool),
}

/// The same work on whichever backend it is.
macro_rules! on_backend {
    ($store:expr, $pool:ident => $work:expr) => {
        match $store {
            $crate::KeyStore::Sqlite($pool) => $work,
            $crate::KeyStore::Postgres($pool) => $work,
        }
    };
}
pub(crate) use on_backend;

impl KeyStore {
    /// Opens `sqlite://path/to/keys.db` or `postgres://user@host/database`.
    ///
    /// # Errors
    /// When the URL names no store, or the store is not there, not of this build, or out of reach.
    pub async fn open(url: &str, access: Access) -> Result<Self, KeyStoreError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => open_sqlite(url, access).await,
            Some(("postgres" | "postgresql", _)) => open_postgres(url, access).await,
            _ => Err(KeyStoreError::InvalidUrl("it has another scheme".to_owned())),
        }
    }

    /// Closes the connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(url: &str, access: Access) -> Result<KeyStore, KeyStoreError> {
    let file = sqlite_file::file_of(url)
        .map_err(|refused| KeyStoreError::InvalidUrl(refused.to_string()))?;
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .busy_timeout(BUSY_TIMEOUT)
        // A key that is destroyed is overwritten.
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    if access == Access::Manage {
        let creating = options.clone().create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let connecting = sqlite_file::while_locked(BUSY_TIMEOUT, || creating.connect());
        let mut connection = connecting.await?;
        let migrated = sqlite_file::migrate(&mut connection, &ON_SQLITE).await;
        migrated.map_err(|error| KeyStoreError::Unfit(error.to_string()))?;
        connection.close().await?;
        only_for_the_owner(&file)?;
    } else if !file.exists() {
        let missing = format!(
            "{} is not there; put its copy there, or name the right one. The first program that writes makes a new one",
            file.display()
        );
        return Err(KeyStoreError::Unfit(missing));
    }
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await?;
    Ok(KeyStore::Sqlite(pool))
}

/// Nobody but the owner reads the file: hashes tell which keys there are.
fn only_for_the_owner(file: &std::path::Path) -> Result<(), KeyStoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
            .map_err(sqlx::Error::from)?;
    }
    Ok(())
}

async fn open_postgres(url: &str, access: Access) -> Result<KeyStore, KeyStoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| KeyStoreError::InvalidUrl(error.to_string()))?
        .application_name("orderlog key store")
        .options([("search_path", SCHEMA), ("statement_timeout", "5s"), ("lock_timeout", "5s")])
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options);
    drop(pg_connect::acquire(&pool).await?);
    if access == Access::Manage {
        let migrated = ON_POSTGRES.run(&pool).await;
        migrated.map_err(|error| KeyStoreError::Unfit(error.to_string()))?;
    }
    Ok(KeyStore::Postgres(pool))
}
