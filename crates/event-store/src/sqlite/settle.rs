//! Commit recovery: reads back whether a commit that answered with an error took place. It never guesses.
//!
//! Our append would have moved the head to the next revision. If the head still stands where it stood under our lock,
//! nothing was stored. If it moved, either we or a later writer moved it, and the rows show which: the hash at our last
//! position covers every byte of ours; without events, the idempotency record is compared.

use super::refusal;
use super::writer::Writer;
use crate::plan::Plan;
use crate::row::signed;
use crate::{AppendError, Appended};
use sqlx::SqliteConnection;

/// A commit that failed.
pub(super) struct Unsettled<'a> {
    pub(super) error: sqlx::Error,
    /// The head's revision before it.
    pub(super) revision: i64,
    pub(super) plan: Plan<'a>,
}

impl Writer {
    pub(super) async fn settle(
        &mut self,
        unsettled: Unsettled<'_>,
    ) -> Result<Vec<Appended>, AppendError> {
        let Unsettled { error, revision, plan } = unsettled;
        let mut connection = match self.take().await {
            Ok(connection) => connection,
            Err(unreadable) => return Err(AppendError::Unknown(format!("{error}; {unreadable}"))),
        };
        match is_stored(&mut connection, revision, &plan).await {
            Ok(stored) => {
                self.put_back(connection);
                tracing::warn!(%error, stored, "a commit failed and was settled by reading back");
                if stored { Ok(plan.appended()) } else { Err(refusal(error).into()) }
            }
            Err(unreadable) => Err(AppendError::Unknown(format!("{error}; {unreadable}"))),
        }
    }
}

async fn is_stored(
    connection: &mut SqliteConnection,
    revision: i64,
    plan: &Plan<'_>,
) -> sqlx::Result<bool> {
    let now: i64 =
        sqlx::query_scalar("SELECT revision FROM log_head").fetch_one(&mut *connection).await?;
    if now == revision {
        return Ok(false);
    }
    if !plan.events.is_empty() {
        let hash: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT hash FROM events WHERE position = $1")
                .bind(signed(plan.head.position))
                .fetch_optional(connection)
                .await?;
        return Ok(hash.is_some_and(|hash| *hash == plan.head.hash));
    }
    let Some(row) = plan.answers.first() else { return Ok(false) };
    let found = super::idempotency::find(connection, &[&row.answer.key]).await?;
    let stored = found.into_iter().flatten().next();
    Ok(stored.is_some_and(|stored| row.is(&stored)))
}
