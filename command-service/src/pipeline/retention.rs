//! Forgets kept answers after their time, in the background: one task for a store, whatever the number of pipelines.

use super::Clock;
use chrono::TimeDelta;
use event_store::EventStore;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long answers are kept for retries.
const KEPT_FOR: TimeDelta = TimeDelta::hours(72);
/// How often old answers are looked for.
const EVERY: Duration = Duration::from_secs(600);
/// Bounded deletions per round; what is left waits for the next one.
const MAX_DELETIONS: usize = 100;

/// Forgets what is older than three days, now and every ten minutes, until `closing`.
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
