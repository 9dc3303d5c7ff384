//! A line of an import.

use oracle::ask::Command;
use oracle::fact::Time;

/// A line of a file, and what it means.
#[derive(Debug, Clone)]
pub struct Line {
    pub text: String,
    /// Identifies the line when it is sent again.
    pub id: String,
    pub command: Command,
    pub at: Time,
}
