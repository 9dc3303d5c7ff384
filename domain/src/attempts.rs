//! How long to wait before an outside call is tried again: full jitter under a ceiling that doubles.
//!
//! The wait is drawn evenly from zero up to `min(cap, base · 2ⁿ)`. All of the wait is random, so that callers that failed
//! together do not come back together. The random value is passed in: the same value gives the same wait.

use std::time::Duration;

/// The longest wait that is computed exactly: about 584 years. Longer bases and caps count as this.
const LONGEST: Duration = Duration::from_nanos(u64::MAX);

/// When to try again, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The ceiling of the first wait.
    pub base: Duration,
    /// No ceiling is higher.
    pub cap: Duration,
    /// The most tries, the first one included.
    pub most: u32,
}

impl Backoff {
    /// Whether another try may follow after this many.
    pub const fn allows(&self, tried: u32) -> bool {
        tried < self.most
    }

    /// `min(cap, base · 2ⁿ)`. The first wait has n = 0.
    pub fn ceiling(&self, n: u32) -> Duration {
        let cap = nanos(self.cap);
        // Beyond 63, any base but zero has outgrown the cap: shifting by 63 decides the same.
        let ceiling = u128::from(nanos(self.base)) << n.min(63);
        Duration::from_nanos(u64::try_from(ceiling).unwrap_or(u64::MAX).min(cap))
    }

    /// The wait before retry n. `random` is drawn evenly from all of `u64`; the wait is then even over zero up to, but
    /// not with, [`Self::ceiling`].
    pub fn delay(&self, n: u32, random: u64) -> Duration {
        let share = u128::from(nanos(self.ceiling(n))) * u128::from(random);
        Duration::from_nanos(u64::try_from(share >> 64).unwrap_or(u64::MAX))
    }
}

/// At most `u64::MAX`, which [`LONGEST`] has.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.min(LONGEST).as_nanos()).unwrap_or(u64::MAX)
}
