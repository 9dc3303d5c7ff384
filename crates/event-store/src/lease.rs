//! Leases: one process at a time does a job on the log, and the job's checkpoint is fenced by the lease's epoch.
//!
//! Nothing here reads a clock. A holder makes the lease beat; a rival that has seen the same epoch and the same beat
//! for as long as it is patient (by its own monotonic clock) may take the lease over, which raises the epoch. From then
//! on everything that the former holder writes names an old epoch and changes nothing, however late it wakes up.
//! Clocks that jump or differ between machines can therefore neither end a lease nor keep it alive.
//!
//! The checkpoint stands in the same row, so moving it is itself a sign of life and one statement.

use crate::Position;

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
