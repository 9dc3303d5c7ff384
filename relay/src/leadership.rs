//! Who is the one active relay: takes the lease, keeps it beating, and says when it is lost.
//!
//! A standby watches the lease's beats with its own monotonic clock and takes over when they have stood still for
//! [`Patience::take_after`]. The holder gives up by itself when it could not renew for a little less. Neither is needed for
//! correctness, only for liveness: what fences is the epoch in every write of the checkpoint.

use event_store::{EventStore, Lease, LeaseState, StoreError};
use server::Readiness;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// The name of the log in `/readyz`.
const PART: &str = "event-store";

/// The lease's times, all derived from one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// A lease whose beats stood still for so long is taken over.
    pub take_after: Duration,
}

impl Patience {
    /// A holder that could not renew for so long stops by itself: before anyone takes over.
    fn give_up(self) -> Duration {
        self.take_after * 4 / 5
    }

    fn renew_every(self) -> Duration {
        self.take_after / 5
    }

    fn watch_every(self) -> Duration {
        self.take_after / 20
    }
}

/// Waits until this process may lead, and takes the lease. Errors of the store are reported and waited out.
pub(crate) async fn take(
    store: &EventStore,
    name: &str,
    holder: &str,
    patience: Patience,
    readiness: &Readiness,
) -> (Lease, LeaseState) {
    let mut watch = Watch::new(patience);
    let mut ticks = interval(patience.watch_every());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match watch.try_take(store, name, holder).await {
            Ok(Some(taken)) => return taken,
            Ok(None) => readiness.set(PART, Ok(())),
            Err(error) => {
                tracing::debug!(%error, "the lease cannot be watched");
                readiness.set(PART, Err(error.to_string()));
                watch = Watch::new(patience);
            }
        }
    }
}

/// What a standby has seen of the lease, and since when.
#[derive(Debug)]
struct Watch {
    patience: Patience,
    seen: Option<(LeaseState, Instant)>,
}

impl Watch {
    fn new(patience: Patience) -> Self {
        Self { patience, seen: None }
    }

    async fn try_take(
        &mut self,
        store: &EventStore,
        name: &str,
        holder: &str,
    ) -> Result<Option<(Lease, LeaseState)>, StoreError> {
        let state = store.lease(name).await?;
        if !self.may_take(state.as_ref(), Instant::now()) {
            return Ok(None);
        }
        let Some(lease) = store.take_lease(name, holder, state.as_ref()).await? else {
            return Ok(None);
        };
        // The row as it stands under our own epoch: nobody else changes it now.
        let state = store.lease(name).await?.filter(|state| state.epoch == lease.epoch);
        Ok(state.map(|state| (lease, state)))
    }

    /// Whether the lease is free, or its holder has been still for long enough.
    fn may_take(&mut self, state: Option<&LeaseState>, now: Instant) -> bool {
        let Some(state) = state.filter(|state| state.holder.is_some()) else { return true };
        match &self.seen {
            Some((seen, since)) if seen.epoch == state.epoch && seen.beats == state.beats => {
                now.duration_since(*since) >= self.patience.take_after
            }
            _ => {
                self.seen = Some((state.clone(), now));
                false
            }
        }
    }
}

/// Keeps the lease; returns when it is lost, saying why.
pub(crate) async fn keep(
    store: &EventStore,
    lease: &Lease,
    patience: Patience,
    readiness: &Readiness,
) -> String {
    let give_up = patience.give_up();
    let mut ticks = interval(patience.renew_every());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut renewed = Instant::now();
    loop {
        ticks.tick().await;
        match timeout(give_up, store.renew_lease(lease)).await {
            Ok(Ok(true)) => {
                renewed = Instant::now();
                readiness.set(PART, Ok(()));
            }
            Ok(Ok(false)) => return "another relay took the lease over".to_owned(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the lease could not be renewed");
                readiness.set(PART, Err(error.to_string()));
            }
            Err(_) => tracing::warn!("the lease could not be renewed in time"),
        }
        if renewed.elapsed() >= give_up {
            return "the lease could not be renewed for too long".to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(epoch: u64, beats: u64, holder: Option<&str>) -> LeaseState {
        let holder = holder.map(str::to_owned);
        LeaseState { epoch, beats, holder, checkpoint: 0, note: String::new() }
    }

    #[test]
    fn a_beating_lease_is_left_alone_and_a_still_one_taken() {
        const PATIENCE: Duration = Duration::from_secs(5);
        let mut watch = Watch::new(Patience { take_after: PATIENCE });
        let begun = Instant::now();
        assert!(watch.may_take(None, begun));
        assert!(watch.may_take(Some(&state(1, 1, None)), begun));
        for beat in 0..100 {
            let now = begun + Duration::from_secs(beat);
            assert!(!watch.may_take(Some(&state(1, beat, Some("a"))), now));
        }
        let last = begun + Duration::from_secs(99);
        let still = state(1, 99, Some("a"));
        assert!(!watch.may_take(Some(&still), last + PATIENCE - Duration::from_millis(1)));
        assert!(watch.may_take(Some(&still), last + PATIENCE));
        assert!(!watch.may_take(Some(&state(2, 100, Some("b"))), last + PATIENCE));
    }
}
