//! SIGTERM and SIGINT become a cancelled token; a second one ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Added to a signal's number: the exit code shells give to a process that a signal ended.
const SIGNAL_EXIT_BASE: i32 = 128;

/// A token that the first SIGTERM or SIGINT cancels; the second ends the process at once (exit code 143 or 130).
///
/// # Panics
/// Outside a tokio runtime, or if the system refuses signal handlers: nothing could be stopped cleanly then.
pub fn on_signals() -> CancellationToken {
    let mut terminate = signal(SignalKind::terminate()).expect("a runtime listens for signals");
    let mut interrupt = signal(SignalKind::interrupt()).expect("a runtime listens for signals");
    let token = CancellationToken::new();
    let asked = token.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => SignalKind::terminate(),
                _ = interrupt.recv() => SignalKind::interrupt(),
            }
        };
        let first = next().await;
        tracing::info!(signal = first.as_raw_value(), "asked to stop; ask again to end at once");
        asked.cancel();
        let second = next().await;
        std::process::exit(SIGNAL_EXIT_BASE + second.as_raw_value());
    });
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_cancels_the_token() {
        let token = on_signals();
        assert!(!token.is_cancelled());
        let kill = format!("kill -TERM {}", std::process::id());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        token.cancelled().await;
    }
}
