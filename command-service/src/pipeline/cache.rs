//! The states of recently used streams; the least recently used leaves first.
//!
//! Bounded by the number of streams and by their weight (the bytes of their events). A batch takes states out, evolves
//! them in place, and puts them back after its commit. A state that is dropped on the way is loaded again, so a failed
//! batch leaves no trace. A cache is never the truth: every append checks the version of its decision.
//!
//! It stands on `lru`, not on `quick_cache`: that one learns what is used often from reads in place, and a state that is
//! taken out and put back is new to it each time. Filled once with streams of the past, it found none of the streams in use
//! (0 of 9,800 look-ups, `lru` all). It also has one bound, by weight, where two are needed here.

use super::stream::Stream;
use domain::Aggregate;
use event_store::StreamId;
use lru::LruCache;

/// Bounds of the cache.
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    /// The most streams.
    pub streams: usize,
    /// The most bytes, as estimated by [`Stream::weight`].
    pub weight: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { streams: 10_000, weight: 64 << 20 }
    }
}

/// The state cache: see the module.
pub struct Cache<A: Aggregate> {
    streams: LruCache<StreamId, Stream<A>>,
    weight: usize,
    limits: CacheLimits,
}

impl<A: Aggregate> Cache<A> {
    /// An empty cache.
    pub fn new(limits: CacheLimits) -> Self {
        Self { streams: LruCache::unbounded(), weight: 0, limits }
    }

    /// Moves a stream out.
    pub fn take(&mut self, id: &StreamId) -> Option<Stream<A>> {
        let stream = self.streams.pop(id)?;
        self.weight -= stream.weight;
        Some(stream)
    }

    /// Puts a stream in as the most recently used one. Pushes others out, or the stream itself if it is too heavy.
    pub fn put(&mut self, stream: Stream<A>) {
        self.weight += stream.weight;
        if let Some(old) = self.streams.put(stream.id, stream) {
            self.weight -= old.weight;
        }
        while self.streams.len() > self.limits.streams || self.weight > self.limits.weight {
            let Some((_, old)) = self.streams.pop_lru() else { break };
            self.weight -= old.weight;
        }
    }

    /// Drops all.
    pub fn clear(&mut self) {
        self.streams.clear();
        self.weight = 0;
    }

    /// The number of streams in the cache.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// The estimated bytes of the cache.
    pub fn weight(&self) -> usize {
        self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::counter::Counter;
    use event_store::StreamType;
    use uuid::Uuid;

    fn id(n: u128) -> StreamId {
        StreamType::new("counter").stream(Uuid::from_u128(n))
    }

    fn stream(n: u128, weight: usize) -> Stream<Counter> {
        Stream { weight, ..Stream::absent(id(n)) }
    }

    #[test]
    fn the_least_recently_used_stream_goes_first() {
        let mut cache = Cache::new(CacheLimits { streams: 2, weight: 1_000 });
        cache.put(stream(1, 1));
        cache.put(stream(2, 1));
        let first = cache.take(&id(1)).unwrap();
        cache.put(first);
        cache.put(stream(3, 1));
        assert!(cache.take(&id(2)).is_none());
        assert!(cache.take(&id(1)).is_some());
        assert!(cache.take(&id(3)).is_some());
        assert_eq!((cache.len(), cache.weight()), (0, 0));
    }

    #[test]
    fn weight_is_bounded_even_by_one_heavy_stream() {
        let mut cache = Cache::new(CacheLimits { streams: 100, weight: 10 });
        cache.put(stream(1, 6));
        cache.put(stream(2, 6));
        assert_eq!((cache.len(), cache.weight()), (1, 6));
        cache.put(stream(3, 11));
        assert_eq!((cache.len(), cache.weight()), (0, 0));
        cache.put(stream(4, 10));
        assert_eq!((cache.len(), cache.weight()), (1, 10));
    }

    #[test]
    fn putting_a_stream_twice_counts_it_once() {
        let mut cache = Cache::new(CacheLimits { streams: 100, weight: 100 });
        cache.put(stream(1, 6));
        cache.put(stream(1, 7));
        assert_eq!((cache.len(), cache.weight()), (1, 7));
    }
}
