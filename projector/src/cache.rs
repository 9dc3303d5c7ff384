//! A fold's cache of streams between batches: bounded by weight; the least recently used entry is evicted first.
//!
//! The one rule: an entry that a batch changed may be evicted only after that batch has committed. Folding runs ahead of
//! flushing, so a row read back before its flush would be out of date.
//!
//! It uses `lru`, not `quick_cache`, which evicts on insert. `quick_cache` can pin entries, but searches past all pinned
//! ones: a batch heavier than the limit would cost the square of its entries. Here the oldest entry suffices, because
//! entries used later belong to no earlier batch. The command service's cache is another: it bounds itself on insert,
//! while this one is given weights and commits.

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
    /// An empty cache that [`Cache::trim`] evicts down to `limit`, in the unit of [`Cache::weigh`].
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: LruCache::unbounded(), weight: 0, limit }
    }

    pub(crate) fn contains(&self, stream: &K) -> bool {
        self.entries.contains(stream)
    }

    /// The entry, or a new one, for `batch` to change.
    pub(crate) fn entry(&mut self, stream: K, batch: u64, new: impl FnOnce() -> V) -> &mut V {
        let slot =
            self.entries.get_or_insert_mut(stream, || Slot { value: new(), weight: 0, batch });
        slot.batch = batch;
        &mut slot.value
    }

    /// Keeps an entry that was read from the tables.
    pub(crate) fn put(&mut self, stream: K, batch: u64, value: V) {
        if let Some(old) = self.entries.put(stream, Slot { value, weight: 0, batch }) {
            self.weight -= old.weight;
        }
    }

    /// The entry, without counting as a use.
    pub(crate) fn peek_mut(&mut self, stream: K) -> Option<&mut V> {
        self.entries.peek_mut(&stream).map(|slot| &mut slot.value)
    }

    /// Sets the weight of an entry.
    pub(crate) fn weigh(&mut self, stream: K, weight: usize) {
        if let Some(slot) = self.entries.peek_mut(&stream) {
            self.weight = self.weight - slot.weight + weight;
            slot.weight = weight;
        }
    }

    /// Evicts the oldest entries above the limit whose batches have committed.
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
