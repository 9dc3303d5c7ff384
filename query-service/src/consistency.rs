//! Reading one's own writes: a request waits until the projections behind its view have applied a position.
//!
//! All waiting requests share one poller. It reads the positions when a request begins to wait, when a hint says that
//! a projection moved, and at a steady interval while requests wait. If none waits, nothing is read.

use crate::problems;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use read_model::read::Seen;
use read_model::read::positions::Applied;
use read_model::{ReadModel, ReadModelError};
use server::{Problem, ProblemCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

/// The header with a position, in and out.
pub const TOKEN_HEADER: &str = "consistency-token";
/// Seconds waited when the client does not say.
const DEFAULT_WAIT_SECONDS: u64 = 2;
/// The most seconds waited; a request that asks for more gets this.
const MAX_WAIT_SECONDS: u64 = 30;
/// How often the positions are read while requests wait: hints may be lost, and on SQLite other processes send none.
const POLL_EVERY: Duration = Duration::from_millis(20);

/// The position that a request wants to see, if it says so: `Consistency-Token`, with `Prefer: wait=N`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Consistency(pub Option<Wanted>);

/// How new a view has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The position that must have been applied.
    pub position: u64,
    /// How long it may take.
    pub wait: Duration,
}

impl Consistency {
    /// What a read found, if it includes the client's position.
    ///
    /// The check before the read does not suffice: a rollback to an older generation may have come in between.
    ///
    /// # Errors
    /// 503 `read-model-behind` when it shows less, and the problem for a failed read.
    pub(crate) fn seen<T>(self, read: Result<Seen<T>, ReadModelError>) -> Result<Seen<T>, Problem> {
        let seen = read.map_err(problems::of_read_model)?;
        self.met_at(seen.position)?;
        Ok(seen)
    }

    /// Refuses an answer that shows no more than `position` where the client has seen more.
    ///
    /// # Errors
    /// 503 `read-model-behind`.
    pub(crate) fn met_at(self, position: u64) -> Result<(), Problem> {
        match self.0 {
            Some(wanted) if position < wanted.position => Err(wanted.is_ahead_of(position)),
            _ => Ok(()),
        }
    }
}

impl Wanted {
    /// The answer to a client whose position has not been applied.
    pub(crate) fn is_ahead_of(self, applied: u64) -> Problem {
        Problem::new(problems::READ_MODEL_BEHIND)
            .detail("The view has not applied the position of Consistency-Token yet. Try again, or wait longer with Prefer: wait=N.")
            .with("lag_events", self.position.saturating_sub(applied))
            .retry_after(problems::RETRY_AFTER_SECONDS)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Consistency {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        wanted(&parts.headers).map(Self)
    }
}

fn wanted(headers: &HeaderMap) -> Result<Option<Wanted>, Problem> {
    let mut given = headers.get_all(TOKEN_HEADER).iter();
    let (token, None) = (given.next(), given.next()) else { return Err(malformed()) };
    let Some(token) = token else { return Ok(None) };
    let position = token.to_str().ok().and_then(number).ok_or_else(malformed)?;
    Ok(Some(Wanted { position, wait: wait(headers) }))
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn malformed() -> Problem {
    Problem::new(ProblemCode::INVALID_PARAMETER)
        .detail("Consistency-Token takes one position, as an answer gave it: a whole number.")
        .with("parameter", "Consistency-Token")
}

/// `Prefer: wait=N`. Preferences that cannot be read are ignored, as RFC 7240 asks.
fn wait(headers: &HeaderMap) -> Duration {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let seconds = preferences
        .flat_map(|value| value.split(','))
        .filter_map(|preference| preference.split(';').next()?.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| number(seconds.trim().trim_matches('"')))
        .unwrap_or(DEFAULT_WAIT_SECONDS);
    Duration::from_secs(seconds.min(MAX_WAIT_SECONDS))
}

/// The wait ended before the position was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// The position that the projections had applied.
    pub applied: u64,
}

/// The positions that the projections had applied when they were last read, and how many requests wait.
#[derive(Debug, Default)]
pub struct Positions {
    seen: watch::Sender<Applied>,
    waiting: AtomicUsize,
    begun: Notify,
}

impl Positions {
    /// Waits until `place` of the projections has reached `position`.
    ///
    /// # Errors
    /// [`Behind`] when that takes longer than `wait`.
    pub async fn reach(
        &self,
        place: impl Fn(&Applied) -> u64,
        position: u64,
        wait: Duration,
    ) -> Result<(), Behind> {
        let mut seen = self.seen.subscribe();
        if place(&seen.borrow()) >= position {
            return Ok(());
        }
        let waiting = Waiting::begin(self);
        let reached = seen.wait_for(|applied| place(applied) >= position);
        let reached = timeout(wait, reached).await.is_ok_and(|seen| seen.is_ok());
        drop(waiting);
        if reached {
            return Ok(());
        }
        Err(Behind { applied: place(&self.seen.borrow()) })
    }

    /// Wakes the waiting requests if these positions are new.
    pub fn publish(&self, applied: Applied) {
        self.seen.send_if_modified(|seen| {
            let moved = *seen != applied;
            *seen = applied;
            moved
        });
    }

    /// Reads the positions while requests wait. Never returns.
    pub(crate) async fn follow(self: Arc<Self>, model: ReadModel) {
        let mut hint = model.moved_hint();
        loop {
            if self.waiting.load(Ordering::Acquire) == 0 {
                self.begun.notified().await;
            }
            match model.applied().await {
                Ok(applied) => self.publish(applied),
                Err(error) => tracing::debug!(%error, "positions cannot be read; retrying"),
            }
            tokio::select! {
                () = self.begun.notified() => {}
                Ok(()) = hint.changed() => {}
                () = sleep(POLL_EVERY) => {}
            }
        }
    }
}

/// Counts as waiting until dropped.
struct Waiting<'a>(&'a Positions);

impl<'a> Waiting<'a> {
    fn begin(positions: &'a Positions) -> Self {
        positions.waiting.fetch_add(1, Ordering::AcqRel);
        positions.begun.notify_one();
        Self(positions)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use read_model::read::positions::Projection;
    use tokio::time::Instant;

    fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_wait_is_read_from_prefer_and_bounded() {
        for (prefer, seconds) in [
            ("wait=0", 0),
            ("wait=7", 7),
            ("respond-async, wait=\"10\"; x=y", 10),
            ("Wait = 3", 3),
            ("wait=31", 30),
            ("wait=-1", 2),
            ("wait=soon", 2),
            ("handling=lenient", 2),
        ] {
            let read = wanted(&headers(&[(TOKEN_HEADER, "5"), ("prefer", prefer)])).unwrap();
            assert_eq!(read.unwrap().wait, Duration::from_secs(seconds), "{prefer}");
        }
        assert_eq!(wanted(&headers(&[("prefer", "wait=9")])).unwrap(), None);
    }

    #[test]
    fn a_malformed_token_is_refused() {
        for token in ["", "x", "-1", "+1", "1.0", " 1 2", "18446744073709551616"] {
            let refused = wanted(&headers(&[(TOKEN_HEADER, token)])).unwrap_err();
            assert_eq!(refused.code(), ProblemCode::INVALID_PARAMETER, "{token:?}");
        }
        let mut twice = headers(&[(TOKEN_HEADER, "1")]);
        twice.append(TOKEN_HEADER, "2".parse().unwrap());
        assert!(wanted(&twice).is_err());
    }

    fn at(positions: &[(&str, u64)]) -> Applied {
        positions.iter().map(|(name, position)| ((*name).to_owned(), *position)).collect()
    }

    #[tokio::test]
    async fn a_waiter_is_woken_when_every_projection_of_its_view_is_there() {
        let positions = Arc::new(Positions::default());
        let view = |applied: &Applied| applied.least(&[Projection::ORDERS, Projection::HISTORY]);
        let waiting = {
            let positions = Arc::clone(&positions);
            tokio::spawn(async move { positions.reach(view, 5, Duration::from_secs(2)).await })
        };
        positions.begun.notified().await;
        positions.publish(at(&[("orders", 9)]));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "history has not come yet");
        positions.publish(at(&[("history", 5), ("orders", 5)]));
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!(positions.waiting.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn a_waiter_gives_up_after_its_own_time_and_knows_how_far_the_view_had_come() {
        let positions = Positions::default();
        positions.publish(at(&[("sales", 3)]));
        let began = Instant::now();
        let wait = Duration::from_millis(30);
        let behind = positions.reach(|at| at.of(Projection::SALES), 1_000_000, wait).await;
        assert_eq!(behind, Err(Behind { applied: 3 }));
        assert!(began.elapsed() >= wait);
        assert_eq!(positions.reach(|at| at.of(Projection::SALES), 3, Duration::ZERO).await, Ok(()));
    }

    #[tokio::test]
    async fn a_waiter_that_goes_away_is_no_longer_counted() {
        let positions = Positions::default();
        let wait = Duration::from_secs(30);
        {
            let waiter = positions.reach(|at| at.of(Projection::ORDERS), 1, wait);
            assert!(timeout(Duration::from_millis(1), waiter).await.is_err());
        }
        assert_eq!(positions.waiting.load(Ordering::Acquire), 0);
    }
}
