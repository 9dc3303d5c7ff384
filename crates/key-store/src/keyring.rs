//! The data keys that a program works with: seals texts of customers, opens what was sealed.
//!
//! Sealing waits for nothing: keys are made and stored in advance, and taken from memory. A customer's first text takes the
//! next one. Which key became whose is read from the log afterwards, so a crash loses nothing but keys that no event uses.
//!
//! A program learns of destroyed keys as it learns of revoked API keys: within [`EVERY`], by one number. Until then it may
//! seal, with a key that the erasure did not know of, a text that it has in memory. So when it learns of an erasure it
//! destroys its own key of that customer, too.
//!
//! While the store is down, keys in memory do their work. Who needs another one is refused: at once, after the first one has
//! waited in vain.

use crate::condition::Condition;
use crate::destroy::DestroyedKey;
use crate::learned::Learned;
use crate::supply::{MADE_AT_ONCE, PATIENCE, Supply};
use crate::{Kept, KeyStore, KeyStoreError, StoredDataKey};
use chrono::{DateTime, Utc};
use personal_data::{DataKey, KeyId, MasterKey, NotOpened, Opened, Sealed, open_json};
use quick_cache::sync::Cache;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The pause between two looks at what was destroyed.
pub const EVERY: Duration = Duration::from_secs(2);
/// The pause after a failure.
const RETRY: Duration = Duration::from_millis(250);
/// How long the store may take to add keys, and to destroy some.
const WRITING: Duration = Duration::from_secs(15);
/// Keys and customers that are remembered.
const REMEMBERED: usize = 100_000;

/// Seals and opens; cheap to clone.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    store: KeyStore,
    master: MasterKey,
    known: Cache<KeyId, Known>,
    /// Held while keys become known: one that is destroyed must not be taken for alive by what was read before.
    knowing: Mutex<()>,
    /// The key of each customer whose texts were sealed here.
    own: Cache<Arc<str>, Arc<DataKey>>,
    supply: Supply,
    learned: tokio::sync::Mutex<Learned>,
    /// Asks for another look at once.
    look: Notify,
    generation: AtomicU64,
    condition: Condition,
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
            knowing: Mutex::default(),
            own: Cache::new(REMEMBERED),
            supply: Supply::default(),
            learned: tokio::sync::Mutex::default(),
            look: Notify::new(),
            generation: AtomicU64::new(0),
            condition: Condition::default(),
        }))
    }

    /// The store that its keys are in.
    pub fn store(&self) -> &KeyStore {
        &self.0.store
    }

    /// The key by which requests are fingerprinted; made, if the store has none.
    ///
    /// # Errors
    /// When the store cannot be reached, or the master key is not that of the store.
    pub async fn request_key(&self) -> Result<DataKey, KeyStoreError> {
        within(WRITING, self.0.store.request_key(&self.0.master, Utc::now())).await
    }

    /// Rises whenever keys turn out to be destroyed, before anything is sealed with another key for their customers.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::SeqCst)
    }

    /// Has keys made, so that the first who need one need not wait.
    pub fn prepare(&self) {
        self.0.supply.want();
    }

    /// Waits until this many customers could get a key: at most 2 s, and not at all after such a wait in vain. Returns whether
    /// they could.
    pub async fn ready(&self, customers: usize) -> bool {
        let ready = self.0.supply.ready(customers).await;
        if !ready {
            self.0.condition.note_dry();
        }
        ready
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
        let key = Arc::new(self.0.supply.take()?);
        self.0.known.insert(key.id(), Known::Key(Arc::clone(&key)));
        self.0.own.insert(customer.into(), Arc::clone(&key));
        Some(key)
    }

    /// Destroys a customer's keys. Afterwards this program opens nothing that was sealed with them, and others do not within
    /// [`EVERY`]. Returns how many there were.
    ///
    /// # Errors
    /// When the store cannot be reached. The same call again finishes what was begun.
    pub async fn erase(&self, customer: &str, at: DateTime<Utc>) -> Result<u64, KeyStoreError> {
        let destroyed = within(WRITING, self.0.store.destroy_keys_of(customer, at)).await?;
        within(PATIENCE, self.learn()).await?;
        within(WRITING, self.destroy_strays()).await?;
        Ok(destroyed)
    }

    /// Notes whose a sealed text's keys are before any event that was followed says so: for what no event holds. Returns
    /// whether they are that customer's, and alive.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn keep_for(&self, customer: &str, json: &[u8]) -> Result<bool, KeyStoreError> {
        for id in keys_in(json) {
            if !within(PATIENCE, self.0.store.assign(id, customer)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Opens all that was sealed in JSON.
    ///
    /// # Errors
    /// When a key is not in memory and the store cannot be reached.
    pub async fn open_json<'a>(&self, json: &'a [u8]) -> Result<OpenedJson<'a>, KeyStoreError> {
        let keys = self.known(keys_in(json)).await?;
        let mut erased_at = None;
        let json = open_json(json, |sealed| match keys.get(&sealed.key()) {
            Some(Known::Key(key)) => match key.open(sealed) {
                Ok(text) => Opened::Text(text),
                // No text of ours.
                Err(NotOpened) => Opened::Sealed,
            },
            Some(Known::Destroyed(at)) => {
                erased_at = erased_at.max(Some(*at));
                Opened::Erased
            }
            // As good as erased, until the key is put back.
            Some(Known::Missing) | None => Opened::Erased,
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
        let keys = self.known(keys_in(json)).await?;
        Ok(open_json(json, |sealed| match keys.get(&sealed.key()) {
            Some(Known::Key(key)) => key.open(sealed).map_or(Opened::Sealed, Opened::Text),
            _ => Opened::Sealed,
        }))
    }

    /// What is known of these keys; those that are not in memory are read.
    async fn known(&self, ids: BTreeSet<KeyId>) -> Result<BTreeMap<KeyId, Known>, KeyStoreError> {
        loop {
            let (mut known, mut missing) = (BTreeMap::new(), Vec::new());
            for id in &ids {
                match self.0.known.get(id) {
                    Some(key) => drop(known.insert(*id, key)),
                    None => missing.push(*id),
                }
            }
            if missing.is_empty() {
                return Ok(known);
            }
            let generation = self.generation();
            let read = self.read(&missing).await?;
            let _knowing = self.0.knowing.lock().unwrap_or_else(PoisonError::into_inner);
            // Otherwise one of them may have been destroyed since it was read.
            if generation == self.generation() {
                // What is missing may be put back.
                let there = read.iter().filter(|(_, key)| !matches!(key, Known::Missing));
                there.for_each(|(id, key)| self.0.known.insert(*id, key.clone()));
                known.extend(read);
                return Ok(known);
            }
        }
    }

    async fn read(&self, ids: &[KeyId]) -> Result<Vec<(KeyId, Known)>, KeyStoreError> {
        if let Some(why) = self.0.condition.unread() {
            return Err(KeyStoreError::Unreached(why));
        }
        let stored = within(PATIENCE, self.0.store.data_keys(ids)).await.inspect_err(|error| {
            self.0.condition.note_reading(Some(error.to_string()));
            self.0.look.notify_one();
        })?;
        let mut read = Vec::with_capacity(ids.len());
        for id in ids.iter().filter(|id| stored.iter().all(|key| key.id != **id)) {
            tracing::error!(key = %id, "the store of keys lacks a data key that texts are sealed with");
            read.push((*id, Known::Missing));
        }
        for StoredDataKey { id, kept } in stored {
            let known = match kept {
                Kept::Destroyed(at) => Known::Destroyed(at),
                Kept::Wrapped { wrapped, .. } => match self.0.master.unwrap(id, &wrapped) {
                    Ok(key) => Known::Key(Arc::new(key)),
                    // It is there, so nothing is lost: an answer without it would be a false one.
                    Err(NotOpened) => {
                        self.0.condition.note_other_master();
                        return Err(KeyStoreError::NotUnwrapped(id));
                    }
                },
            };
            read.push((id, known));
        }
        Ok(read)
    }

    /// Makes keys and learns of destroyed ones until `ending` is cancelled.
    pub async fn run(self, ending: CancellationToken) {
        tokio::select! {
            // In this order: what was destroyed before is learned before there are keys to seal with.
            biased;
            () = ending.cancelled() => {}
            () = self.learn_again_and_again() => {}
            () = self.make_what_is_wanted() => {}
        }
    }

    /// Follows the condition of the store: what does not work, and why.
    pub async fn watch(self, changed: impl FnMut(Result<(), String>)) {
        self.0.condition.watch(changed).await;
    }

    async fn learn_again_and_again(&self) {
        loop {
            let learned = within(PATIENCE, self.learn()).await.map_err(|error| error.to_string());
            let mut pause = if learned.is_ok() { EVERY } else { RETRY };
            if learned.is_ok()
                && let Err(error) = within(WRITING, self.destroy_strays()).await
            {
                tracing::warn!(%error, "keys of erased data are not destroyed yet; it is tried again");
                pause = RETRY;
            }
            self.0.condition.note_reading(learned.err());
            drop(timeout(pause, self.0.look.notified()).await);
        }
    }

    async fn make_what_is_wanted(&self) {
        loop {
            self.0.supply.wanted().await;
            while let Err(error) = self.make().await {
                // While keys are left, nobody has to know.
                if self.0.supply.is_empty() || self.0.supply.is_dry() {
                    self.0.condition.note_making(Some(error.to_string()));
                }
                sleep(RETRY).await;
            }
            self.0.condition.note_making(None);
        }
    }

    async fn make(&self) -> Result<(), KeyStoreError> {
        if self.0.supply.is_full() {
            return Ok(());
        }
        // Until it is known what was destroyed before, nothing is sealed: see `learn`.
        if self.0.learned.lock().await.revision.is_none() {
            return Err(KeyStoreError::Unreached("destroyed keys are not known yet".to_owned()));
        }
        if self.0.store.has_another_master(&self.0.master).await? {
            self.0.condition.note_other_master();
            return Err(KeyStoreError::MasterKeyChanged);
        }
        let made: Result<Vec<_>, _> = (0..MADE_AT_ONCE).map(|_| DataKey::generate()).collect();
        let made = made.map_err(|_| KeyStoreError::NoRandomness)?;
        within(WRITING, self.0.store.add_data_keys(&made, &self.0.master, Utc::now())).await?;
        self.0.supply.add(made);
        Ok(())
    }

    async fn learn(&self) -> Result<(), KeyStoreError> {
        let mut learned = self.0.learned.lock().await;
        // The number is read before the keys: a change in between is seen again on the next look.
        let now = self.0.store.revision().await?;
        if learned.revision != Some(now) {
            for key in self.0.store.destroyed_since(learned.since()).await? {
                self.learn_of(key, &mut learned);
            }
            learned.finish(now);
        }
        Ok(())
    }

    async fn destroy_strays(&self) -> Result<(), KeyStoreError> {
        let mut learned = self.0.learned.lock().await;
        while let Some(stray) = learned.strays.last() {
            self.0.store.destroy_also(stray).await?;
            learned.strays.pop();
        }
        Ok(())
    }

    fn learn_of(&self, key: DestroyedKey, learned: &mut Learned) {
        let first = learned.note(&key);
        if first || !matches!(self.0.known.get(&key.id), Some(Known::Destroyed(_))) {
            self.forget(key.id, key.at);
        }
        if !first {
            return;
        }
        // What it has sealed so far may come from a state of before the erasure.
        let Some((_, own)) = self.0.own.remove(&*key.customer) else { return };
        if own.id() != key.id {
            let stray = DestroyedKey { id: own.id(), ..key };
            self.forget(stray.id, stray.at);
            learned.strays.push(stray);
        }
    }

    /// From now on nothing is opened with this key.
    fn forget(&self, id: KeyId, at: DateTime<Utc>) {
        let _knowing = self.0.knowing.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.known.insert(id, Known::Destroyed(at));
        self.0.generation.fetch_add(1, Ordering::SeqCst);
    }
}

/// The work's result, or an error once it has taken this long.
async fn within<T>(
    bound: Duration,
    work: impl Future<Output = Result<T, KeyStoreError>>,
) -> Result<T, KeyStoreError> {
    timeout(bound, work).await.unwrap_or(Err(KeyStoreError::TimedOut(bound)))
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
