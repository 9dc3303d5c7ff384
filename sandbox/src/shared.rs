//! One sandbox for several callers in one process, and the clock that it goes by.
//!
//! The clock is tokio's, so a test with paused time controls it.

use crate::core::{Reaction, Request, Sandbox};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Time in milliseconds since 1970: a start that is given, and what tokio's clock has counted since.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start_ms: u64,
    started: Instant,
}

impl Clock {
    /// A clock that shows this time now.
    pub fn from(start_ms: u64) -> Self {
        Self { start_ms, started: Instant::now() }
    }

    /// The time.
    pub fn now_ms(&self) -> u64 {
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.start_ms.saturating_add(since)
    }
}

/// A sandbox and its clock.
#[derive(Debug, Clone)]
pub struct Shared {
    sandbox: Arc<Mutex<Sandbox>>,
    clock: Clock,
}

impl Shared {
    /// A new sandbox, born at this time in milliseconds since 1970.
    pub fn new(now_ms: u64) -> Self {
        let sandbox = Arc::new(Mutex::new(Sandbox::new(now_ms)));
        Self { sandbox, clock: Clock::from(now_ms) }
    }

    /// The sandbox, for this caller alone until the guard is dropped.
    pub fn lock(&self) -> MutexGuard<'_, Sandbox> {
        // Whoever panicked under the lock left a consistent sandbox: its ledger refuses halves.
        self.sandbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Answers a request, after the time that the plan lets it wait.
    pub async fn call(&self, request: &Request) -> Reaction {
        let reaction = self.lock().answer(self.now_ms(), request);
        if reaction.wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(reaction.wait_ms)).await;
        }
        reaction
    }
}
