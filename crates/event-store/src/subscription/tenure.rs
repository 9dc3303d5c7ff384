//! The time in which one process does a job: it keeps the lease and moves the checkpoint.

use super::follow::Follower;
use super::lease_watch::Patience;
use crate::{EventStore, Lease, LeaseState, Position, RecordedEvent, StoreError};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Receives how the log answers a process that waits for a lease or keeps one; for `/readyz`.
pub type Report<'a> = &'a (dyn Fn(Result<(), String>) + Send + Sync);

/// The point from which a job continues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The job is done for every event up to here.
    pub position: Position,
    /// What the job keeps with its position.
    pub note: String,
}

impl From<LeaseState> for Checkpoint {
    fn from(state: LeaseState) -> Self {
        Self { position: state.checkpoint, note: state.note }
    }
}

/// Why a checkpoint did not move.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    /// Another process has taken the job over: nothing was changed.
    #[error("another process took the lease over")]
    Fenced,
    /// The log failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a tenure ended before its work did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaseLost {
    /// Another process has the lease by now.
    #[error("another process took the lease over")]
    TakenOver,
    /// Another process takes the lease over soon.
    #[error("the lease could not be renewed for too long")]
    NotRenewed,
}

/// The right to do a job, for as long as no other process takes it over.
#[derive(Debug, Clone)]
pub struct Tenure {
    store: EventStore,
    lease: Lease,
    patience: Patience,
}

impl Tenure {
    pub(super) fn new(store: &EventStore, lease: Lease, patience: Patience) -> Self {
        Self { store: store.clone(), lease, patience }
    }

    /// The fence: every move of the checkpoint names it.
    pub fn epoch(&self) -> u64 {
        self.lease.epoch
    }

    /// The checkpoint as it stands.
    ///
    /// # Errors
    /// [`AdvanceError`], as each variant says.
    pub async fn checkpoint(&self) -> Result<Checkpoint, AdvanceError> {
        let state = self.store.lease(&self.lease.name).await?;
        let own = state.filter(|state| state.epoch == self.lease.epoch);
        own.map(Checkpoint::from).ok_or(AdvanceError::Fenced)
    }

    /// Moves the checkpoint to `position`, up to which the job is done, and keeps `note` with it.
    ///
    /// # Errors
    /// [`AdvanceError`], as each variant says. A position beyond the log's end is refused as if fenced.
    pub async fn advance(&self, position: Position, note: &str) -> Result<(), AdvanceError> {
        match self.store.advance_checkpoint(&self.lease, position, note).await? {
            true => Ok(()),
            false => Err(AdvanceError::Fenced),
        }
    }

    /// Keeps the lease while `work` goes on, and gives it back at its end, so that the next process need not wait. Work
    /// is dropped half-way when the lease is lost.
    ///
    /// # Errors
    /// [`LeaseLost`], as each variant says.
    pub async fn during<T>(
        &self,
        report: Report<'_>,
        work: impl Future<Output = T>,
    ) -> Result<T, LeaseLost> {
        tokio::select! {
            biased;
            lost = self.keep(report) => Err(lost),
            done = work => {
                if let Err(error) = self.store.release_lease(&self.lease).await {
                    tracing::debug!(%error, "the lease could not be given back");
                }
                Ok(done)
            }
        }
    }

    /// The log after `from`, page by page, until `shutdown`. Without a hint it reads the log every `poll`.
    pub fn pages(
        &self,
        from: Position,
        limit: usize,
        poll: Duration,
        shutdown: &CancellationToken,
    ) -> Pages {
        let follower = Follower::new(&self.store, poll, shutdown);
        Pages { tenure: self.clone(), follower, limit, position: from }
    }

    /// Keeps the lease; returns when it is lost.
    async fn keep(&self, report: Report<'_>) -> LeaseLost {
        let give_up = self.patience.give_up();
        let mut ticks = interval(self.patience.renew_every());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed = Instant::now();
        loop {
            ticks.tick().await;
            match timeout(give_up, self.store.renew_lease(&self.lease)).await {
                Ok(Ok(true)) => {
                    renewed = Instant::now();
                    report(Ok(()));
                }
                Ok(Ok(false)) => return LeaseLost::TakenOver,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the lease could not be renewed");
                    report(Err(error.to_string()));
                }
                Err(_) => tracing::warn!("the lease could not be renewed in time"),
            }
            if renewed.elapsed() >= give_up {
                return LeaseLost::NotRenewed;
            }
        }
    }
}

/// The log, page by page, with a checkpoint that follows. After a crash between two moves of the checkpoint a page comes
/// again, so the job must make repeats harmless.
#[derive(Debug)]
pub struct Pages {
    tenure: Tenure,
    follower: Follower,
    limit: usize,
    /// The position of the last event returned.
    position: Position,
}

impl Pages {
    /// Waits for events and returns the next of them, in order: at least one. `None` at shutdown.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says. Another call returns the same events.
    pub async fn next(&mut self) -> Result<Option<Vec<RecordedEvent>>, StoreError> {
        while self.follower.next().await {
            let page = self.tenure.store.read_feed(self.position, self.limit).await?;
            if let Some(last) = page.last() {
                self.position = last.position;
                self.follower.found();
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    /// Moves the checkpoint to the last event returned: the job is done up to there.
    ///
    /// # Errors
    /// [`AdvanceError`], as each variant says.
    pub async fn done(&self) -> Result<(), AdvanceError> {
        self.tenure.advance(self.position, "").await
    }
}
