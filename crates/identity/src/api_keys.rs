//! The API keys that are known now, in memory: what each request asks.
//!
//! The follower of the store of keys puts them here, again and again. Keys that nobody has confirmed for
//! [`MAX_AGE`] prove nothing: a revoked key must not go on working because its store cannot be reached.

use crate::api_key::{ApiKey, StoredKey, proves};
use crate::principal::Principal;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// How long keys are believed without a look at their store: a revoked key is refused everywhere after it.
pub const MAX_AGE: Duration = Duration::from_secs(5);

/// How long a key that is not known waits for a look at the store: it may have been made just now.
const WAIT: Duration = Duration::from_secs(1);

/// The known keys; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ApiKeys(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    known: RwLock<Known>,
    /// Looks at the store that began.
    looks: AtomicU64,
    /// The last look that ended.
    looked: watch::Sender<u64>,
    wanted: Notify,
}

/// A look at the store, under way.
#[derive(Debug, Clone, Copy)]
pub struct Look(u64);

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<String, Arc<Entry>>,
    /// Uses of keys that are gone, not taken yet.
    last_uses: Vec<Use>,
    confirmed: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    stored: StoredKey,
    principal: Arc<Principal>,
    uses: AtomicU64,
    last_used: AtomicI64,
}

/// What became of a key since the last count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The key's id.
    pub id: String,
    /// Requests that it proved.
    pub requests: u64,
    /// The last of them.
    pub last_used: DateTime<Utc>,
}

/// What a key is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It proves this caller.
    Proven(Arc<Principal>),
    /// It is not there, not in force, or the secret is wrong.
    Refused,
    /// The store of keys was not reached for too long.
    Unconfirmed,
}

impl ApiKeys {
    /// Replaces the known keys by those that the store holds now. The uses of keys that stay are kept.
    pub fn replace(&self, stored: Vec<StoredKey>) {
        let mut known = self.write();
        let mut before = std::mem::take(&mut known.keys);
        known.keys = stored
            .into_iter()
            .map(|stored| {
                let id = stored.id.clone();
                let same = before.get(&id).is_some_and(|entry| entry.stored == stored);
                let entry = if same { before.remove(&id) } else { None };
                (id, entry.unwrap_or_else(|| Arc::new(Entry::new(stored))))
            })
            .collect();
        known.last_uses.extend(before.values().filter_map(|entry| entry.take_use()));
        known.confirmed = Some(Instant::now());
    }

    /// Says that the store was reached and holds what is known.
    pub fn confirm(&self) {
        self.write().confirmed = Some(Instant::now());
    }

    /// Says that a look at the store begins.
    pub fn begin_look(&self) -> Look {
        Look(self.0.looks.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Says that a look has ended, whatever came of it.
    pub fn end_look(&self, look: Look) {
        self.0.looked.send_replace(look.0);
    }

    /// Returns when a caller waits for a look at the store.
    pub async fn wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// Waits for a look that begins after this call, for a second at most. Without a follower it returns at once.
    pub(crate) async fn newer(&self) {
        let begun = self.0.looks.load(Ordering::SeqCst);
        if begun == 0 {
            return;
        }
        let mut looked = self.0.looked.subscribe();
        self.0.wanted.notify_one();
        // Without a look in time the key stays unknown.
        let _ = timeout(WAIT, looked.wait_for(|look| *look > begun)).await;
    }

    /// What a key that a caller sent is worth at this time.
    pub fn judge(&self, given: &ApiKey, now: DateTime<Utc>) -> Verdict {
        let known = self.read();
        if known.confirmed.is_none_or(|at| at.elapsed() > MAX_AGE) {
            return Verdict::Unconfirmed;
        }
        let entry = known.keys.get(given.id()).cloned();
        drop(known);
        let proven = proves(given, entry.as_ref().map(|entry| &entry.stored), now);
        match entry.filter(|_| proven) {
            None => Verdict::Refused,
            Some(entry) => {
                entry.uses.fetch_add(1, Ordering::Relaxed);
                entry.last_used.store(now.timestamp_micros(), Ordering::Relaxed);
                Verdict::Proven(Arc::clone(&entry.principal))
            }
        }
    }

    /// Whether the key of this id is still in force, as far as that is confirmed.
    pub fn holds(&self, id: &str, now: DateTime<Utc>) -> bool {
        let known = self.read();
        let confirmed = known.confirmed.is_some_and(|at| at.elapsed() <= MAX_AGE);
        confirmed && known.keys.get(id).is_some_and(|entry| entry.stored.is_valid(now))
    }

    /// The uses since the last call.
    pub fn take_uses(&self) -> Vec<Use> {
        let mut known = self.write();
        let mut uses = std::mem::take(&mut known.last_uses);
        uses.extend(known.keys.values().filter_map(|entry| entry.take_use()));
        uses
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(stored: StoredKey) -> Self {
        let principal = Arc::new(stored.principal());
        Self { stored, principal, uses: AtomicU64::new(0), last_used: AtomicI64::new(0) }
    }
    fn take_use(&self) -> Option<Use> {
        let requests = self.uses.swap(0, Ordering::Relaxed);
        let last_used = DateTime::from_timestamp_micros(self.last_used.load(Ordering::Relaxed))?;
        (requests > 0).then(|| Use { id: self.stored.id.clone(), requests, last_used })
    }
}
