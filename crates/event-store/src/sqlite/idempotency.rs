//! Answers kept under idempotency keys: looked up, and forgotten when they are old.

use super::{SqliteStore, refusal};
use crate::{StoreError, StoredAnswer, Timestamp, row};
use sqlx::{Executor, Row, Sqlite};

/// How many answers one call forgets: few enough that an append waiting behind it hardly notices.
const MAX_FORGOTTEN: i64 = 2_000;

impl SqliteStore {
    pub(crate) async fn answers(
        &self,
        keys: &[String],
    ) -> Result<Vec<Option<StoredAnswer>>, StoreError> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        find(&self.readers, &keys).await.map_err(refusal)
    }

    pub(crate) async fn forget_answers(&self, before: Timestamp) -> Result<u64, StoreError> {
        let writer = self.writer()?;
        let task = tokio::spawn(async move {
            let mut writer = writer.lock().await;
            let mut connection = writer.take().await?;
            let forgotten = sqlx::query(
                "DELETE FROM idempotency WHERE id IN (
                     SELECT id FROM idempotency WHERE permanent = 0 AND stored_at < $1
                     ORDER BY stored_at LIMIT $2)",
            )
            .bind(before.timestamp_micros())
            .bind(MAX_FORGOTTEN)
            .execute(&mut connection)
            .await
            .map_err(refusal)?;
            writer.put_back(connection);
            Ok(forgotten.rows_affected())
        });
        task.await.unwrap_or_else(|ended| Err(StoreError::Unavailable(ended.to_string())))
    }
}

/// The answers kept under the keys, in the order asked.
pub(super) async fn find(
    executor: impl Executor<'_, Database = Sqlite>,
    keys: &[&str],
) -> sqlx::Result<Vec<Option<StoredAnswer>>> {
    let mut answers = vec![None; keys.len()];
    if keys.is_empty() {
        return Ok(answers);
    }
    let asked = serde_json::to_string(keys).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let rows = sqlx::query(
        "SELECT asked.key, kept.fingerprint, kept.answer, kept.first_position
         FROM json_each($1) AS asked CROSS JOIN idempotency AS kept ON kept.key = asked.value",
    )
    .bind(asked)
    .fetch_all(executor)
    .await?;
    for row in rows {
        let index: usize = row::number(&row, 0)?;
        answers[index] = Some(StoredAnswer {
            fingerprint: row::hash(&row, 1)?,
            answer: row.try_get(2)?,
            first_position: row::number(&row, 3)?,
        });
    }
    Ok(answers)
}
