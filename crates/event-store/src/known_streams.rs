//! The ends of the streams that this handle wrote last, so that most appends need not look them up.
//!
//! Why it is safe: every append of any handle raises the head's revision in its own transaction, and the head is read
//! under the write lock. If it still has the revision that our last commit left, no other handle has appended since, so
//! every stream is where we left it. Any other revision forgets everything.

use crate::stream::StreamEnd;
use crate::{Head, StreamId};
use faults::{Fault, planted};
use std::collections::HashMap;

/// Where our own last commit left the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tip {
    pub head: Head,
    pub revision: i64,
}

/// Ends of streams as of one revision of the log.
#[derive(Debug)]
pub(crate) struct KnownStreams {
    /// When this many are young, the older generation is dropped.
    capacity: usize,
    revision: i64,
    young: HashMap<StreamId, StreamEnd>,
    old: HashMap<StreamId, StreamEnd>,
}

impl KnownStreams {
    /// An empty cache for `capacity` streams in each of two generations.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, revision: 0, young: HashMap::new(), old: HashMap::new() }
    }

    /// Drops everything, because the storage may hold another log now.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(self.capacity);
    }

    /// Call under the lock, before relying on [`KnownStreams::get`]. True when no other handle has appended since our
    /// last commit.
    pub(crate) fn expect_revision(&mut self, revision: i64) -> bool {
        let ours = self.revision == revision;
        if !ours && planted(Fault::StaleVersionsKept) {
            self.revision = revision;
        } else if !ours {
            *self = Self { revision, ..Self::new(self.capacity) };
        }
        ours
    }

    pub(crate) fn get(&self, stream: &StreamId) -> Option<StreamEnd> {
        self.young.get(stream).or_else(|| self.old.get(stream)).copied()
    }

    /// Call after a commit that led from the expected revision to `revision`.
    pub(crate) fn committed<'a>(
        &mut self,
        revision: i64,
        ends: impl IntoIterator<Item = (&'a StreamId, StreamEnd)>,
    ) {
        self.revision = revision;
        if self.capacity == 0 {
            return;
        }
        for (stream, end) in ends {
            if self.young.len() >= self.capacity {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(*stream, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StreamType, Version};
    use uuid::Uuid;

    fn stream(id: usize) -> StreamId {
        StreamId { stream_type: StreamType::new("order"), id: Uuid::from_u128(id as u128) }
    }

    /// At a version, with a partition key that tells it apart.
    fn at(version: Version) -> StreamEnd {
        StreamEnd { version, partition_key: Some(Uuid::from_u128(version.into())) }
    }

    #[test]
    fn another_revision_forgets_everything() {
        let mut known = KnownStreams::new(2);
        assert!(!known.expect_revision(4));
        known.committed(5, [(&stream(1), at(3))]);
        assert!(known.expect_revision(5));
        assert_eq!(known.get(&stream(1)), Some(at(3)));
        assert!(!known.expect_revision(6));
        assert_eq!(known.get(&stream(1)), None);
        assert!(known.expect_revision(6), "no append came between the two checks");
    }

    #[test]
    fn what_was_known_of_one_log_is_not_known_of_another() {
        let mut known = KnownStreams::new(2);
        known.committed(5, [(&stream(1), at(3))]);
        known.forget();
        assert_eq!(known.get(&stream(1)), None);
        assert!(!known.expect_revision(5));
    }

    #[test]
    fn the_newest_version_wins_over_older_generations_and_memory_is_bounded() {
        for capacity in [1, 2, 1_000] {
            let mut known = KnownStreams::new(capacity);
            known.committed(1, [(&stream(0), at(1))]);
            for id in 1..capacity * 3 {
                known.committed(1, [(&stream(id), at(1)), (&stream(0), at(id as Version))]);
            }
            assert_eq!(known.get(&stream(0)), Some(at(capacity as Version * 3 - 1)));
            assert!(capacity == 1 || known.get(&stream(1)).is_none());
            assert!(known.young.len() <= capacity && known.old.len() <= capacity);
        }
    }

    #[test]
    fn without_room_nothing_is_known() {
        let mut known = KnownStreams::new(0);
        known.committed(1, [(&stream(0), at(1)), (&stream(1), at(1))]);
        assert!(known.expect_revision(1));
        assert_eq!((known.get(&stream(0)), known.get(&stream(1))), (None, None));
    }
}
