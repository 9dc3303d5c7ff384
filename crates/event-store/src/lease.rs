//! Leases: one process at a time does a job on the log, and the job's checkpoint is fenced by the lease's epoch.
//!
//! Nothing here reads a clock. A holder raises the lease's beats. A rival that sees the same epoch and beats for its
//! timeout, by its own monotonic clock, may take the lease over, which raises the epoch. From then on every write of the
//! former holder names an old epoch and changes nothing, however late it wakes up. So clocks that jump or differ between
//! machines neither end a lease nor keep it alive.
//!
//! The checkpoint is in the same row, so one statement moves it and is a heartbeat too.

use crate::Position;

/// The longest name of a lease, and of a holder, in bytes.
pub const MAX_LEASE_NAME: usize = 200;
/// The longest note, in bytes.
pub const MAX_LEASE_NOTE: usize = 64 * 1024;

/// A lease as read: a rival watches it, and a holder starts from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseState {
    /// Raised with every change of holder.
    pub epoch: u64,
    /// Raised with every heartbeat.
    pub beats: u64,
    /// The process that holds it; `None` when it was given back.
    pub holder: Option<String>,
    /// The job is done for every event up to here.
    pub checkpoint: Position,
    /// What the job keeps with its checkpoint.
    pub note: String,
}

/// The right to do the job until another process takes it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job's name, e.g. `relay:orderlog.events`.
    pub name: String,
    /// The fence: every write under this lease names it.
    pub epoch: u64,
}
