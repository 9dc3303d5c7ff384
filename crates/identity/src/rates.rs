//! How much a caller may ask for: token buckets, one for each caller and kind of work.
//!
//! Each kind of work has a budget of its own, so a caller that imports or replays too much can still place an order. The
//! answers carry the fields of the IETF draft on rate limits (draft-ietf-httpapi-ratelimit-headers): the policy, and what is
//! left of it.

use crate::origin::Network;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Requests after which buckets that are full again are forgotten.
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

/// Requests in a second; the same number may come at once.
pub type PerSecond = NonZeroU32;

type Buckets<K> =
    RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// A budget that each caller has, or each network.
struct Budget<K: Clone + Eq + Hash> {
    name: &'static str,
    rate: PerSecond,
    buckets: Buckets<K>,
    policy: HeaderValue,
    requests: AtomicU64,
}

/// The budgets of all callers and networks.
#[derive(Default)]
pub struct Rates {
    work: Vec<(Work, Budget<Arc<str>>)>,
    networks: Option<Budget<Network>>,
}

/// The name of the networks' budget in header fields and flags.
pub const NETWORKS: &str = "networks";

/// What a request costs its caller.
#[derive(Debug, Clone)]
pub struct Spent {
    policy: HeaderValue,
    left: HeaderValue,
    /// Seconds to wait, if the budget is spent.
    pub wait: Option<u64>,
}

impl<K: Clone + Eq + Hash> Budget<K> {
    fn new(name: &'static str, rate: PerSecond) -> Self {
        let buckets = RateLimiter::keyed(Quota::per_second(rate)).with_middleware();
        let policy = format!("\"{name}\";q={rate};w=1");
        let policy = HeaderValue::from_str(&policy).expect("a name and a number are visible");
        Self { name, rate, buckets, policy, requests: AtomicU64::new(0) }
    }

    fn spend(&self, caller: &K) -> Spent {
        if self.requests.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.buckets.retain_recent();
        }
        let (left, wait) = match self.buckets.check_key(caller) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                (0, Some(wait.as_secs().max(1)))
            }
        };
        let reset = if left == self.rate.get() { 0 } else { 1 };
        let left = format!("\"{}\";r={left};t={reset}", self.name);
        let left = HeaderValue::from_str(&left).expect("a name and numbers are visible");
        Spent { policy: self.policy.clone(), left, wait }
    }
}

impl Rates {
    /// These budgets; work without one is not limited.
    pub fn of(rates: impl IntoIterator<Item = (Work, PerSecond)>) -> Self {
        let budget = |(work, rate): (Work, PerSecond)| (work, Budget::new(work.as_str(), rate));
        Self { work: rates.into_iter().map(budget).collect(), networks: None }
    }

    /// And this many requests of each network, of all callers together.
    #[must_use]
    pub fn with_networks(self, rate: Option<PerSecond>) -> Self {
        Self { networks: rate.map(|rate| Budget::new(NETWORKS, rate)), ..self }
    }

    /// Takes a request from its caller's budget; `None` = this work has none.
    pub fn spend(&self, work: Work, caller: &Arc<str>) -> Option<Spent> {
        let (_, budget) = self.work.iter().find(|(kind, _)| *kind == work)?;
        Some(budget.spend(caller))
    }

    /// Takes a request from its network's budget; says so if that is spent.
    pub fn spent_by(&self, network: Network) -> Option<Spent> {
        self.networks.as_ref()?.spend(&network).if_spent()
    }
}

impl Spent {
    fn if_spent(self) -> Option<Self> {
        self.wait.is_some().then_some(self)
    }

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
        assert!(rates.work[0].1.buckets.len() as u64 <= FORGET_EVERY);
    }
}
