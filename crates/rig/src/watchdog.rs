//! An end to tests that hang: while clients block threads, no timeout of a runtime can fire.
//!
//! A runtime that is dropped waits for its threads, after all of the test's own values are gone. So a test is watched
//! until its thread ends.

use std::cell::Cell;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

thread_local! {
    static LEASH: Cell<Option<Sender<()>>> = const { Cell::new(None) };
}

/// Ends the test process if the calling thread still runs `what` after this time. Replaces the thread's earlier bound.
pub fn over_this_thread(what: &str, time: Duration) {
    let (leash, held) = channel::<()>();
    let what = what.to_owned();
    std::thread::spawn(move || {
        if held.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{what} hangs: it takes longer than {} s", time.as_secs());
            std::process::abort();
        }
    });
    LEASH.set(Some(leash));
}
