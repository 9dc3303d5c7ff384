//! Keys that were made and stored in advance, and are nobody's yet.

use personal_data::DataKey;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Keys that are made at a time.
pub(crate) const MADE_AT_ONCE: usize = 1_024;
/// How long a caller waits for keys before it goes on without.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The keys, and who waits for more.
#[derive(Default)]
pub(crate) struct Supply {
    free: Mutex<Vec<DataKey>>,
    wanted: Notify,
    made: Notify,
    /// Somebody has waited in vain: until keys are made, nobody waits again.
    dry: AtomicBool,
}

impl Supply {
    /// Waits until this many customers could get a key; at most [`PATIENCE`], and not at all after a wait in vain. Returns
    /// whether they could.
    pub async fn ready(&self, customers: usize) -> bool {
        let enough = customers.min(MADE_AT_ONCE);
        if self.free().len() >= enough {
            return true;
        }
        self.wanted.notify_one();
        if self.is_dry() {
            return false;
        }
        let made = async {
            loop {
                let made = self.made.notified();
                if self.free().len() >= enough {
                    return;
                }
                self.wanted.notify_one();
                made.await;
            }
        };
        let waited = timeout(PATIENCE, made).await;
        if waited.is_err() {
            self.dry.store(true, Ordering::SeqCst);
        }
        waited.is_ok()
    }

    /// Whether somebody has waited in vain since keys were made.
    pub fn is_dry(&self) -> bool {
        self.dry.load(Ordering::SeqCst)
    }

    /// Takes a key. When few are left, more are wanted.
    pub fn take(&self) -> Option<DataKey> {
        let (key, left) = {
            let mut free = self.free();
            (free.pop(), free.len())
        };
        if left < MADE_AT_ONCE / 2 {
            self.want();
        }
        key
    }

    /// Asks for keys.
    pub fn want(&self) {
        self.wanted.notify_one();
    }

    /// Waits until keys are wanted.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Whether more need not be made.
    pub fn is_full(&self) -> bool {
        self.free().len() >= MADE_AT_ONCE
    }

    /// Whether no key is left.
    pub fn is_empty(&self) -> bool {
        self.free().is_empty()
    }

    /// Adds keys that are stored by now.
    pub fn add(&self, made: Vec<DataKey>) {
        self.free().extend(made);
        self.dry.store(false, Ordering::SeqCst);
        self.made.notify_waiters();
    }

    fn free(&self) -> MutexGuard<'_, Vec<DataKey>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
