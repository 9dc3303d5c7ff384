//! Opening the read tables: the backend by its URL, the schema by its version.
//!
//! The projector creates and migrates; the query service needs a schema that it can read. Both refuse a schema that a
//! newer build has migrated.

mod postgres;
mod sqlite;

use crate::db::{Access, ReadModel, ReadModelError};
use crate::schema::Schema;
use sqlx::migrate::MigrateError;

/// The version to which the schema has been migrated.
const VERSION: &str = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";

impl ReadModel {
    /// Opens `sqlite://path/to/views.db` or `postgres://user@host/database`. For [`Access::ReadWrite`] it creates the
    /// tables and migrates them. A PostgreSQL database must exist.
    ///
    /// # Errors
    /// When the URL is not one, the storage cannot be opened, or its schema is missing or newer than this build.
    pub async fn open(url: &str, access: Access) -> Result<Self, ReadModelError> {
        Self::open_with(url, access, &Schema::standard()).await
    }

    /// Like [`ReadModel::open`], with the tables of further projections.
    ///
    /// # Errors
    /// As [`ReadModel::open`].
    pub async fn open_with(
        url: &str,
        access: Access,
        schema: &Schema,
    ) -> Result<Self, ReadModelError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => sqlite::open(url, access, schema.sqlite()).await,
            Some(("postgres" | "postgresql", _)) => {
                postgres::open(url, access, schema.postgres()).await
            }
            _ => Err(ReadModelError::InvalidUrl(
                "the read model's URL must begin with sqlite:// or postgres://".into(),
            )),
        }
    }

    /// Checks that the database is reachable and migrated.
    ///
    /// # Errors
    /// What is wrong, and how to fix it.
    pub async fn ping(&self) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(model) => sqlite::ping(model).await,
            Self::Postgres(model) => postgres::ping(model).await,
        }
    }

    /// Closes the connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(model) => sqlite::close(model).await,
            Self::Postgres(model) => postgres::close(model).await,
        }
    }
}

fn migration_failed(error: &MigrateError) -> ReadModelError {
    match error {
        MigrateError::VersionMissing(version) => ReadModelError::Corrupt(format!(
            "migration {version} was made by a newer build; use that build"
        )),
        MigrateError::VersionMismatch(version) => ReadModelError::Corrupt(format!(
            "migration {version} differs from this build's; rebuild into a new read model"
        )),
        error => ReadModelError::Unavailable(error.to_string()),
    }
}

/// Refuses a schema that is older or newer than this build's.
fn check_version(expected: i64, found: Option<i64>) -> Result<(), ReadModelError> {
    let Some(found) = found else { return Err(not_migrated()) };
    if found < expected {
        return Err(ReadModelError::Unavailable(
            "its schema is older than this program; start the projector of this build first".into(),
        ));
    }
    if found > expected {
        return Err(ReadModelError::Corrupt(
            "the schema was migrated by a newer build; use that build".into(),
        ));
    }
    Ok(())
}

fn not_migrated() -> ReadModelError {
    ReadModelError::Missing("not migrated yet; start the projector of this build first".into())
}
