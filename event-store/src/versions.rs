//! The versions of streams that this handle wrote to lately, so that most appends need not ask for them.
//!
//! Why it is safe: every append, by whomever, raises the head's revision in its own transaction, and the head is read
//! under the write lock. If it still has the revision that our last commit left, nobody has appended since, so every
//! stream is where we left it. Any other revision forgets everything.

use crate::{Head, StreamId, Version};
use std::collections::HashMap;

/// When this many are held, the older generation is dropped: about 10 MB at most.
const MAX_YOUNG: usize = 65_536;

/// Where our own last commit left the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tip {
    pub head: Head,
    pub revision: i64,
}

/// Stream versions as of one revision of the log.
#[derive(Debug, Default)]
pub(crate) struct KnownVersions {
    revision: i64,
    young: HashMap<StreamId, Version>,
    old: HashMap<StreamId, Version>,
}

impl KnownVersions {
    /// Call under the lock, before relying on [`KnownVersions::get`]. True when nobody else has appended since our own
    /// last commit.
    pub(crate) fn expect_revision(&mut self, revision: i64) -> bool {
        let ours = self.revision == revision;
        if !ours {
            *self = Self { revision, ..Self::default() };
        }
        ours
    }

    pub(crate) fn get(&self, stream: &StreamId) -> Option<Version> {
        self.young.get(stream).or_else(|| self.old.get(stream)).copied()
    }

    /// Call after a commit that led from the expected revision to `revision`.
    pub(crate) fn committed<'a>(
        &mut self,
        revision: i64,
        versions: impl IntoIterator<Item = (&'a StreamId, Version)>,
    ) {
        self.revision = revision;
        for (stream, version) in versions {
            if self.young.len() == MAX_YOUNG {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(stream.clone(), version);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn stream(id: usize) -> StreamId {
        StreamId { stream_type: "order", id: Uuid::from_u128(id as u128) }
    }

    #[test]
    fn another_revision_forgets_everything() {
        let mut known = KnownVersions::default();
        assert!(!known.expect_revision(4));
        known.committed(5, [(&stream(1), 3)]);
        assert!(known.expect_revision(5));
        assert_eq!(known.get(&stream(1)), Some(3));
        assert!(!known.expect_revision(6));
        assert_eq!(known.get(&stream(1)), None);
    }

    #[test]
    fn the_newest_version_wins_over_older_generations_and_memory_is_bounded() {
        let mut known = KnownVersions::default();
        known.committed(1, [(&stream(0), 1)]);
        for id in 1..MAX_YOUNG * 3 {
            known.committed(1, [(&stream(id), 1), (&stream(0), id as Version)]);
        }
        assert_eq!(known.get(&stream(0)), Some(MAX_YOUNG as Version * 3 - 1));
        assert_eq!(known.get(&stream(1)), None);
        assert!(known.young.len() <= MAX_YOUNG && known.old.len() <= MAX_YOUNG);
    }
}
