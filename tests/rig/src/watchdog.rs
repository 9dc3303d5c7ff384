//! An end to tests that hang: where clients block threads, no timeout of a runtime can fire.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Ends the test process if it still exists after its time.
#[derive(Debug)]
pub struct Watchdog {
    _leash: Sender<()>,
}

impl Watchdog {
    /// Lets `what` take so long.
    #[must_use]
    pub fn over(what: &str, time: Duration) -> Self {
        let (leash, held) = channel::<()>();
        let what = what.to_owned();
        std::thread::spawn(move || {
            if held.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{what} hangs: it takes longer than {} s", time.as_secs());
                std::process::abort();
            }
        });
        Self { _leash: leash }
    }
}
