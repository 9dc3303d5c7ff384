//! An empty store of one backend, and what a case may do to it behind the store's back.

use event_store::{Access, EventStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

/// The backends: a closed set, as in the store.
pub enum Backend {
    /// A file in a directory of its own.
    Sqlite(TempDir),
}

impl Backend {
    /// A new, empty place for a SQLite file.
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// A handle that appends; every call opens another one.
    pub async fn open(&self) -> EventStore {
        EventStore::open(&self.url(), Access::ReadWrite).await.unwrap()
    }

    /// A handle that only reads.
    pub async fn open_read_only(&self) -> EventStore {
        EventStore::open(&self.url(), Access::ReadOnly).await.unwrap()
    }

    /// Runs a statement past the store, with the schema's guards in force; how many rows it changed.
    pub async fn execute(&self, sql: &str) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(directory) => {
                let file = directory.path().join("events.db");
                let options = SqliteConnectOptions::new().filename(file);
                let mut connection = options.connect().await?;
                let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
                connection.close().await?;
                Ok(done?.rows_affected())
            }
        }
    }

    /// Changes rows as somebody would who owns the storage and has removed the guards.
    pub async fn tamper(&self, sql: &str) {
        match self {
            Self::Sqlite(_) => {
                let guards = "DROP TRIGGER IF EXISTS events_are_never_updated;
                    DROP TRIGGER IF EXISTS events_are_never_deleted;
                    DROP TRIGGER IF EXISTS events_are_never_replaced;";
                self.execute(guards).await.unwrap();
            }
        }
        self.execute(sql).await.unwrap();
    }

    fn url(&self) -> String {
        match self {
            Self::Sqlite(directory) => {
                format!("sqlite://{}", directory.path().join("events.db").display())
            }
        }
    }
}
