//! Signals to processes that a test started.

use anyhow::bail;
use std::process::Command;

/// What can be done to a process from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ask it to end.
    Terminate,
    /// End it now.
    Kill,
    /// Freeze it: it keeps its connections and notices nothing.
    Pause,
    /// Let it go on.
    Resume,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "-TERM",
            Self::Kill => "-KILL",
            Self::Pause => "-STOP",
            Self::Resume => "-CONT",
        }
    }
}

/// Sends a signal.
///
/// # Errors
/// When there is no such process.
pub fn signal(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let status = Command::new("kill").arg(signal.name()).arg(pid.to_string()).status()?;
    if !status.success() {
        bail!("process {pid} could not be sent {signal:?}");
    }
    Ok(())
}
