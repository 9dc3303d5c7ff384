//! Keeps a server's API keys as the store has them, and notes their use there.

use crate::{KeyStore, KeyStoreError};
use identity::{ApiKeys, Use};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

/// The pause between two looks at the store. With a look that fails in between, a revoked key is still refused in time.
const EVERY: Duration = Duration::from_secs(2);
/// The shortest pause between two looks that callers wait for, however many send unknown keys.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// Follows the store until `ending` is cancelled; then notes the last uses.
pub async fn follow(store: KeyStore, keys: ApiKeys, ending: CancellationToken) {
    let mut seen = Seen::default();
    let mut round = interval(EVERY);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut soonest = Instant::now();
    loop {
        let wanted = async {
            keys.wanted().await;
            sleep_until(soonest).await;
        };
        let ended = tokio::select! {
            _ = round.tick() => false,
            () = wanted => false,
            () = ending.cancelled() => true,
        };
        let looking = keys.begin_look();
        if let Err(error) = look(&store, &keys, &mut seen).await {
            tracing::warn!(%error, "API keys are not confirmed; without their store they prove nothing soon");
        }
        keys.end_look(looking);
        soonest = Instant::now() + MIN_PAUSE;
        if ended {
            return;
        }
    }
}

/// What a follower has seen.
#[derive(Default)]
struct Seen {
    revision: Option<i64>,
    /// Uses that are not noted yet.
    uses: Vec<Use>,
}

async fn look(store: &KeyStore, keys: &ApiKeys, seen: &mut Seen) -> Result<(), KeyStoreError> {
    // The number is read before the keys: a change in between is seen again on the next look.
    let revision = store.revision().await?;
    if seen.revision == Some(revision) {
        keys.confirm();
    } else {
        keys.replace(store.keys().await?);
        seen.revision = Some(revision);
    }
    // Kept until they are noted.
    seen.uses.extend(keys.take_uses());
    store.note_uses(&seen.uses).await?;
    seen.uses.clear();
    Ok(())
}
