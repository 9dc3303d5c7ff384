//! The store of keys of a log in PostgreSQL: each verb is one statement, and its row count is the answer.

use super::PostgresStore;
use super::connect::on;
use crate::StoreError;
use uuid::Uuid;

impl PostgresStore {
    pub(crate) async fn sealed_with(&self) -> Result<Option<Uuid>, StoreError> {
        on(&self.readers, async |connection| {
            sqlx::query_scalar("SELECT key_store FROM sealing").fetch_optional(connection).await
        })
        .await
    }

    pub(crate) async fn seal_with(&self, key_store: Uuid) -> Result<bool, StoreError> {
        let note = "INSERT INTO sealing VALUES (1, $1) ON CONFLICT DO NOTHING";
        Ok(self.changes(sqlx::query(note).bind(key_store)).await? == 1)
    }

    pub(crate) async fn reseal_with(&self, key_store: Uuid) -> Result<bool, StoreError> {
        let note = "UPDATE sealing SET key_store = $1 WHERE key_store <> $1";
        Ok(self.changes(sqlx::query(note).bind(key_store)).await? == 1)
    }
}
