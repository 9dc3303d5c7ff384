//! An empty store of one backend, and what a case may do to it behind the store's back.

use event_store::{Access, EventStore, MemoryLog, StoreError};
use rig::postgres::{Database, database_or_say};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

/// The backends: a closed set, as in the store.
pub enum Backend {
    /// A file in a directory of its own.
    Sqlite(TempDir),
    /// A database of its own.
    Postgres(Database),
    /// A log of its own in memory. It has no rows that could be written past the store.
    Memory(MemoryLog),
}

/// Said by what the log in memory cannot do.
const NO_SQL: &str = "cases that write past the store are not expanded for the log in memory";

impl Backend {
    /// A new, empty place for a SQLite file.
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// A new, empty database, or `None` after saying that there is no server.
    pub async fn postgres() -> Option<Self> {
        database_or_say("the event store on PostgreSQL").await.map(Self::Postgres)
    }

    /// A new, empty log in memory.
    pub fn memory() -> Self {
        Self::Memory(MemoryLog::default())
    }

    /// A handle that appends; every call opens another one.
    pub async fn open(&self) -> EventStore {
        self.open_with(Access::ReadWrite).await
    }

    /// A handle that only reads.
    pub async fn open_read_only(&self) -> EventStore {
        self.open_with(Access::ReadOnly).await
    }

    /// A handle that reads even a log whose head is not its last event.
    pub async fn open_to_verify(&self) -> EventStore {
        self.open_with(Access::Verify).await
    }

    /// Why a handle with this access is refused, `None` if it is not.
    pub async fn refused(&self, access: Access) -> Option<String> {
        self.try_open(access).await.err().map(|error| error.to_string())
    }

    /// A handle that reads and holds leases.
    pub async fn open_for_leases(&self) -> EventStore {
        self.open_with(Access::Lease).await
    }

    async fn open_with(&self, access: Access) -> EventStore {
        self.try_open(access).await.unwrap()
    }

    async fn try_open(&self, access: Access) -> Result<EventStore, StoreError> {
        let url = match self {
            Self::Sqlite(directory) => {
                format!("sqlite://{}", directory.path().join("events.db").display())
            }
            Self::Postgres(database) => database.url(),
            Self::Memory(log) => return Ok(log.open(access)),
        };
        EventStore::open(&url, access).await
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
            Self::Postgres(database) => {
                let options: PgConnectOptions = database.url().parse().unwrap();
                let options = options.options([("search_path", "event_store")]);
                let mut connection = options.connect().await?;
                let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
                connection.close().await?;
                Ok(done?.rows_affected())
            }
            Self::Memory(_) => panic!("{NO_SQL}"),
        }
    }

    /// How many transactions have moved the head.
    pub async fn revision(&self) -> i64 {
        const SQL: &str = "SELECT revision FROM log_head";
        match self {
            Self::Sqlite(directory) => {
                let options =
                    SqliteConnectOptions::new().filename(directory.path().join("events.db"));
                let mut connection = options.connect().await.unwrap();
                let revision = sqlx::query_scalar(SQL).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                revision
            }
            Self::Postgres(database) => {
                let options: PgConnectOptions = database.url().parse().unwrap();
                let options = options.options([("search_path", "event_store")]);
                let mut connection = options.connect().await.unwrap();
                let revision = sqlx::query_scalar(SQL).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                revision
            }
            Self::Memory(_) => panic!("{NO_SQL}"),
        }
    }

    /// From now on the storage refuses events of this type, and with them all of their transaction.
    pub async fn refuse_events_called(&self, event_type: &str) {
        let sql = match self {
            Self::Sqlite(_) => format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN NEW.event_type = '{event_type}'
                 BEGIN SELECT RAISE(ABORT, 'refused'); END"
            ),
            Self::Postgres(_) => format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
                 CREATE TRIGGER refuse BEFORE INSERT ON events
                 FOR EACH ROW WHEN (NEW.event_type = '{event_type}') EXECUTE FUNCTION refuse()"
            ),
            Self::Memory(_) => panic!("{NO_SQL}"),
        };
        self.execute(&sql).await.unwrap();
    }

    /// Changes rows as the storage's owner could after removing the guards.
    pub async fn tamper(&self, sql: &str) {
        match self {
            Self::Sqlite(_) => {
                let guards = "DROP TRIGGER IF EXISTS events_are_never_updated;
                    DROP TRIGGER IF EXISTS events_are_never_deleted;
                    DROP TRIGGER IF EXISTS events_are_never_replaced;
                    DROP TRIGGER IF EXISTS log_head_is_the_last_event;";
                self.execute(guards).await.unwrap();
            }
            Self::Postgres(_) => {
                let guards = "ALTER TABLE events DISABLE TRIGGER USER;
                    ALTER TABLE log_head DISABLE TRIGGER USER";
                self.execute(guards).await.unwrap();
            }
            Self::Memory(_) => panic!("{NO_SQL}"),
        }
        self.execute(sql).await.unwrap();
    }

    /// Lets the head be anything, as if the schema had no lock on it.
    pub async fn unlock_the_head(&self) {
        let sql = match self {
            Self::Sqlite(_) => "DROP TRIGGER log_head_is_the_last_event",
            Self::Postgres(_) => "ALTER TABLE log_head DISABLE TRIGGER log_head_is_the_last_event",
            Self::Memory(_) => panic!("{NO_SQL}"),
        };
        self.execute(sql).await.unwrap();
    }

    /// From now on a row that equals a stored one in these columns is skipped without an error.
    pub async fn skip_in_silence(&self, table: &str, columns: &[&str]) {
        let same: Vec<_> = columns.iter().map(|name| format!("{name} = NEW.{name}")).collect();
        let there = format!("EXISTS (SELECT 1 FROM {table} WHERE {})", same.join(" AND "));
        let sql = match self {
            Self::Sqlite(_) => format!(
                "DROP TRIGGER events_are_never_replaced;
                 CREATE TRIGGER skip BEFORE INSERT ON {table} WHEN {there}
                 BEGIN SELECT RAISE(IGNORE); END"
            ),
            Self::Postgres(_) => format!(
                "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN IF {there} THEN RETURN NULL; END IF; RETURN NEW; END $$;
                 CREATE TRIGGER skip BEFORE INSERT ON {table}
                 FOR EACH ROW EXECUTE FUNCTION skip()"
            ),
            Self::Memory(_) => panic!("{NO_SQL}"),
        };
        self.execute(&sql).await.unwrap();
    }

    /// Ways to put other rows in the place of stored ones, or to do away with all of them, that only this backend has.
    pub fn replacements(&self, columns: &str) -> Vec<String> {
        let insert = |verb: &str, position: u8, tail: &str| {
            format!(
                "{verb} INTO events (position, {columns})
                 SELECT {position}, {columns} FROM events WHERE position = 1 {tail}"
            )
        };
        match self {
            Self::Sqlite(_) => vec![
                insert("INSERT", 2, "ON CONFLICT DO NOTHING"),
                insert("INSERT OR REPLACE", 2, ""),
                insert("INSERT OR REPLACE", 99, ""),
            ],
            Self::Postgres(_) => vec![
                insert("INSERT", 2, "ON CONFLICT DO NOTHING"),
                insert("INSERT", 2, "ON CONFLICT (position) DO UPDATE SET payload = '{}'"),
                insert("INSERT", 99, ""),
                "TRUNCATE events".to_owned(),
                "TRUNCATE log_head".to_owned(),
                "SET session_replication_role = replica; DELETE FROM events".to_owned(),
                "MERGE INTO events USING log_head ON TRUE WHEN MATCHED THEN DELETE".to_owned(),
            ],
            Self::Memory(_) => panic!("{NO_SQL}"),
        }
    }
}
