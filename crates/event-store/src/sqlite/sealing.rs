//! The store of keys of a log in SQLite: each verb is one statement, and its row count is the answer.

use super::{SqliteStore, refusal};
use crate::StoreError;
use uuid::Uuid;

impl SqliteStore {
    pub(crate) async fn sealed_with(&self) -> Result<Option<Uuid>, StoreError> {
        sqlx::query_scalar("SELECT key_store FROM sealing")
            .fetch_optional(&self.readers)
            .await
            .map_err(refusal)
    }

    pub(crate) async fn seal_with(&self, key_store: Uuid) -> Result<bool, StoreError> {
        let note = "INSERT INTO sealing VALUES (1, $1) ON CONFLICT DO NOTHING";
        self.changes_one(sqlx::query(note).bind(key_store)).await
    }

    pub(crate) async fn reseal_with(&self, key_store: Uuid) -> Result<bool, StoreError> {
        let note = "UPDATE sealing SET key_store = $1 WHERE key_store <> $1";
        self.changes_one(sqlx::query(note).bind(key_store)).await
    }
}
