//! Opening the read tables: the backend by its URL, the schema by its version.
//!
//! The projector creates and migrates; the query service insists on finding what it can read. Both refuse a schema that
//! a newer build has migrated.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use crate::{Access, ReadModel, ReadModelError, refusal};
use sqlx::migrate::{MigrateError, Migrator};

/// How far the schema has been migrated.
const VERSION: &str = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";

/// Opens the backend that the URL names.
pub(crate) async fn open(url: &str, access: Access) -> Result<ReadModel, ReadModelError> {
    match url.split_once(':') {
        Some(("sqlite", _)) => sqlite::open(url, access).await,
        Some(("postgres" | "postgresql", _)) => postgres::open(url, access).await,
        _ => Err(ReadModelError::InvalidUrl(
            "the read model's URL must begin with sqlite:// or postgres://".into(),
        )),
    }
}

/// What a migration that failed means.
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
fn check_version(migrations: &Migrator, found: Option<i64>) -> Result<(), ReadModelError> {
    let expected = migrations.iter().map(|migration| migration.version).max();
    if found.is_none() {
        return Err(not_migrated());
    }
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

impl From<sqlx::Error> for ReadModelError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::TypeNotFound { .. } => Self::Corrupt(error.to_string()),
            sqlx::Error::Database(error) => match refusal::rule(&*error) {
                Some(rule) => Self::Refused(rule),
                None => Self::Unavailable(sqlx::Error::Database(error).to_string()),
            },
            error => Self::Unavailable(error.to_string()),
        }
    }
}
