//! The rights of a handle on the log, the same on every backend.

/// The rights with which a handle is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Appends, holds leases with their checkpoints, and reads; creates and migrates the storage.
    ReadWrite,
    /// Reads, and holds leases with their checkpoints; the storage must exist.
    Lease,
    /// Reads only; the storage must exist.
    ReadOnly,
    /// Reads only, even a log whose head is not its last event, which every other access refuses. For
    /// [`crate::EventStore::verify`], which reports what is wrong.
    Verify,
}
