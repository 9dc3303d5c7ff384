//! Decides, without I/O, what a transaction writes: which entries hold, and what their rows are.
//!
//! The input is the locked head, the versions of the streams and the taken keys. Entries are checked in order; each sees
//! the results of those before it. An entry whose key is taken or whose expected version is not the stream's is left out.
//! So is every later entry of that stream in the same append, because it was decided on events that were not stored. Joint
//! entries are all judged before the first of them is written. A stream's first events set its partition key; later ones
//! inherit it. A transaction may carry several appends. Each gets the answer of a transaction of its own, down to the bytes
//! and the hashes of the rows.

use crate::chain::{self, Fields, Hash};
use crate::event::cut;
use crate::stream::StreamEnd;
use crate::{
    Append, Appended, Entry, EntryOutcome, Head, KeyedAnswer, NewEvent, Position, RecordedEvent,
    StoredAnswer, StreamId,
};
use crate::{Timestamp, Version};
use faults::{Fault, planted};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// The results of the lookups, under the lock, for the streams and keys that an append names.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    /// The ends of the named streams; a looked-up stream that is missing here does not exist.
    pub streams: HashMap<&'a StreamId, StreamEnd>,
    /// The answers under the named keys that have one.
    pub answers: HashMap<&'a str, StoredAnswer>,
}

/// An event with its position, version and hash.
#[derive(Debug)]
pub(crate) struct EventRow<'a> {
    pub position: Position,
    pub version: Version,
    /// As it is stored: `None` = the stream's id.
    pub partition_key: Option<Uuid>,
    pub recorded_at: Timestamp,
    pub hash: Hash,
    pub entry: &'a Entry,
    pub event: &'a NewEvent,
}

/// An answer with its first position and time.
#[derive(Debug)]
pub(crate) struct AnswerRow<'a> {
    pub first_position: Position,
    pub stored_at: Timestamp,
    pub answer: &'a KeyedAnswer,
}

impl AnswerRow<'_> {
    /// Whether the stored answer is this one.
    pub fn is(&self, stored: &StoredAnswer) -> bool {
        stored.first_position == self.first_position
            && stored.fingerprint == self.answer.fingerprint
            && stored.answer == self.answer.answer
    }
}

/// The rows to write, and the callers' answers once they are committed.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// One for each append, in order.
    appended: Vec<Appended>,
    /// Whether an entry was refused for its version though its key may be taken, or was judged by its stream although
    /// that was not looked up and no row of the entry goes in that would prove it new. A caller that has not looked up
    /// everything must do so.
    pub guessed: bool,
    pub events: Vec<EventRow<'a>>,
    pub answers: Vec<AnswerRow<'a>>,
    /// The end of each written stream after the commit.
    pub streams: HashMap<&'a StreamId, StreamEnd>,
    /// The head after the commit.
    pub head: Head,
}

impl Plan<'_> {
    /// Nothing to write: every entry was left out, or held nothing.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.answers.is_empty()
    }

    /// The events as they are read back once they are committed.
    pub fn recorded(&self) -> impl Iterator<Item = RecordedEvent> {
        self.events.iter().map(|row| RecordedEvent {
            position: row.position,
            stream: row.entry.stream,
            partition_key: row.partition_key.unwrap_or(row.entry.stream.id),
            version: row.version,
            event_id: row.event.event_id,
            event_type: row.event.event_type.to_owned(),
            schema_version: row.event.schema_version,
            occurred_at: cut(row.event.occurred_at),
            recorded_at: row.recorded_at,
            metadata: row.entry.metadata.clone(),
            payload: row.event.payload.clone(),
            hash: row.hash,
        })
    }

    /// Each append's answer once it is committed.
    pub fn appended(self) -> Vec<Appended> {
        self.appended
    }
}

/// Plans one transaction of some appends on top of `head`.
pub(crate) fn plan<'a>(group: &'a [Append], found: Found<'a>, head: Head) -> Plan<'a> {
    let entries = group.iter().map(|append| append.entries.len()).sum();
    let events = group.iter().map(Append::events).sum();
    let mut planner = Planner {
        found,
        refused: HashSet::new(),
        recorded_at: head.recorded_at,
        scratch: Vec::with_capacity(512),
        plan: Plan {
            appended: Vec::with_capacity(group.len()),
            guessed: false,
            events: Vec::with_capacity(events),
            answers: Vec::new(),
            streams: HashMap::with_capacity(entries),
            head,
        },
    };
    group.iter().for_each(|append| planner.append(append));
    planner.plan
}

struct Planner<'a> {
    found: Found<'a>,
    /// Streams of which an entry of the same append was left out.
    refused: HashSet<&'a StreamId>,
    /// The recorded time of the append that is being planned.
    recorded_at: Timestamp,
    scratch: Vec<u8>,
    plan: Plan<'a>,
}

impl<'a> Planner<'a> {
    fn append(&mut self, append: &'a Append) {
        self.refused.clear();
        // The clock's time, to the microsecond, unless the log has seen a later one.
        self.recorded_at = cut(append.recorded_at).max(self.plan.head.recorded_at);
        let mut outcomes = Vec::with_capacity(append.entries.len());
        for group in append.groups() {
            match group {
                [entry] => outcomes.push(self.enter(entry)),
                _ if planted(Fault::JointInPart) => {
                    outcomes.extend(group.iter().map(|entry| self.enter(entry)));
                }
                _ => self.enter_jointly(group, &mut outcomes),
            }
        }
        let (head, recorded_at) = (self.plan.head.position, self.recorded_at);
        self.plan.appended.push(Appended { outcomes, head, recorded_at });
    }

    fn enter(&mut self, entry: &'a Entry) -> EntryOutcome {
        let known = self.end(&entry.stream);
        match self.refusal(entry, known) {
            None => {
                // If a stream was not looked up, only the insert of an event proves that the stream is new.
                self.plan.guessed |= known.is_none() && entry.events.is_empty();
                self.write(entry)
            }
            Some(refusal) => {
                self.plan.guessed |= entry.is_guess(known, &refusal);
                refusal
            }
        }
    }

    /// Writes all of a group or nothing of it. Each entry is judged as if those before it had been written.
    fn enter_jointly(&mut self, group: &'a [Entry], outcomes: &mut Vec<EntryOutcome>) {
        let mut ends = HashMap::with_capacity(group.len());
        let mut refusals = Vec::new();
        let (mut unproven, mut guess) = (false, false);
        for (nth, entry) in group.iter().enumerate() {
            let known = ends.get(&entry.stream).copied().or_else(|| self.end(&entry.stream));
            match self.refusal(entry, known) {
                Some(refusal) => {
                    guess |= entry.is_guess(known, &refusal);
                    refusals.push((nth, refusal));
                }
                None => {
                    guess |= entry.is_guess(known, &EntryOutcome::LeftOut);
                    unproven |= known.is_none() && entry.events.is_empty();
                    let mut end = known.unwrap_or(StreamEnd::ABSENT);
                    end.version += entry.events.len() as Version;
                    ends.insert(&entry.stream, end);
                }
            }
        }
        if refusals.is_empty() {
            self.plan.guessed |= unproven;
            outcomes.extend(group.iter().map(|entry| self.write(entry)));
            return;
        }
        self.plan.guessed |= guess;
        let changing = group.iter().filter(|entry| !entry.events.is_empty());
        self.refused.extend(changing.map(|entry| &entry.stream));
        let first = outcomes.len();
        outcomes.resize(first + group.len(), EntryOutcome::LeftOut);
        for (nth, refusal) in refusals {
            outcomes[first + nth] = refusal;
        }
    }

    /// `None` where the stream was not looked up.
    fn end(&self, stream: &StreamId) -> Option<StreamEnd> {
        let written = self.plan.streams.get(stream);
        written.or_else(|| self.found.streams.get(stream)).copied()
    }

    /// Why the entry does not hold on a stream with this end, if it does not.
    fn refusal(&mut self, entry: &'a Entry, known: Option<StreamEnd>) -> Option<EntryOutcome> {
        if let Some(keyed) = &entry.answer
            && let Some(stored) = self.found.answers.get(keyed.key.as_str())
        {
            if !entry.events.is_empty() {
                self.refused.insert(&entry.stream);
            }
            return Some(EntryOutcome::KeyTaken(stored.clone()));
        }
        let (expected, actual) = (entry.expected_version, known.map_or(0, |end| end.version));
        if expected == actual && !self.refused.contains(&entry.stream) {
            return None;
        }
        self.refused.insert(&entry.stream);
        Some(EntryOutcome::WrongExpectedVersion { expected, actual })
    }

    fn write(&mut self, entry: &'a Entry) -> EntryOutcome {
        let before = self.plan.head.position;
        let first_position = if entry.events.is_empty() { before } else { before + 1 };
        let mut end = self.end(&entry.stream).unwrap_or(StreamEnd::ABSENT);
        if end.version == 0 && !entry.events.is_empty() {
            end.partition_key = entry.stream.foreign(entry.partition_key);
        }
        for event in &entry.events {
            end.version += 1;
            self.push(entry, event, end);
        }
        self.plan.streams.insert(&entry.stream, end);
        if let Some(answer) = entry.answer.as_ref().filter(|answer| !self.is_planted_twin(answer)) {
            let stored_at = self.recorded_at;
            self.plan.answers.push(AnswerRow { first_position, stored_at, answer });
            self.plan.head.recorded_at = stored_at;
            // A duplicate later in this batch is answered as if it had come after the commit.
            let fingerprint = answer.fingerprint;
            let stored =
                StoredAnswer { fingerprint, answer: answer.answer.clone(), first_position };
            if !planted(Fault::TwinsBothWritten) {
                self.found.answers.insert(&answer.key, stored);
            }
        }
        EntryOutcome::Written { first_position }
    }

    /// Whether the planted fault writes the events of this duplicate.
    fn is_planted_twin(&self, answer: &KeyedAnswer) -> bool {
        planted(Fault::TwinsBothWritten)
            && self.plan.answers.iter().any(|row| row.answer.key == answer.key)
    }

    fn push(&mut self, entry: &'a Entry, event: &'a NewEvent, end: StreamEnd) {
        let StreamEnd { version, partition_key } = end;
        let position = self.plan.head.position + 1;
        let metadata = &entry.metadata;
        let fields = Fields {
            position,
            stream_type: entry.stream.stream_type.as_str(),
            stream_id: entry.stream.id,
            partition_key,
            version,
            event_id: event.event_id,
            event_type: event.event_type,
            schema_version: event.schema_version,
            occurred_at: event.occurred_at.timestamp_micros(),
            recorded_at: self.recorded_at.timestamp_micros(),
            metadata: [
                metadata.correlation_id.as_deref(),
                metadata.causation_id.as_deref(),
                metadata.traceparent.as_deref(),
                metadata.actor.as_deref(),
            ],
            payload: &event.payload,
        };
        let hash = chain::hash(&fields, &self.plan.head.hash, &mut self.scratch);
        let recorded_at = self.recorded_at;
        let row = EventRow { position, version, partition_key, recorded_at, hash, entry, event };
        self.plan.events.push(row);
        self.plan.head = Head { position, hash, recorded_at };
    }
}

impl Entry {
    /// Whether this refusal of it is a guess: its stream was not looked up, or its key may be taken.
    fn is_guess(&self, known: Option<StreamEnd>, refusal: &EntryOutcome) -> bool {
        let key_is_taken = matches!(refusal, EntryOutcome::KeyTaken(_));
        !key_is_taken && (known.is_none() || self.answer.is_some())
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
