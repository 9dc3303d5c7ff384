//! What a program has learned of erasures, so that it looks at each once.

use crate::destroy::DestroyedKey;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashSet;

/// Clocks of programs may differ by this much.
const CLOCKS: TimeDelta = TimeDelta::minutes(10);

/// What was learned of destroyed keys.
#[derive(Default)]
pub(crate) struct Learned {
    /// The store's number then.
    pub revision: Option<i64>,
    /// The time of the last erasure.
    last: DateTime<Utc>,
    /// The erasures that may be read again.
    seen: HashSet<(String, DateTime<Utc>)>,
    /// Keys that must be destroyed, too, and are not yet.
    pub strays: Vec<DestroyedKey>,
}

impl Learned {
    /// From when on erasures are to be read.
    pub fn since(&self) -> DateTime<Utc> {
        self.last - CLOCKS
    }

    /// Notes a key's erasure. True for the first key of each.
    pub fn note(&mut self, key: &DestroyedKey) -> bool {
        self.last = self.last.max(key.at);
        self.seen.insert((key.customer.clone(), key.at))
    }

    /// Forgets erasures that are not read again.
    pub fn finish(&mut self, revision: i64) {
        let since = self.since();
        self.seen.retain(|(_, at)| *at >= since);
        self.revision = Some(revision);
    }
}
