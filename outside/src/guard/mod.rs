//! What stands around a single try, outermost first: rate limit, bulkhead, breaker, timeout.
//!
//! Each provider has a guard of its own, so one that hangs holds up nobody else. A try that a guard refuses was no
//! attempt: nothing was sent ([`NotTried`]).
//!
//! The bulkhead is a semaphore that is asked once, not tower's pair of layers: that pair wants every call as a service,
//! and says only that it shed a call. Here the permit lies around one future.

mod breaker;

use crate::failure::{Judged, NotTried};
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use breaker::{Breaker, BreakerSettings, Outcome, Pass, Phase};

/// The limits of one provider.
#[derive(Debug, Clone, Copy)]
pub struct GuardSettings {
    /// The provider's name in logs.
    pub provider: &'static str,
    /// The most tries begun in a second; as many may begin at once.
    pub per_second: NonZeroU32,
    /// The most tries under way.
    pub at_once: usize,
    /// When no try is let through.
    pub breaker: BreakerSettings,
    /// How long a try may take; `None` if the adapter has a patience of its own.
    pub patience: Option<Duration>,
}

/// Tokio's clock for the rate limit, so that a test can move it.
#[derive(Debug, Clone, Copy)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = std::time::Instant;

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

type Rate = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<std::time::Instant>>;

/// The guards of one provider.
#[derive(Debug)]
pub struct Guard {
    settings: GuardSettings,
    rate: Rate,
    room: Semaphore,
    breaker: Mutex<Breaker>,
    start: Instant,
}

/// Gives the pass back, also if the try is dropped before its end.
struct Pending<'a> {
    guard: &'a Guard,
    pass: Pass,
    outcome: Outcome,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let Self { guard, pass, outcome } = *self;
        guard.watched(|breaker, now| breaker.settle(now, pass, outcome));
    }
}

impl Guard {
    /// Guards that let everything through.
    pub fn new(settings: GuardSettings) -> Self {
        Self {
            settings,
            rate: RateLimiter::direct_with_clock(
                Quota::per_second(settings.per_second),
                TokioClock,
            ),
            room: Semaphore::new(settings.at_once.min(Semaphore::MAX_PERMITS)),
            breaker: Mutex::new(Breaker::new(settings.breaker)),
            start: Instant::now(),
        }
    }

    /// Runs one try, if every guard lets it through.
    ///
    /// # Errors
    /// The try's own; [`Judged::not_tried`] from a guard, and then the try was not even begun; [`Judged::timed_out`].
    pub async fn run<T, E: Judged>(
        &self,
        attempt: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.rate.check().map_err(|not_yet| {
            let wait = not_yet.wait_time_from(TokioClock.now());
            self.refused(NotTried::RateLimit { wait })
        })?;
        let _room = self.room.try_acquire().map_err(|_| self.refused(NotTried::Full))?;
        let pass =
            self.watched(Breaker::permit).map_err(|wait| self.refused(NotTried::Open { wait }))?;
        let mut pending = Pending { guard: self, pass, outcome: Outcome::Abandoned };
        let result = match self.settings.patience {
            None => attempt.await,
            Some(patience) => tokio::time::timeout(patience, attempt)
                .await
                .unwrap_or_else(|_| Err(E::timed_out())),
        };
        let bad = result.as_ref().is_err_and(Judged::blames_provider);
        pending.outcome = if bad { Outcome::Bad } else { Outcome::Good };
        result
    }

    /// What the breaker does, and since when.
    pub fn phase(&self) -> (Phase, Instant) {
        let (phase, since) = self.breaker().phase();
        (phase, self.start + since)
    }

    /// How many more tries may be under way.
    pub fn room(&self) -> usize {
        self.room.available_permits()
    }

    fn refused<E: Judged>(&self, why: NotTried) -> E {
        tracing::debug!(provider = self.settings.provider, ?why, "a guard let no try through");
        E::not_tried(why)
    }

    /// Asks the breaker, and tells a change of its phase.
    fn watched<T>(&self, ask: impl FnOnce(&mut Breaker, Duration) -> T) -> T {
        let (before, answer, after) = {
            let mut breaker = self.breaker();
            let before = breaker.phase().0;
            let answer = ask(&mut breaker, self.start.elapsed());
            (before, answer, breaker.phase().0)
        };
        if before != after {
            tracing::warn!(provider = self.settings.provider, ?before, ?after, "breaker changed");
        }
        answer
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        // The breaker has no half-done state that a panic could leave.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
