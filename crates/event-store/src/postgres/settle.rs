//! Commit recovery: reads back whether a commit without an answer, or with an error, took place. It never guesses.
//!
//! The COMMIT may still be on its way to a server whose connection looks dead from here. So the head row is locked
//! before it is read: our own transaction held that lock, and when we get it the transaction has ended, one
//! way or the other. (The fast path's statement may still be on its way; then its revision is used up, so that it finds
//! another one whenever it comes.) If the head still has the revision that we saw under our lock, nothing was stored. If
//! it moved, either we or a later writer moved it, and the rows show which: the hash at our last position covers every
//! byte of ours; without events, the idempotency record is compared.

use super::connect::{ANSWER_TIMEOUT, is_lost, no_answer, refusal};
use super::head::lock_head;
use super::idempotency;
use super::writer::Writer;
use crate::plan::Plan;
use crate::row::signed;
use crate::{AppendError, StoreError};
use sqlx::PgConnection;
use std::time::Duration;
use tokio::time::timeout;

/// Times that the database is asked: through a server's restart, and longer than it lets a transaction stay idle.
const MAX_ATTEMPTS: u32 = 30;
/// The pause between two of them.
const PAUSE: Duration = Duration::from_millis(500);

/// A commit that failed.
pub(super) struct Unsettled<'p, 'a> {
    pub(super) error: sqlx::Error,
    /// The head's revision before it.
    pub(super) revision: i64,
    pub(super) plan: &'p Plan<'a>,
}

impl Writer {
    /// True when it is stored, false when it is not because the connection was lost.
    pub(super) async fn settle(
        &mut self,
        unsettled: Unsettled<'_, '_>,
    ) -> Result<bool, AppendError> {
        let Unsettled { error, revision, plan } = unsettled;
        let mut unreadable = None;
        for attempt in 0..MAX_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            match self.read_back(revision, plan, is_lost(&error)).await {
                Ok(stored) => {
                    tracing::warn!(%error, stored, "a commit failed and was settled by reading back");
                    return if stored || is_lost(&error) {
                        Ok(stored)
                    } else {
                        Err(refusal(error).into())
                    };
                }
                Err(reason) => unreadable = Some(reason),
            }
        }
        let unreadable = unreadable.map_or_else(String::new, |reason| reason.to_string());
        Err(AppendError::Unknown(format!("{error}; {unreadable}")))
    }

    async fn read_back(
        &mut self,
        revision: i64,
        plan: &Plan<'_>,
        on_its_way: bool,
    ) -> Result<bool, StoreError> {
        let mut connection = self.take().await?;
        let settled = async {
            let stored = is_stored(&mut connection, revision, plan).await?;
            if !stored && on_its_way {
                use_up(&mut connection, revision).await?;
            }
            Ok(stored)
        };
        let stored = timeout(ANSWER_TIMEOUT, settled).await.unwrap_or_else(|_| Err(no_answer()));
        self.roll_back(connection, stored.as_ref().err()).await;
        stored.map_err(refusal)
    }
}

/// Makes sure that nothing that was planned on this revision can be stored any more.
async fn use_up(connection: &mut PgConnection, revision: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE log_head SET revision = revision + 1 WHERE only_row = 1 AND revision = $1")
        .bind(revision)
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql("COMMIT").execute(connection).await.map(|_| ())
}

async fn is_stored(
    connection: &mut PgConnection,
    revision: i64,
    plan: &Plan<'_>,
) -> sqlx::Result<bool> {
    sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
    let (_, now) = lock_head(connection).await?;
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
    let found = idempotency::find(connection, &[&row.answer.key]).await?;
    let stored = found.into_iter().flatten().next();
    Ok(stored.is_some_and(|stored| row.is(&stored)))
}
