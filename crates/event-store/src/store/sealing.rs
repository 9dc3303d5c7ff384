//! Which store of keys the texts about people in a log are sealed with, as the log itself notes it.

use super::{EventStore, on_backend};
use crate::{StoreError, points};
use uuid::Uuid;

impl EventStore {
    /// The store of keys that texts in this log are sealed with; `None` if none ever was.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn sealed_with(&self) -> Result<Option<Uuid>, StoreError> {
        let _asking = points::ask("log: sealing").await?;
        on_backend!(self, store => store.sealed_with().await)
    }

    /// Notes the store of keys before the first text is sealed. Returns the one that is noted: another one, if the log was
    /// sealed with that before.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn seal_with(&self, key_store: Uuid) -> Result<Uuid, StoreError> {
        let noted = {
            let _asking = points::ask("log: note sealing").await?;
            on_backend!(self, store => store.seal_with(key_store).await)?
        };
        if noted {
            return Ok(key_store);
        }
        let before = self.sealed_with().await?;
        before.ok_or_else(|| StoreError::Corrupt("the log does not keep its store of keys".into()))
    }

    /// Notes another store of keys: the former one is lost. False if the log notes no other one.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn reseal_with(&self, key_store: Uuid) -> Result<bool, StoreError> {
        let _asking = points::ask("log: note sealing").await?;
        on_backend!(self, store => store.reseal_with(key_store).await)
    }
}
