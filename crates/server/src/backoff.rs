//! The pause before a failed attempt is repeated.
//!
//! For loops that try as long as the program runs: there is no last attempt. The pauses depend on the failures alone, so
//! a simulation repeats them exactly.

use std::time::Duration;

/// Pauses that double from the first to the longest.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Begins with `first`; never waits longer than `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The pause after a failure.
    #[must_use]
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.longest);
        pause
    }

    /// Ends a run of failures after an attempt that succeeded: the next failure is the first of its run.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// As [`Self::reset`], if the attempt lasted longer than the longest pause: the new failure has another cause.
    pub fn reset_after(&mut self, lasted: Duration) {
        if lasted > self.longest {
            self.reset();
        }
    }

    /// Whether no attempt of this run has failed yet.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.next == self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_millis(500);

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again_after_a_success() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        assert!(backoff.is_fresh());
        let pauses = [100, 200, 400, 500, 500].map(Duration::from_millis);
        for pause in pauses {
            assert_eq!(backoff.pause(), pause);
            assert!(!backoff.is_fresh());
        }
        backoff.reset();
        assert!(backoff.is_fresh());
        assert_eq!(backoff.pause(), FIRST);
    }

    #[test]
    fn an_attempt_that_lasted_ends_a_run_of_failures() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        let _ = backoff.pause();
        backoff.reset_after(LONGEST);
        assert!(!backoff.is_fresh());
        backoff.reset_after(LONGEST + Duration::from_nanos(1));
        assert!(backoff.is_fresh());
    }
}
