//! What the event store and the read model share when they are SQLite files in WAL mode.
//!
//! [`Connections`] lends connections without testing them first. [`Checkpoints`] copies the WAL into the file while
//! others write, so that no commit has to. [`migrate`] brings the file to its schema, even if several processes
//! start at once. [`file_of`] reads the URL that names the file.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod checkpoints;
mod create;
mod lend;
mod url;

pub use checkpoints::{AUTOCHECKPOINT, Checkpoints};
pub use create::{migrate, while_locked};
pub use lend::{Connections, Lent};
pub use url::{NoFile, file_of, url_of};

use sqlx::error::DatabaseError;

/// SQLite's primary result code, without what an extended one adds (<https://www.sqlite.org/rescode.html>).
#[must_use]
pub fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    let extended: i32 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}
