//! The one key that belongs to no customer: its id names the store, and requests are fingerprinted with it.

use crate::data_keys::{StoredDataKey, data_key, one};
use crate::open::on_backend;
use crate::{Kept, KeyStore, KeyStoreError};
use chrono::{DateTime, Utc};
use personal_data::{DataKey, KeyId, MasterKey};

const FIND: &str = "SELECT id, master, wrapped, destroyed_at FROM data_keys
    WHERE id = (SELECT id FROM request_key)";

const ADD: &str = "INSERT INTO data_keys (id, master, wrapped, made_at) VALUES ($1, $2, $3, $4)";

const CHOOSE: &str = "INSERT INTO request_key VALUES (1, $1) ON CONFLICT DO NOTHING";

impl KeyStore {
    /// What names this store; `None` if nothing was ever sealed with its keys.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn identity(&self) -> Result<Option<KeyId>, KeyStoreError> {
        Ok(self.stored_request_key().await?.map(|key| key.id))
    }

    /// The key by which requests are fingerprinted; made, if there is none.
    ///
    /// # Errors
    /// When the store cannot be reached, or the master key is not that of the store.
    pub async fn request_key(
        &self,
        master: &MasterKey,
        at: DateTime<Utc>,
    ) -> Result<DataKey, KeyStoreError> {
        if self.stored_request_key().await?.is_none() {
            self.choose_request_key(master, at).await?;
        }
        // Another process may have been faster.
        let stored = self.stored_request_key().await?;
        let StoredDataKey { id, kept } = stored.ok_or(KeyStoreError::Miscounted(0))?;
        match kept {
            Kept::Wrapped { wrapped, .. } => {
                master.unwrap(id, &wrapped).map_err(|_| KeyStoreError::NotUnwrapped(id))
            }
            Kept::Destroyed(_) => Err(KeyStoreError::NotUnwrapped(id)),
        }
    }

    async fn choose_request_key(
        &self,
        master: &MasterKey,
        at: DateTime<Utc>,
    ) -> Result<(), KeyStoreError> {
        let key = DataKey::generate().map_err(|_| KeyStoreError::NoRandomness)?;
        let wrapped = master.wrap(&key).map_err(|_| KeyStoreError::NoRandomness)?;
        on_backend!(self, pool => {
            let mut transaction = pool.begin().await?;
            let added = sqlx::query(ADD)
                .bind(&key.id().as_bytes()[..])
                .bind(&master.id()[..])
                .bind(wrapped)
                .bind(at.timestamp_micros())
                .execute(&mut *transaction)
                .await?;
            one(added.rows_affected())?;
            let chosen = sqlx::query(CHOOSE)
                .bind(&key.id().as_bytes()[..])
                .execute(&mut *transaction)
                .await?;
            // None: another process has chosen its own.
            if chosen.rows_affected() == 1 {
                transaction.commit().await?;
            }
        });
        Ok(())
    }

    async fn stored_request_key(&self) -> Result<Option<StoredDataKey>, KeyStoreError> {
        Ok(on_backend!(self, pool =>
            sqlx::query(FIND).try_map(|row| data_key(&row)).fetch_optional(pool).await)?)
    }
}
