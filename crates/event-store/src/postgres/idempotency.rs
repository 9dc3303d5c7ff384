//! Answers kept under idempotency keys: looked up, and forgotten when they are old.

use super::PostgresStore;
use super::connect::on;
use crate::{StoreError, StoredAnswer, Timestamp, row};
use sqlx::{PgConnection, Row};

/// How many answers one call forgets: few enough that an append waiting behind it hardly notices.
const MAX_FORGOTTEN: i64 = 2_000;

impl PostgresStore {
    pub(crate) async fn answers(
        &self,
        keys: &[String],
    ) -> Result<Vec<Option<StoredAnswer>>, StoreError> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        on(&self.readers, async |connection| find(connection, &keys).await).await
    }

    pub(crate) async fn forget_answers(&self, before: Timestamp) -> Result<u64, StoreError> {
        let forgotten = self
            .changes(
                sqlx::query(
                    "DELETE FROM idempotency WHERE key IN (
                         SELECT key FROM idempotency WHERE NOT permanent AND stored_at < $1
                         ORDER BY stored_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
                )
                .bind(before.timestamp_micros())
                .bind(MAX_FORGOTTEN),
            )
            .await?;
        Ok(forgotten)
    }
}

/// The answers kept under the keys, in the order asked.
pub(super) async fn find(
    connection: &mut PgConnection,
    keys: &[&str],
) -> sqlx::Result<Vec<Option<StoredAnswer>>> {
    let mut answers = vec![None; keys.len()];
    if keys.is_empty() {
        return Ok(answers);
    }
    let rows = sqlx::query(
        "SELECT asked.nth - 1, kept.fingerprint, kept.answer, kept.first_position
         FROM UNNEST($1::text[]) WITH ORDINALITY AS asked (key, nth)
         JOIN idempotency AS kept ON kept.key = asked.key",
    )
    .bind(keys)
    .fetch_all(connection)
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
