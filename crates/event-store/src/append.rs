//! Appends: the entries of one transaction, and their outcomes.
//!
//! An append is a list of entries, one for each decided command. Entries are independent of their neighbours: an entry
//! that lost a race is left out and its outcome says why; the others are written. Only a failure of the storage fails all
//! of them, and then none is stored.
//!
//! A decision on several streams is a group of *joint* entries, one for each stream: they are written together, or all of
//! them are left out.

use crate::{Metadata, NewEvent, Position, StoreError, StreamId, Timestamp, Version};
use serde::de::IgnoredAny;
use std::collections::HashSet;
use uuid::Uuid;

/// The upper bound of entries in one append.
pub const MAX_ENTRIES: usize = 65_536;

/// One transaction's worth of entries.
#[derive(Debug, Clone)]
pub struct Append {
    /// In the order of decision. Several may name one stream; each expects the version that the one before leaves. Joint
    /// entries stand next to each other.
    pub entries: Vec<Entry>,
    /// The clock's time; stored as `recorded_at`, raised to the log's last one if the clock went back.
    pub recorded_at: Timestamp,
}

impl Append {
    /// The number of events in all entries.
    pub(crate) fn events(&self) -> usize {
        self.entries.iter().map(|entry| entry.events.len()).sum()
    }

    /// The entries in groups that hold together: joint ones, and each other one by itself.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[Entry]> {
        self.entries.chunk_by(|one, next| one.joint.is_some() && one.joint == next.joint)
    }

    /// The approximate bytes that it adds to a transaction.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.iter().map(Entry::bytes).sum()
    }

    /// Refuses what no backend could store: a caller's bugs, found before anything is locked.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.entries.len() > MAX_ENTRIES {
            let count = self.entries.len();
            return Err(StoreError::Corrupt(format!(
                "{count} entries in one append, over {MAX_ENTRIES}"
            )));
        }
        StoreError::refuse_nul(self.entries.iter().flat_map(Entry::texts))?;
        if self.entries.iter().any(Entry::moves_its_stream) {
            let stated =
                "a partition key is stated with a stream's first events, and by no later ones";
            return Err(StoreError::Corrupt(stated.to_owned()));
        }
        if self.groups().any(keeps_two_answers_under_one_key) {
            let twice = "joint entries keep two answers under one key";
            return Err(StoreError::Corrupt(twice.to_owned()));
        }
        for event in self.entries.iter().flat_map(|entry| &entry.events) {
            if !is_json(&event.payload) {
                let event_type = event.event_type;
                return Err(StoreError::Corrupt(format!("a payload of {event_type} is not JSON")));
            }
        }
        Ok(())
    }
}

/// Neither could be kept without the other.
fn keeps_two_answers_under_one_key(group: &[Entry]) -> bool {
    if group.len() < 2 {
        return false;
    }
    let mut keys = HashSet::new();
    let mut answers = group.iter().filter_map(|entry| entry.answer.as_ref());
    !answers.all(|answer| keys.insert(answer.key.as_str()))
}

fn is_json(payload: &[u8]) -> bool {
    str::from_utf8(payload).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// The result of one command: some events of one stream (or none), and perhaps an idempotency record.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The stream of all its events.
    pub stream: StreamId,
    /// The version that the decision was made on; 0 = the stream must not exist yet.
    pub expected_version: Version,
    /// The business case that the stream belongs to, stated with its first events; `None` = a case of its own. Later events
    /// inherit it, so an entry on an existing stream must not state one.
    pub partition_key: Option<Uuid>,
    /// Events, in order; may be empty when only an answer is kept.
    pub events: Vec<NewEvent>,
    /// The request that caused the events.
    pub metadata: Metadata,
    /// The answer to keep under an idempotency key.
    pub answer: Option<KeyedAnswer>,
    /// Consecutive entries with the same number are joint: if one of them does not hold, none is written. `None` = the
    /// entry stands alone.
    pub joint: Option<u32>,
}

impl Entry {
    fn bytes(&self) -> usize {
        let payloads: usize = self.events.iter().map(|event| event.payload.len()).sum();
        payloads + self.answer.as_ref().map_or(0, |keyed| keyed.key.len() + keyed.answer.len())
    }

    /// Whether it states a partition key where the stream already has one.
    fn moves_its_stream(&self) -> bool {
        self.partition_key.is_some() && self.expected_version > 0
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let Metadata { correlation_id, causation_id, traceparent, actor } = &self.metadata;
        let metadata = [correlation_id, causation_id, traceparent, actor];
        let key = self.answer.as_ref().map(|answer| answer.key.as_str());
        metadata.into_iter().flatten().map(String::as_str).chain(key)
    }
}

/// An answer to keep. Its bytes must not hold positions: the store adds them ([`StoredAnswer::first_position`]).
#[derive(Debug, Clone)]
pub struct KeyedAnswer {
    /// The key; namespaced by the caller.
    pub key: String,
    /// The hash of the request.
    pub fingerprint: [u8; 32],
    /// The answer's bytes, opaque to the store.
    pub answer: Vec<u8>,
    /// Kept for ever (imports) instead of for the retention time.
    pub permanent: bool,
}

/// An idempotency record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The hash of the request.
    pub fingerprint: [u8; 32],
    /// The answer's bytes, opaque to the store.
    pub answer: Vec<u8>,
    /// Position of the entry's first event; for an entry without events, the head when it was stored.
    pub first_position: Position,
}

/// The result of an append that committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// One for each entry, in order.
    pub outcomes: Vec<EntryOutcome>,
    /// The head after the append.
    pub head: Position,
    /// The `recorded_at` that was stored.
    pub recorded_at: Timestamp,
}

/// The outcome of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryOutcome {
    /// Stored. For an entry without events, `first_position` is the head before the entry.
    Written {
        /// Position of its first event.
        first_position: Position,
    },
    /// Not stored: the stream is at another version (this and all later entries of that stream in the batch).
    WrongExpectedVersion {
        /// The version that the entry expected.
        expected: Version,
        /// The stream's version.
        actual: Version,
    },
    /// Not stored: another request under the idempotency key was answered in the meantime. This is checked before the
    /// version.
    KeyTaken(StoredAnswer),
    /// Not stored although it holds: an entry that is joint with it does not.
    LeftOut,
}

/// Why an append is not known to have committed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was stored.
    #[error(transparent)]
    Failed(#[from] StoreError),
    /// The commit's answer was lost and could not be settled by reading back.
    #[error("whether the append was stored could not be settled: {0}")]
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::one;

    #[test]
    fn an_append_has_a_bounded_number_of_entries() {
        let mut append = one(1, 1);
        append.entries = vec![append.entries.remove(0); MAX_ENTRIES];
        append.check().unwrap();
        append.entries.push(append.entries[0].clone());
        let refused = append.check().unwrap_err().to_string();
        assert!(refused.contains("65537 entries"), "{refused}");
    }
}
