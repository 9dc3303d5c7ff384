//! The loop that follows the log.

use crate::{EventStore, Position, points};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Says when to read on: `while follower.next().await { … }`, with [`Follower::found`] after a turn that found events.
#[derive(Debug)]
pub struct Follower {
    hint: watch::Receiver<Position>,
    poll: Duration,
    shutdown: CancellationToken,
    /// Whether the last turn found events, or there was none yet.
    found: bool,
}

impl Follower {
    /// Follows a log until `shutdown`. Without a hint it reads the log every `poll`.
    pub fn new(store: &EventStore, poll: Duration, shutdown: &CancellationToken) -> Self {
        Self { hint: store.head_hint(), poll, shutdown: shutdown.clone(), found: true }
    }

    /// Returns when the next turn is due: at once if the last one found events, else on a hint that the log has grown. A
    /// hint may be lost, so the poll interval bounds the wait. False at shutdown, which ends a pause but no turn.
    pub async fn next(&mut self) -> bool {
        if !self.found {
            let _resting = points::resting();
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                () = tokio::time::sleep(self.poll) => {}
                changed = self.hint.changed() => if changed.is_err() {
                    tokio::time::sleep(self.poll).await;
                },
            }
        }
        self.found = false;
        // Before the turn, so that what is appended during it is a change.
        self.hint.borrow_and_update();
        !self.shutdown.is_cancelled()
    }

    /// Notes that this turn found events, so that the next one is due at once.
    pub fn found(&mut self) {
        self.found = true;
    }
}
