//! Deletes old idempotency records in the background: one task for a store, whatever the number of pipelines.

use super::Clock;
use chrono::TimeDelta;
use event_store::EventStore;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the answers of live commands are kept.
const KEPT_FOR: TimeDelta = TimeDelta::hours(72);
/// The interval between deletions.
const EVERY: Duration = Duration::from_secs(600);
/// The most bounded deletions in one round; the rest waits for the next round.
const MAX_DELETIONS: usize = 100;

/// Deletes records older than 72 hours, now and every ten minutes, until `closing`.
pub async fn forget_old_answers(store: EventStore, clock: Clock, closing: CancellationToken) {
    let mut round = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = round.tick() => {}
            () = closing.cancelled() => return,
        }
        for _ in 0..MAX_DELETIONS {
            if closing.is_cancelled() {
                return;
            }
            match store.forget_answers(clock() - KEPT_FOR).await {
                Ok(0) => break,
                Ok(forgotten) => tracing::debug!(forgotten, "old answers forgotten"),
                Err(error) => {
                    tracing::warn!(%error, "old answers were not forgotten");
                    break;
                }
            }
        }
    }
}
