//! What a handle on the log may do: every backend opens by it.

/// What this handle may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Appends, holds leases with their checkpoints, and reads; creates and migrates the storage.
    ReadWrite,
    /// Reads, and holds leases with their checkpoints; the storage must exist.
    Lease,
    /// Reads only; the storage must exist.
    ReadOnly,
    /// Reads only, even a log whose head is not its last event, which every other access refuses: to find out, by
    /// [`crate::EventStore::verify`], what is wrong with it.
    Verify,
}
