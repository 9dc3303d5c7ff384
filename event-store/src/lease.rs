//! Leases: one process at a time does a job on the log, and the job's checkpoint is fenced by the lease's epoch.
//!
//! Nothing here reads a clock. A holder makes the lease beat; a rival that has seen the same epoch and the same beat
//! for as long as it is patient (by its own monotonic clock) may take the lease over, which raises the epoch. From then
//! on everything that the former holder writes names an old epoch and changes nothing, however late it wakes up.
//! Clocks that jump or differ between machines can therefore neither end a lease nor keep it alive.
//!
//! The checkpoint stands in the same row, so moving it is itself a sign of life and one statement.

use crate::points;
use crate::store::on_backend;
use crate::{EventStore, Position, StoreError};

/// The longest name of a lease, and of a holder, in bytes.
pub const MAX_LEASE_NAME: usize = 200;
/// The longest note, in bytes.
pub const MAX_LEASE_NOTE: usize = 64 * 1024;

/// A lease as it was read: what a rival watches and a holder starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseState {
    /// Raised with every change of holder.
    pub epoch: u64,
    /// Raised with every sign of life.
    pub beats: u64,
    /// Who holds it; `None` when it was given back.
    pub holder: Option<String>,
    /// The job is done for every event up to here.
    pub checkpoint: Position,
    /// What the job keeps with its checkpoint.
    pub note: String,
}

/// The right to do the job, for as long as no one else has taken it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job's name, e.g. `relay:orderlog.events`.
    pub name: String,
    /// The fence: what is written under this lease names it.
    pub epoch: u64,
}

impl EventStore {
    /// The lease as it stands; `None` when nobody ever held it.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn lease(&self, name: &str) -> Result<Option<LeaseState>, StoreError> {
        StoreError::refuse_nul([name])?;
        let _asking = points::ask("log: lease").await?;
        on_backend!(self, store => store.lease(name).await)
    }

    /// Takes the lease, provided that it still stands as it was `seen` (`None`: never held). The epoch is one higher
    /// than any before. `None` when somebody else was faster or the holder showed life. Whether the time has come to
    /// take a lease that someone else holds is the caller's judgement.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        seen: Option<&LeaseState>,
    ) -> Result<Option<Lease>, StoreError> {
        if name.len() > MAX_LEASE_NAME || holder.len() > MAX_LEASE_NAME {
            return Err(StoreError::Corrupt(
                "the name of a lease or of its holder is too long".into(),
            ));
        }
        StoreError::refuse_nul([name, holder])?;
        let _asking = points::ask("log: take lease").await?;
        on_backend!(self, store => store.take_lease(name, holder, seen).await)
    }

    /// Shows that the holder lives. False when the lease is someone else's by now.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says; whether the lease still holds is then unknown.
    pub async fn renew_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        StoreError::refuse_nul([lease.name.as_str()])?;
        let _asking = points::ask("log: renew lease").await?;
        on_backend!(self, store => store.renew_lease(lease).await)
    }

    /// Moves the checkpoint and replaces the note, and shows that the holder lives. False when the lease is someone
    /// else's by now: then nothing was changed. A checkpoint beyond the head is refused in the same way.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn advance_checkpoint(
        &self,
        lease: &Lease,
        checkpoint: Position,
        note: &str,
    ) -> Result<bool, StoreError> {
        if note.len() > MAX_LEASE_NOTE {
            return Err(StoreError::Corrupt("the note beside a checkpoint is too long".into()));
        }
        StoreError::refuse_nul([lease.name.as_str(), note])?;
        let _asking = points::ask("log: move checkpoint").await?;
        on_backend!(self, store => store.advance_checkpoint(lease, checkpoint, note).await)
    }

    /// Gives the lease back, so that the next one need not wait. False when it was someone else's already.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn release_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        StoreError::refuse_nul([lease.name.as_str()])?;
        let _asking = points::ask("log: give lease back").await?;
        on_backend!(self, store => store.release_lease(lease).await)
    }
}
