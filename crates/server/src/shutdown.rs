//! SIGTERM and SIGINT cancel a token. Another SIGTERM changes nothing: accepted requests are still finished. A SIGINT
//! after that (from a user at a terminal) ends the program at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code shells give to a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// A token that the first SIGTERM or SIGINT cancels; a SIGINT after it ends the process at once (exit code 130).
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
        tracing::info!(signal = first.as_raw_value(), "asked to stop; interrupt to end at once");
        asked.cancel();
        while next().await != SignalKind::interrupt() {
            tracing::info!("asked to stop again: stopping already");
        }
        std::process::exit(INTERRUPTED);
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
