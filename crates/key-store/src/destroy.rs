//! The end of keys: they are destroyed, every program can learn of it, and nothing of them is left in the store's files.

use crate::data_keys::{one, time, unreadable};
use crate::open::on_backend;
use crate::{KeyStore, KeyStoreError};
use chrono::{DateTime, Utc};
use personal_data::KeyId;
use sqlx::{ColumnIndex, Decode, PgPool, Row, SqlitePool, Type};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const DESTROYED: &str = "SELECT id, customer, destroyed_at FROM data_keys
    WHERE destroyed_at >= $1 ORDER BY destroyed_at";

const DESTROY: &str = "UPDATE data_keys SET wrapped = NULL, master = NULL, destroyed_at = $2
    WHERE customer = $1 AND destroyed_at IS NULL";

const DESTROY_ONE: &str = "UPDATE data_keys SET customer = $2, wrapped = NULL, master = NULL,
        destroyed_at = $3
    WHERE id = $1 AND (customer IS NULL OR customer = $2) AND destroyed_at IS NULL";

// An erasure that has destroyed nothing leaves the time of the one before.
const ERASED: &str = "INSERT INTO customers (id, orders, plain, erased_at) VALUES ($1, 0, 0, $2)
    ON CONFLICT (id) DO UPDATE SET erased_at =
        CASE WHEN $3 > 0 THEN excluded.erased_at
        ELSE COALESCE(customers.erased_at, excluded.erased_at) END";

const DESTROY_AGAIN: &str = "UPDATE data_keys SET wrapped = NULL, master = NULL, destroyed_at = $2
    WHERE customer = $1 AND destroyed_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM customers WHERE id = $1 AND erased_at >= $2)";

/// Whether this role may run VACUUM: the owner may, and from PostgreSQL 17 who was granted MAINTAIN.
const MAY_VACUUM: &str = "SELECT pg_has_role(relowner, 'USAGE') OR CASE
        WHEN current_setting('server_version_num')::int >= 170000
        THEN has_table_privilege(oid, 'MAINTAIN') ELSE FALSE END
    FROM pg_class WHERE oid = 'data_keys'::regclass";

/// How long readers of a SQLite file may keep its WAL from being emptied, and the pause between two attempts.
const READERS_BOUND: Duration = Duration::from_secs(5);
const READERS_PAUSE: Duration = Duration::from_millis(20);

/// A key that was destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestroyedKey {
    /// Its name.
    pub id: KeyId,
    /// Whose texts it sealed.
    pub customer: String,
    /// When the customer's data were erased.
    pub at: DateTime<Utc>,
}

impl KeyStore {
    /// The keys that were destroyed by erasures at this time or later.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn destroyed_since(
        &self,
        at: DateTime<Utc>,
    ) -> Result<Vec<DestroyedKey>, KeyStoreError> {
        Ok(on_backend!(self, pool => sqlx::query(DESTROYED)
            .bind(at.timestamp_micros())
            .try_map(|row| destroyed(&row))
            .fetch_all(pool)
            .await)?)
    }

    /// Destroys a customer's keys. Returns how many there were. Afterwards no file of a SQLite store holds them. PostgreSQL
    /// overwrites them with its next writes. Backups and an archive of the WAL keep them until they are deleted.
    ///
    /// # Errors
    /// When the store cannot be reached, or its files still hold them. The same call again finishes it.
    pub async fn destroy_keys_of(
        &self,
        customer: &str,
        at: DateTime<Utc>,
    ) -> Result<u64, KeyStoreError> {
        let destroyed = on_backend!(self, pool => {
            let mut transaction = pool.begin().await?;
            let destroyed = sqlx::query(DESTROY)
                .bind(customer)
                .bind(at.timestamp_micros())
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            let noted = sqlx::query(ERASED)
                .bind(customer)
                .bind(at.timestamp_micros())
                .bind(i64::try_from(destroyed).unwrap_or(i64::MAX))
                .execute(&mut *transaction)
                .await?;
            one(noted.rows_affected())?;
            transaction.commit().await?;
            destroyed
        });
        self.scrub().await?;
        Ok(destroyed)
    }

    /// Destroys one more key for an erasure: one that sealed texts of the customer while the erasure was under way.
    ///
    /// # Errors
    /// Those of [`Self::destroy_keys_of`].
    pub async fn destroy_also(&self, key: &DestroyedKey) -> Result<(), KeyStoreError> {
        on_backend!(self, pool => sqlx::query(DESTROY_ONE)
            .bind(&key.id.as_bytes()[..])
            .bind(&key.customer)
            .bind(key.at.timestamp_micros())
            .execute(pool)
            .await
            .map(drop))?;
        self.scrub().await
    }

    /// Destroys a customer's keys if an erasure at this time, of which the log tells, is not known here: the store was put back
    /// from a copy of before it. Returns how many keys there were.
    ///
    /// # Errors
    /// Those of [`Self::destroy_keys_of`].
    pub async fn destroy_again(
        &self,
        customer: &str,
        at: DateTime<Utc>,
    ) -> Result<u64, KeyStoreError> {
        let destroyed = on_backend!(self, pool => sqlx::query(DESTROY_AGAIN)
            .bind(customer)
            .bind(at.timestamp_micros())
            .execute(pool)
            .await?
            .rows_affected());
        // Notes the time, and empties the files.
        if destroyed > 0 {
            self.destroy_keys_of(customer, at).await?;
        }
        Ok(destroyed)
    }

    /// Removes what a change has left of the former rows.
    pub(crate) async fn scrub(&self) -> Result<(), KeyStoreError> {
        match self {
            Self::Sqlite(pool) => empty_wal(pool).await,
            Self::Postgres(pool) => vacuum(pool).await,
        }
    }
}

/// Connections overwrite what they free (`secure_delete`), but the WAL still has the former pages.
async fn empty_wal(pool: &SqlitePool) -> Result<(), KeyStoreError> {
    let deadline = Instant::now() + READERS_BOUND;
    loop {
        let (busy, _, _): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(pool).await?;
        if busy == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(KeyStoreError::StillInWal);
        }
        sleep(READERS_PAUSE).await;
    }
}

/// A role that may not do it leaves it to autovacuum, which key-store-roles.sql sets up for that.
async fn vacuum(pool: &PgPool) -> Result<(), KeyStoreError> {
    if sqlx::query_scalar(MAY_VACUUM).fetch_one(pool).await? {
        sqlx::query("VACUUM data_keys").execute(pool).await?;
    }
    Ok(())
}

fn destroyed<R>(row: &R) -> sqlx::Result<DestroyedKey>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'a> Vec<u8>: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> String: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> i64: Decode<'a, R::Database> + Type<R::Database>,
{
    let id: Vec<u8> = row.try_get(0)?;
    let id = KeyId::from_slice(&id).map_err(|_| unreadable("id"))?;
    Ok(DestroyedKey { id, customer: row.try_get(1)?, at: time(row.try_get(2)?)? })
}
