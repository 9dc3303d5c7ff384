//! The data keys that a program works with: seals texts of customers, opens what was sealed.
//!
//! Sealing waits for nothing: keys are made and stored in advance, and taken from memory. A customer's first text takes the
//! next one. Which key became whose is read from the log afterwards, so a crash loses nothing but keys that no event uses.
//!
//! A program learns of destroyed keys as it learns of revoked API keys: within [`EVERY`], by one number.

use crate::{Kept, KeyStore, KeyStoreError, StoredDataKey};
use chrono::{DateTime, TimeDelta, Utc};
use personal_data::{DataKey, KeyId, MasterKey, NotOpened, Opened, Sealed, open_json};
use quick_cache::sync::Cache;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// The pause between two looks at what was destroyed.
pub const EVERY: Duration = Duration::from_secs(2);
/// Keys that are made at a time.
const MADE_AT_ONCE: usize = 1_024;
/// Keys and customers that are remembered.
const REMEMBERED: usize = 100_000;
/// Clocks of programs may differ by this much.
const CLOCKS: TimeDelta = TimeDelta::minutes(10);

/// Seals and opens; cheap to clone.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    store: KeyStore,
    master: MasterKey,
    known: Cache<KeyId, Known>,
    /// The key of each customer whose texts were sealed here.
    own: Cache<Arc<str>, Arc<DataKey>>,
    /// Stored, and nobody's yet.
    free: Mutex<Vec<DataKey>>,
    wanted: Notify,
    made: Notify,
    learned: tokio::sync::Mutex<Learned>,
    generation: AtomicU64,
}

/// What was learned of destroyed keys.
#[derive(Default)]
struct Learned {
    /// The store's number then.
    revision: Option<i64>,
    /// When the last of them was destroyed.
    last: DateTime<Utc>,
}

/// What is known of a key.
#[derive(Clone)]
enum Known {
    Key(Arc<DataKey>),
    Destroyed(DateTime<Utc>),
    /// The store does not have it: it was put back from a backup, say.
    Missing,
}

/// JSON with what was sealed in it opened.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenedJson<'a> {
    /// The JSON; borrowed if nothing was sealed.
    pub json: Cow<'a, [u8]>,
    /// When a text in it was erased, if one was.
    pub erased_at: Option<DateTime<Utc>>,
}

impl Keyring {
    /// A keyring over a store.
    pub fn new(store: KeyStore, master: MasterKey) -> Self {
        Self(Arc::new(Inner {
            store,
            master,
            known: Cache::new(REMEMBERED),
            own: Cache::new(REMEMBERED),
            free: Mutex::default(),
            wanted: Notify::new(),
            made: Notify::new(),
            learned: tokio::sync::Mutex::default(),
            generation: AtomicU64::new(0),
        }))
    }

    /// The store that its keys are in.
    pub fn store(&self) -> &KeyStore {
        &self.0.store
    }

    /// Rises whenever keys turn out to be destroyed, before anything is sealed with another key for their customers.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::SeqCst)
    }

    /// Waits until so many customers could get a key.
    pub async fn ready(&self, customers: usize) {
        loop {
            let made = self.0.made.notified();
            if self.free().len() >= customers.min(MADE_AT_ONCE) {
                return;
            }
            self.0.wanted.notify_one();
            made.await;
        }
    }

    /// Seals a text of a customer. `None` if the customer has no key and none is free: [`Self::ready`] sees to that.
    pub fn seal(&self, customer: &str, text: &str) -> Option<String> {
        let key = match self.0.own.get(customer) {
            Some(key) => key,
            None => self.give(customer)?,
        };
        key.seal(text).ok().map(|sealed| sealed.to_string())
    }

    fn give(&self, customer: &str) -> Option<Arc<DataKey>> {
        let (key, left) = {
            let mut free = self.free();
            (Arc::new(free.pop()?), free.len())
        };
        if left < MADE_AT_ONCE / 2 {
            self.0.wanted.notify_one();
        }
        self.0.known.insert(key.id(), Known::Key(Arc::clone(&key)));
        self.0.own.insert(customer.into(), Arc::clone(&key));
        Some(key)
    }

    /// Destroys a customer's keys. Afterwards this program opens nothing that was sealed with them, and others do not within
    /// [`EVERY`]. Returns how many there were.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn erase(&self, customer: &str, at: DateTime<Utc>) -> Result<u64, KeyStoreError> {
        let destroyed = self.0.store.destroy_keys_of(customer, at).await?;
        self.learn().await?;
        Ok(destroyed)
    }

    /// Opens all that was sealed in JSON.
    ///
    /// # Errors
    /// When a key is not in memory and the store cannot be reached.
    pub async fn open_json<'a>(&self, json: &'a [u8]) -> Result<OpenedJson<'a>, KeyStoreError> {
        self.fetch(keys_in(json)).await?;
        let mut erased_at = None;
        let json = open_json(json, |sealed| match self.0.known.get(&sealed.key()) {
            Some(Known::Key(key)) => match key.open(sealed) {
                Ok(text) => Opened::Text(text),
                Err(NotOpened) => Opened::Sealed,
            },
            Some(Known::Destroyed(at)) => {
                erased_at = erased_at.max(Some(at));
                Opened::Erased
            }
            Some(Known::Missing) | None => Opened::Sealed,
        });
        Ok(OpenedJson { json, erased_at })
    }

    /// Opens what was not erased; the rest stays sealed.
    ///
    /// # Errors
    /// Those of [`Self::open_json`].
    pub async fn open_what_is_left<'a>(
        &self,
        json: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, KeyStoreError> {
        self.fetch(keys_in(json)).await?;
        Ok(open_json(json, |sealed| match self.0.known.get(&sealed.key()) {
            Some(Known::Key(key)) => key.open(sealed).map_or(Opened::Sealed, Opened::Text),
            _ => Opened::Sealed,
        }))
    }

    /// Sees to it that these keys are known.
    async fn fetch(&self, ids: BTreeSet<KeyId>) -> Result<(), KeyStoreError> {
        let missing: Vec<KeyId> =
            ids.into_iter().filter(|id| self.0.known.get(id).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let stored = self.0.store.data_keys(&missing).await?;
        for id in missing.into_iter().filter(|id| stored.iter().all(|key| key.id != *id)) {
            tracing::error!(key = %id, "the store of keys lacks a data key that texts are sealed with");
            self.0.known.insert(id, Known::Missing);
        }
        for StoredDataKey { id, kept } in stored {
            let known = match kept {
                Kept::Destroyed(at) => Known::Destroyed(at),
                Kept::Wrapped { wrapped, .. } => match self.0.master.unwrap(id, &wrapped) {
                    Ok(key) => Known::Key(Arc::new(key)),
                    Err(NotOpened) => {
                        tracing::error!(key = %id, "a data key was wrapped by another master key; see --personal-data-key-file");
                        Known::Missing
                    }
                },
            };
            self.0.known.insert(id, known);
        }
        Ok(())
    }

    /// Makes keys and learns of destroyed ones until `ending` is cancelled.
    pub async fn run(self, ending: CancellationToken) {
        let mut round = interval(EVERY);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = ending.cancelled() => return,
                () = self.0.wanted.notified() => self.make().await,
                _ = round.tick() => self.learn().await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "the store of data keys");
            }
        }
    }

    async fn make(&self) -> Result<(), KeyStoreError> {
        if self.free().len() >= MADE_AT_ONCE {
            return Ok(());
        }
        let made: Result<Vec<_>, _> = (0..MADE_AT_ONCE).map(|_| DataKey::generate()).collect();
        let made = made.map_err(|_| KeyStoreError::NoRandomness)?;
        self.0.store.add_data_keys(&made, &self.0.master, Utc::now()).await?;
        self.free().extend(made);
        self.0.made.notify_waiters();
        Ok(())
    }

    async fn learn(&self) -> Result<(), KeyStoreError> {
        let mut learned = self.0.learned.lock().await;
        // The number is read before the keys: a change in between is seen again on the next look.
        let now = self.0.store.revision().await?;
        if learned.revision == Some(now) {
            return Ok(());
        }
        for StoredDataKey { id, kept } in
            self.0.store.destroyed_since(learned.last - CLOCKS).await?
        {
            let Kept::Destroyed(at) = kept else { continue };
            self.0.known.insert(id, Known::Destroyed(at));
            self.0.generation.fetch_add(1, Ordering::SeqCst);
            self.0.own.retain(|_, key| key.id() != id);
            learned.last = learned.last.max(at);
        }
        learned.revision = Some(now);
        Ok(())
    }

    fn free(&self) -> MutexGuard<'_, Vec<DataKey>> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys that something in the JSON was sealed with.
pub fn keys_in(json: &[u8]) -> BTreeSet<KeyId> {
    let mut keys = BTreeSet::new();
    open_json(json, |sealed: &Sealed| {
        keys.insert(sealed.key());
        Opened::Sealed
    });
    keys
}
