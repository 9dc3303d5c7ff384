//! When a customer gets the answer that something is not there.
//!
//! Another customer's order answers like one that does not exist, but to find that out takes another time: an order may have
//! to be read, or is in memory. So a customer gets each 404 at a tick of a clock that starts with its request: a multiple of
//! [`TICK`], which is longer than the reading takes.

use std::time::Duration;
use tokio::time::Instant;

/// The time between two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(25);

/// A clock that started with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The tick that comes next.
    pub fn next_tick(self) -> Instant {
        let ticks = self.0.elapsed().as_nanos() / TICK.as_nanos() + 1;
        self.0 + TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
    }
}
