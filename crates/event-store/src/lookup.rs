//! The lookups that an append needs under the lock before it writes; the same on every backend.
//!
//! Most of what an append relies on needs no look-up: streams that this handle wrote last are known (`known_streams`), a
//! stream that must not exist yet is proved by its first row going in (the unique index), a key that must be free
//! likewise. If a row does not go in, or an entry is refused on a guess, the attempt is rolled back and made once more
//! with everything looked up beforehand.

use crate::known_streams::KnownStreams;
use crate::plan::Found;
use crate::stream::StreamEnd;
use crate::{Append, Entry, StoredAnswer, StreamId};
use std::collections::HashSet;

/// How much an attempt looks up before it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Only what neither this handle nor a unique index knows.
    Needed,
    /// Every stream's end, every key.
    Everything,
}

/// The streams and keys to look up, and the ends that are known without a lookup.
#[derive(Debug, Default)]
pub(crate) struct Lookup<'a> {
    /// Streams whose ends are not known.
    pub streams: Vec<&'a StreamId>,
    /// Keys that may be taken.
    pub keys: Vec<&'a str>,
    found: Found<'a>,
}

impl<'a> Lookup<'a> {
    /// The lookups that the entries of these appends need.
    pub fn of(group: &'a [Append], known: &KnownStreams, scope: Scope) -> Self {
        let mut lookup = Self::default();
        let entries = || group.iter().flat_map(|append| &append.entries);
        let mut seen =
            HashSet::with_capacity(group.iter().map(|append| append.entries.len()).sum());
        for entry in entries().filter(|entry| seen.insert(&entry.stream)) {
            let stream = &entry.stream;
            match (known.get(stream), scope, proves_itself_new(entry)) {
                (Some(end), Scope::Needed, _) => {
                    lookup.found.streams.insert(stream, end);
                }
                (None, Scope::Needed, true) => {}
                _ => lookup.streams.push(stream),
            }
        }
        if scope == Scope::Everything {
            lookup.keys.extend(entries().filter_map(key));
        }
        lookup
    }

    /// The known ends, if no lookup is needed.
    pub fn unneeded(self) -> Option<Found<'a>> {
        (self.streams.is_empty() && self.keys.is_empty()).then_some(self.found)
    }

    /// The lookup's results, given in the order of [`Lookup::streams`] and [`Lookup::keys`].
    pub fn answered(self, ends: Vec<StreamEnd>, answers: Vec<Option<StoredAnswer>>) -> Found<'a> {
        let Self { streams, keys, mut found } = self;
        found.streams.extend(streams.into_iter().zip(ends));
        let taken = keys.into_iter().zip(answers);
        found.answers.extend(taken.filter_map(|(key, answer)| Some((key, answer?))));
        found
    }
}

/// A stream's first entry that expects nothing and writes version 1: if the stream exists, so does its version 1, and
/// the row does not go in.
fn proves_itself_new(entry: &Entry) -> bool {
    entry.expected_version == 0 && !entry.events.is_empty()
}

fn key(entry: &Entry) -> Option<&str> {
    Some(entry.answer.as_ref()?.key.as_str())
}
