//! Decides when a lease may be taken from a process without a heartbeat.
//!
//! A standby watches the lease's beats with its own monotonic clock and takes over when they have stood still for
//! [`Patience::take_after`]. The holder gives up by itself when it could not renew for a little less. Both serve liveness
//! only: correctness rests on the fence, the epoch in every write of the checkpoint.

use crate::{EventStore, Lease, LeaseState, StoreError};
use std::time::Duration;
use tokio::time::Instant;

/// The lease's times, all derived from one.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A standby takes over a lease whose beats stood still for this long.
    pub take_after: Duration,
}

impl Patience {
    /// A holder that could not renew for this long stops by itself, before a standby takes over.
    pub(super) fn give_up(self) -> Duration {
        self.take_after * 4 / 5
    }

    pub(super) fn renew_every(self) -> Duration {
        self.take_after / 5
    }

    pub(super) fn watch_every(self) -> Duration {
        self.take_after / 20
    }
}

/// What a standby has seen of the lease, and since when.
#[derive(Debug)]
pub(super) struct LeaseWatch {
    patience: Patience,
    seen: Option<(LeaseState, Instant)>,
}

impl LeaseWatch {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, seen: None }
    }

    pub(super) async fn try_take(
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
        // The row as it stands under our own epoch: no other holder changes it now.
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
        let mut watch = LeaseWatch::new(Patience { take_after: PATIENCE });
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
