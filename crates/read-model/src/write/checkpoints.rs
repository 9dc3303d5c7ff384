//! The newest signed checkpoint of each origin. It only grows.

use crate::db::{ReadModelError, Sql, WriteTx, stored};
use crate::read::proofs::SignedCheckpoint;

impl WriteTx {
    /// Stores a checkpoint in place of the one of size `before`, or as the first of its origin.
    ///
    /// # Errors
    /// [`ReadModelError::CheckpointMoved`] when another writer has stored one meanwhile; or when the storage refuses.
    pub async fn store_checkpoint(
        &mut self,
        checkpoint: &SignedCheckpoint,
        before: Option<u64>,
        now: i64,
    ) -> Result<(), ReadModelError> {
        let sql = match before {
            None => {
                "INSERT INTO log_checkpoints (origin, size, root, note, signed_at) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
            }
            Some(_) => {
                "UPDATE log_checkpoints SET size = $2, root = $3, note = $4, signed_at = $5 \
                 WHERE origin = $1 AND size = $6"
            }
        };
        let mut sql = Sql::new(sql)
            .bind(checkpoint.origin.as_str())
            .bind(stored(checkpoint.size))
            .bind(&checkpoint.root[..])
            .bind(checkpoint.note.as_str())
            .bind(now);
        if let Some(before) = before {
            sql = sql.bind(stored(before));
        }
        match self.execute(sql).await? {
            1 => Ok(()),
            _ => Err(ReadModelError::CheckpointMoved),
        }
    }
}
