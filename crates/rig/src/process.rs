//! Signals to processes that a test started.

use anyhow::bail;
use std::process::Command;

/// A signal to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ask the process to end.
    Terminate,
    /// End the process now.
    Kill,
    /// Freeze the process: it keeps its connections and notices nothing.
    Pause,
    /// Let the process go on.
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
