//! How far the log was followed, and which log that was.

use crate::data_keys::number;
use crate::open::on_backend;
use crate::{KeyStore, KeyStoreError};

const PLACE: &str = "SELECT position, hash FROM followed";

const AGAIN: &str =
    "UPDATE followed SET position = 0, hash = NULL WHERE position = $1 AND position > 0";

const UNCOUNT: &str = "UPDATE customers SET orders = 0, plain = 0";

const NONE_MISSING: &str = "DELETE FROM missing_keys";

/// How far the log was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The position of the last event; 0 = none.
    pub position: u64,
    /// Its hash, if that was noted.
    pub hash: Option<[u8; 32]>,
}

impl KeyStore {
    /// How far the log was followed.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn place(&self) -> Result<Place, KeyStoreError> {
        let (position, hash): (i64, Option<Vec<u8>>) =
            on_backend!(self, pool => sqlx::query_as(PLACE).fetch_one(pool).await)?;
        let hash = hash.and_then(|hash| hash.try_into().ok());
        Ok(Place { position: position.unsigned_abs(), hash })
    }

    /// The position up to which the log was followed.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn followed(&self) -> Result<u64, KeyStoreError> {
        Ok(self.place().await?.position)
    }

    /// Follows from the start again: what was followed up to this position is not the log that is there. Whose the keys are,
    /// and what was erased, stays. False if another process has begun again.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn follow_again(&self, followed: u64) -> Result<bool, KeyStoreError> {
        on_backend!(self, pool => {
            let mut transaction = pool.begin().await?;
            let begun = sqlx::query(AGAIN).bind(number(followed)).execute(&mut *transaction).await?;
            if begun.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(UNCOUNT).execute(&mut *transaction).await?;
            sqlx::query(NONE_MISSING).execute(&mut *transaction).await?;
            transaction.commit().await?;
        });
        Ok(true)
    }
}
