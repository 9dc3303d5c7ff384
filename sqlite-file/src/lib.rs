//! What the event store and the read model share when they are SQLite files in WAL mode.
//!
//! [`Connections`] lends connections without asking them whether they live. [`Checkpoints`] copies the WAL into the file
//! beside whoever writes, so that no commit has to.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod checkpoints;
mod lend;

pub use checkpoints::{AUTOCHECKPOINT, Checkpoints};
pub use lend::{Connections, Lent};
