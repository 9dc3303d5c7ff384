//! The schemas of both stores on every backend: the SQL of this folder, compiled in, in the order of its numbers.
//!
//! The lists here are complete. `sqlx::migrate!` would read the folders. But with sqlx's macros, sqlx, its drivers,
//! SQLite and TLS are compiled a second time, for the compiler to run. A test compares the lists with the folders. A
//! crate with tables of its own lists them in the same way: [`files!`] and [`migrator`].

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// A file's name without `.sql`, and its text.
pub type File = (&'static str, &'static str);

/// [`File`]s of one folder, whose path is relative to the source file that lists them.
#[macro_export]
macro_rules! files {
    ($folder:literal: $($name:literal),+) => {
        &[$(($name, include_str!(concat!($folder, "/", $name, ".sql")))),+]
    };
}

const EVENT_STORE_ON_SQLITE: &[File] = files!("../event-store/sqlite":
    "0001_create_events", "0002_create_idempotency", "0003_create_snapshots", "0010_create_leases",
    "0011_create_sealing");

const EVENT_STORE_ON_POSTGRES: &[File] = files!("../event-store/postgres":
    "0001_create_events", "0002_create_idempotency", "0003_create_snapshots", "0010_create_leases",
    "0011_create_sealing");

const READ_MODEL_ON_SQLITE: &[File] = files!("../read-model/sqlite":
    "0001_create_catalog", "0002_create_orders", "0003_create_history", "0004_create_customers",
    "0005_create_products", "0006_create_sales", "0007_create_partitions", "0008_create_proofs",
    "0009_create_erasures", "0010_create_stock", "0011_create_reservations");

const READ_MODEL_ON_POSTGRES: &[File] = files!("../read-model/postgres":
    "0001_create_catalog", "0002_create_orders", "0003_create_history", "0004_create_customers",
    "0005_create_products", "0006_create_sales", "0007_create_partitions", "0008_create_proofs",
    "0009_create_erasures", "0010_create_stock", "0011_create_reservations");

const KEY_STORE_ON_SQLITE: &[File] = files!("../key-store/sqlite":
    "0001_create_api_keys", "0002_create_data_keys", "0003_create_request_key");

const KEY_STORE_ON_POSTGRES: &[File] = files!("../key-store/postgres":
    "0001_create_api_keys", "0002_create_data_keys", "0003_create_request_key");

/// The log's schema in a SQLite file.
pub fn event_store_on_sqlite() -> Migrator {
    migrator(EVENT_STORE_ON_SQLITE)
}

/// The log's schema in PostgreSQL. The caller chooses in which of the database's schemas it is made.
pub fn event_store_on_postgres() -> Migrator {
    migrator(EVENT_STORE_ON_POSTGRES)
}

/// The read tables in a SQLite file.
pub fn read_model_on_sqlite() -> Migrator {
    migrator(READ_MODEL_ON_SQLITE)
}

/// The read tables in PostgreSQL.
pub fn read_model_on_postgres() -> Migrator {
    migrator(READ_MODEL_ON_POSTGRES)
}

/// The store of keys in a SQLite file.
pub fn key_store_on_sqlite() -> Migrator {
    migrator(KEY_STORE_ON_SQLITE)
}

/// The store of keys in PostgreSQL.
pub fn key_store_on_postgres() -> Migrator {
    migrator(KEY_STORE_ON_POSTGRES)
}

/// Makes a migrator of these files.
///
/// # Panics
/// When a name is not a number, an underscore and words.
pub fn migrator(files: &[File]) -> Migrator {
    Migrator::with_migrations(files.iter().map(migration).collect())
}

/// Like sqlx when it reads a folder: what a database keeps of an applied migration stays the same.
fn migration((name, text): &File) -> Migration {
    let (number, description) = name.split_once('_').expect("a name has a number before its words");
    let version = number.parse().expect("a name begins with digits");
    let description = description.replace('_', " ").into();
    Migration::new(version, description, MigrationType::Simple, text.into_sql_str(), false)
}

#[cfg(test)]
mod tests {
    use super::{
        EVENT_STORE_ON_POSTGRES, EVENT_STORE_ON_SQLITE, KEY_STORE_ON_POSTGRES, KEY_STORE_ON_SQLITE,
        READ_MODEL_ON_POSTGRES, READ_MODEL_ON_SQLITE, migrator,
    };
    use sqlx::migrate::Migrator;
    use std::path::Path;

    #[tokio::test]
    async fn every_file_of_the_folders_is_compiled_in_as_sqlx_would_read_it() {
        for (folder, files) in [
            ("event-store/sqlite", EVENT_STORE_ON_SQLITE),
            ("event-store/postgres", EVENT_STORE_ON_POSTGRES),
            ("read-model/sqlite", READ_MODEL_ON_SQLITE),
            ("read-model/postgres", READ_MODEL_ON_POSTGRES),
            ("key-store/sqlite", KEY_STORE_ON_SQLITE),
            ("key-store/postgres", KEY_STORE_ON_POSTGRES),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let read = Migrator::new(path).await.expect("sqlx reads the folder");
            assert_eq!(kept(&migrator(files)), kept(&read), "{folder}");
        }
    }

    /// What a database keeps of a migration that was applied.
    fn kept(migrator: &Migrator) -> Vec<(i64, String, Vec<u8>)> {
        let of = |one: &sqlx::migrate::Migration| {
            (one.version, one.description.to_string(), one.checksum.to_vec())
        };
        migrator.iter().map(of).collect()
    }
}
