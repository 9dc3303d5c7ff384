//! Leases, as callers take, keep and give them back; what one is: [`crate::lease`].

use super::{EventStore, on_backend};
use crate::lease::{Lease, LeaseState, MAX_LEASE_NAME, MAX_LEASE_NOTE};
use crate::{Position, StoreError, points};

impl EventStore {
    /// The lease as it stands; `None` when it was never held.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn lease(&self, name: &str) -> Result<Option<LeaseState>, StoreError> {
        StoreError::refuse_nul([name])?;
        let _asking = points::ask("log: lease").await?;
        on_backend!(self, store => store.lease(name).await)
    }

    /// Takes the lease, provided that it still stands as it was `seen` (`None`: never held). The epoch is one higher
    /// than any before. `None` when another process was faster or the holder showed life. The caller decides when it is
    /// time to take a lease that another process holds.
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

    /// Writes a heartbeat. False when another process holds the lease by now.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says; whether the lease still holds is then unknown.
    pub async fn renew_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        StoreError::refuse_nul([lease.name.as_str()])?;
        let _asking = points::ask("log: renew lease").await?;
        on_backend!(self, store => store.renew_lease(lease).await)
    }

    /// Moves the checkpoint, replaces the note and writes a heartbeat. False when another process holds the lease by now:
    /// then nothing was changed. A checkpoint beyond the head is refused in the same way.
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
            return Err(StoreError::Corrupt("the note that a checkpoint keeps is too long".into()));
        }
        StoreError::refuse_nul([lease.name.as_str(), note])?;
        let _asking = points::ask("log: move checkpoint").await?;
        on_backend!(self, store => store.advance_checkpoint(lease, checkpoint, note).await)
    }

    /// Gives the lease back, so that the next holder need not wait. False when another process held it already.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn release_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        StoreError::refuse_nul([lease.name.as_str()])?;
        let _asking = points::ask("log: give lease back").await?;
        on_backend!(self, store => store.release_lease(lease).await)
    }
}
