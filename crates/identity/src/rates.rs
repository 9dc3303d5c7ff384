//! How much a caller may ask for: token buckets, one for each caller and kind of work.
//!
//! Each kind of work has a budget of its own, so a caller that imports or replays too much can still place an order. The
//! answers carry the fields of the IETF draft on rate limits (draft-ietf-httpapi-ratelimit-headers): the policy, and what is
//! left of it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// After so many requests, buckets that are full again are forgotten.
const FORGET_EVERY: u64 = 8_192;

static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// A kind of work with a budget of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Commands.
    Commands,
    /// Views that read a row or a page.
    Views,
    /// Views that replay or sum up.
    Heavy,
    /// Event streams, counted when they are opened.
    Streams,
    /// Imports, counted when they begin.
    Imports,
    /// Health, metrics, documentation: never refused.
    Free,
}

impl Work {
    /// The kinds that have a budget.
    pub const BUDGETED: [Self; 5] =
        [Self::Commands, Self::Views, Self::Heavy, Self::Streams, Self::Imports];

    /// The name in header fields and flags.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Views => "views",
            Self::Heavy => "heavy",
            Self::Streams => "streams",
            Self::Imports => "imports",
            Self::Free => "free",
        }
    }
}

/// So many requests in a second, as many of them at once.
pub type PerSecond = NonZeroU32;

type Buckets = RateLimiter<
    Arc<str>,
    DefaultKeyedStateStore<Arc<str>>,
    DefaultClock,
    StateInformationMiddleware,
>;

/// The budget of one kind of work.
struct Budget {
    rate: PerSecond,
    buckets: Buckets,
    policy: HeaderValue,
    requests: AtomicU64,
}

/// The budgets of all callers.
#[derive(Default)]
pub struct Rates(Vec<(Work, Budget)>);

/// What a request costs its caller.
#[derive(Debug, Clone)]
pub struct Spent {
    policy: HeaderValue,
    left: HeaderValue,
    /// Seconds to wait, if the budget is spent.
    pub wait: Option<u64>,
}

impl Rates {
    /// These budgets; work without one is not limited.
    pub fn of(rates: impl IntoIterator<Item = (Work, PerSecond)>) -> Self {
        let budget = |(work, rate): (Work, PerSecond)| {
            let buckets = RateLimiter::keyed(Quota::per_second(rate)).with_middleware();
            let policy = format!("\"{}\";q={rate};w=1", work.as_str());
            let policy = HeaderValue::from_str(&policy).expect("a name and a number are visible");
            (work, Budget { rate, buckets, policy, requests: AtomicU64::new(0) })
        };
        Self(rates.into_iter().map(budget).collect())
    }

    /// Takes a request from its caller's budget; `None` = this work has none.
    pub fn spend(&self, work: Work, caller: &Arc<str>) -> Option<Spent> {
        let (_, budget) = self.0.iter().find(|(kind, _)| *kind == work)?;
        if budget.requests.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            budget.buckets.retain_recent();
        }
        let (left, wait) = match budget.buckets.check_key(caller) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                (0, Some(wait.as_secs().max(1)))
            }
        };
        let reset = if left == budget.rate.get() { 0 } else { 1 };
        let left = format!("\"{}\";r={left};t={reset}", work.as_str());
        let left = HeaderValue::from_str(&left).expect("a name and numbers are visible");
        Some(Spent { policy: budget.policy.clone(), left, wait })
    }
}

impl Spent {
    /// Adds the fields of the draft.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(POLICY.clone(), self.policy.clone());
        headers.insert(LEFT.clone(), self.left.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(per_second: u32) -> Rates {
        Rates::of([(Work::Commands, NonZeroU32::new(per_second).unwrap())])
    }

    fn left(spent: &Spent) -> String {
        let mut headers = HeaderMap::new();
        spent.write(&mut headers);
        headers[&LEFT].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_budget_is_one_callers_own() {
        let rates = rates(3);
        let (ada, eve): (Arc<str>, Arc<str>) = ("jwt:ada".into(), "jwt:eve".into());
        for expected in ["r=2", "r=1", "r=0"] {
            let spent = rates.spend(Work::Commands, &ada).unwrap();
            assert!(spent.wait.is_none() && left(&spent).contains(expected), "{spent:?}");
        }
        let spent = rates.spend(Work::Commands, &ada).unwrap();
        assert_eq!((spent.wait, left(&spent).as_str()), (Some(1), "\"commands\";r=0;t=1"));
        assert!(rates.spend(Work::Commands, &eve).unwrap().wait.is_none());
        assert!(rates.spend(Work::Views, &ada).is_none(), "no budget, no limit");
    }

    #[test]
    fn callers_that_come_once_are_forgotten() {
        let rates = rates(1_000_000);
        for number in 0..3 * FORGET_EVERY {
            rates.spend(Work::Commands, &format!("jwt:{number}").into());
        }
        assert!(rates.0[0].1.buckets.len() as u64 <= FORGET_EVERY);
    }
}
