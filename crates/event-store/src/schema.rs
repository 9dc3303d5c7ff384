//! Checks that the storage's schema is exactly this build's.

use crate::StoreError;
use sqlx::migrate::{MigrateError, Migrator};

/// The migrations that a storage has, oldest first: version and checksum.
pub(crate) const APPLIED: &str =
    "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";

/// The storage's schema compared with this build's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// Exactly this build's.
    Same,
    /// Some migrations are missing.
    Older,
}

/// Compares the applied migrations with this build's.
///
/// # Errors
/// [`StoreError::Corrupt`] for a newer or another schema.
pub(crate) fn compare(
    migrations: &Migrator,
    applied: &[(i64, Vec<u8>)],
) -> Result<Schema, StoreError> {
    if let Some((version, _)) =
        applied.iter().find(|(version, _)| !migrations.version_exists(*version))
    {
        return Err(newer(*version));
    }
    for (version, checksum) in applied {
        let ours = migrations.iter().find(|migration| migration.version == *version);
        if ours.is_some_and(|migration| *checksum != *migration.checksum) {
            return Err(another(*version));
        }
    }
    Ok(if applied.len() < migrations.iter().count() { Schema::Older } else { Schema::Same })
}

/// The error for a failed migration; `refusal` maps a failed statement.
pub(crate) fn refused(
    error: MigrateError,
    refusal: impl FnOnce(sqlx::Error) -> StoreError,
) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => newer(version),
        MigrateError::VersionMismatch(version) => another(version),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => refusal(error),
        other => StoreError::Corrupt(other.to_string()),
    }
}

/// The error of a read-only handle on an older schema.
pub(crate) fn older() -> StoreError {
    StoreError::Corrupt(
        "its schema is older than this program; start the program that writes it once to migrate it"
            .to_owned(),
    )
}

fn newer(version: i64) -> StoreError {
    StoreError::Corrupt(format!(
        "its schema is newer than this program (migration {version} is unknown here); use a newer program"
    ))
}

fn another(version: i64) -> StoreError {
    StoreError::Corrupt(format!(
        "its schema is not this program's (migration {version} was another one)"
    ))
}
