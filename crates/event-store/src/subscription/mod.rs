//! Subscriptions: a job is done for every event of the log, in order, from a durable position on.
//!
//! A subscriber has a name, and under it a checkpoint: the position up to which the job is done. The checkpoint moves with
//! the effect. A projection's checkpoint is in the read tables, and moves in the transaction that writes its rows. A job
//! with an effect elsewhere has its checkpoint in the log, in the row of its lease: [`EventStore::subscribe`]. One process
//! at a time has the lease; each move of the checkpoint names the lease's epoch, so a process that was paused and wakes up
//! late moves nothing. Such a job may repeat its work after the last move, and must make repeats harmless: the relay's
//! consumers ignore versions that they have seen, and a command has an idempotency key made of the event that it follows.
//!
//! [`Follower`] is the loop under all of them.

mod follow;
mod lease_watch;
mod tenure;

pub use follow::Follower;
pub use lease_watch::Patience;
pub use tenure::{AdvanceError, Checkpoint, LeaseLost, Pages, Report, Tenure};

use crate::EventStore;
use lease_watch::LeaseWatch;
use tokio::time::{MissedTickBehavior, interval};

/// A named job on the log, before this process may do it.
#[derive(Debug, Clone)]
pub struct Subscription {
    store: EventStore,
    name: String,
    holder: String,
    patience: Patience,
}

impl EventStore {
    /// Subscribes to the log under a `name`, which is the name of the lease and of the checkpoint. `holder` says to people
    /// which process it is. The handle must be opened with [`crate::Access::ReadWrite`] or [`crate::Access::Lease`].
    pub fn subscribe(
        &self,
        name: impl Into<String>,
        holder: impl Into<String>,
        patience: Patience,
    ) -> Subscription {
        let (name, holder) = (name.into(), holder.into());
        Subscription { store: self.clone(), name, holder, patience }
    }
}

impl Subscription {
    /// Waits until no other process does the job, and takes the lease. Returns where to continue. Failures of the log are
    /// passed to `report`, and it tries again.
    pub async fn take(&self, report: Report<'_>) -> (Tenure, Checkpoint) {
        let mut watch = LeaseWatch::new(self.patience);
        let mut ticks = interval(self.patience.watch_every());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match watch.try_take(&self.store, &self.name, &self.holder).await {
                Ok(Some((lease, state))) => {
                    return (Tenure::new(&self.store, lease, self.patience), state.into());
                }
                Ok(None) => report(Ok(())),
                Err(error) => {
                    tracing::debug!(%error, "the lease cannot be watched");
                    report(Err(error.to_string()));
                    watch = LeaseWatch::new(self.patience);
                }
            }
        }
    }
}
