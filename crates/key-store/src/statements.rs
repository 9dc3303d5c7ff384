//! What is asked of the store. Both backends run the same SQL.

use crate::open::on_backend;
use crate::row::{self, Listed};
use crate::{KeyStore, KeyStoreError};
use chrono::{DateTime, Utc};
use identity::Use;
use identity::api_key::StoredKey;

const KEYS: &str =
    "SELECT id, name, role, customer, hash, created_at, expires_at, revoked_at FROM api_keys
    WHERE revoked_at IS NULL";

const LIST: &str = "SELECT id, name, role, customer, hash, created_at, expires_at, revoked_at,
        CAST(COALESCE(SUM(requests), 0) AS BIGINT), MAX(last_used)
    FROM api_keys LEFT JOIN api_key_uses ON key_id = id
    GROUP BY id ORDER BY created_at, id";

const CREATE: &str =
    "INSERT INTO api_keys (id, name, role, customer, hash, created_at, expires_at, revoked_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)";

const REVOKE: &str = "UPDATE api_keys SET revoked_at = $2
    WHERE (id = $1 OR name = $1) AND revoked_at IS NULL";

const NOTE_USE: &str =
    "INSERT INTO api_key_uses (key_id, day, requests, last_used) VALUES ($1, $2, $3, $4)
    ON CONFLICT (key_id, day) DO UPDATE SET
        requests = api_key_uses.requests + excluded.requests,
        last_used = CASE WHEN excluded.last_used > api_key_uses.last_used
            THEN excluded.last_used ELSE api_key_uses.last_used END";

const REVISION: &str = "SELECT revision FROM key_revision";

impl KeyStore {
    /// The keys in force, expired ones included.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn keys(&self) -> Result<Vec<StoredKey>, KeyStoreError> {
        Ok(on_backend!(self, pool =>
            sqlx::query(KEYS).try_map(|row| row::key(&row)).fetch_all(pool).await)?)
    }

    /// All keys that there ever were, with their use, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn list(&self) -> Result<Vec<Listed>, KeyStoreError> {
        Ok(on_backend!(self, pool =>
            sqlx::query(LIST).try_map(|row| row::listed(&row)).fetch_all(pool).await)?)
    }

    /// Stores a new key.
    ///
    /// # Errors
    /// [`KeyStoreError::NameTaken`]; otherwise when the store cannot be reached.
    pub async fn create(&self, key: &StoredKey) -> Result<(), KeyStoreError> {
        let made = on_backend!(self, pool => sqlx::query(CREATE)
            .bind(&key.id)
            .bind(&key.name)
            .bind(key.role.as_str())
            .bind(&key.customer)
            .bind(&key.hash[..])
            .bind(key.created_at.timestamp_micros())
            .bind(key.expires_at.map(|at| at.timestamp_micros()))
            .execute(pool)
            .await
            .map(|done| done.rows_affected()));
        match made {
            Ok(1) => Ok(()),
            Ok(other) => Err(KeyStoreError::Miscounted(other)),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(KeyStoreError::NameTaken(key.name.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Revokes the key of this id or name. Returns whether one was in force.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn revoke(&self, name: &str, at: DateTime<Utc>) -> Result<bool, KeyStoreError> {
        let changed = on_backend!(self, pool => sqlx::query(REVOKE)
            .bind(name)
            .bind(at.timestamp_micros())
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        match changed {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(KeyStoreError::Miscounted(other)),
        }
    }

    /// Adds to the log of use.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn note_uses(&self, uses: &[Use]) -> Result<(), KeyStoreError> {
        for used in uses {
            on_backend!(self, pool => sqlx::query(NOTE_USE)
                .bind(&used.id)
                .bind(used.last_used.format("%F").to_string())
                .bind(i64::try_from(used.requests).unwrap_or(i64::MAX))
                .bind(used.last_used.timestamp_micros())
                .execute(pool)
                .await
                .map(drop))?;
        }
        Ok(())
    }

    /// A number that rises with each change of a key.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn revision(&self) -> Result<i64, KeyStoreError> {
        Ok(on_backend!(self, pool => sqlx::query_scalar(REVISION).fetch_one(pool).await)?)
    }
}
