//! What a fold remembers of streams between batches: bounded by weight, least recently used first to go.
//!
//! The one rule: an entry that a batch changed may be forgotten only after that batch has committed. Folding runs ahead
//! of flushing, and a row read back before its flush would be an old one.
//!
//! It stands on `lru`, not on `quick_cache`, which forgets as it inserts. That one can pin entries, but looks past all that
//! are pinned for one that is not: a batch heavier than the limit would cost the square of its entries. Here a look at the
//! oldest entry says it all, since those used later belong to no earlier batch. Nor are the two caches one: this one learns
//! weights and commits, that of the command service bounds itself as it is filled.

use lru::LruCache;
use std::hash::Hash;

/// States by stream: by its id where all streams are of one type.
#[derive(Debug)]
pub(crate) struct Cache<K: Hash + Eq, V> {
    entries: LruCache<K, Slot<V>>,
    weight: usize,
    limit: usize,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    weight: usize,
    batch: u64,
}

impl<K: Hash + Eq + Copy, V> Cache<K, V> {
    /// Forgets down to `limit`, in the measure that callers weigh in.
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: LruCache::unbounded(), weight: 0, limit }
    }

    pub(crate) fn contains(&self, stream: &K) -> bool {
        self.entries.contains(stream)
    }

    /// The entry, or a new one; `batch` is going to change it.
    pub(crate) fn entry(&mut self, stream: K, batch: u64, new: impl FnOnce() -> V) -> &mut V {
        let slot =
            self.entries.get_or_insert_mut(stream, || Slot { value: new(), weight: 0, batch });
        slot.batch = batch;
        &mut slot.value
    }

    /// Remembers what was read.
    pub(crate) fn put(&mut self, stream: K, batch: u64, value: V) {
        if let Some(old) = self.entries.put(stream, Slot { value, weight: 0, batch }) {
            self.weight -= old.weight;
        }
    }

    /// The entry, without counting as a use.
    pub(crate) fn peek_mut(&mut self, stream: K) -> Option<&mut V> {
        self.entries.peek_mut(&stream).map(|slot| &mut slot.value)
    }

    /// Says how heavy an entry is by now.
    pub(crate) fn weigh(&mut self, stream: K, weight: usize) {
        if let Some(slot) = self.entries.peek_mut(&stream) {
            self.weight = self.weight - slot.weight + weight;
            slot.weight = weight;
        }
    }

    /// Forgets the oldest entries above the limit, as far as their batches have committed.
    pub(crate) fn trim(&mut self, committed: u64) {
        while self.weight > self.limit {
            match self.entries.peek_lru() {
                Some((_, slot)) if slot.batch <= committed => {
                    let weight = slot.weight;
                    self.entries.pop_lru();
                    self.weight -= weight;
                }
                _ => return,
            }
        }
    }
}
