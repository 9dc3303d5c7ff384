//! The simplest log: a list of events, and maps for keys, snapshots and leases.
//!
//! It has no cache, no fast path and no plan: each entry is checked and written in turn. It shares only the types and the
//! hashed bytes with the backends that it is compared with.

use crate::chain::{self, GENESIS};
use crate::{
    Append, Appended, Entry, EntryOutcome, Head, Lease, LeaseState, LoadedStream, MAX_PAGE_BYTES,
    NewEvent, Position, RecordedEvent, Snapshot, StoredAnswer, StreamId, Timestamp, Version,
};
use chrono::SubsecRound;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// How many answers one call forgets, the oldest first.
const MAX_FORGOTTEN: usize = 2_000;

#[derive(Debug, Default)]
pub(super) struct Log {
    /// The event at position `p` is the one at index `p - 1`.
    pub events: Vec<RecordedEvent>,
    /// Where each stream's events are in `events`, in the order of their versions.
    streams: HashMap<StreamId, Vec<usize>>,
    pub answers: HashMap<String, KeptAnswer>,
    pub snapshots: HashMap<(StreamId, u16), Snapshot>,
    pub leases: HashMap<String, LeaseState>,
    /// The store of keys that its texts are sealed with.
    pub sealed_with: Option<Uuid>,
    recorded_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct KeptAnswer {
    stored: StoredAnswer,
    stored_at: Timestamp,
    permanent: bool,
}

impl Log {
    pub fn head(&self) -> Head {
        Head {
            position: self.events.len() as Position,
            hash: self.events.last().map_or(GENESIS, |event| event.hash),
            recorded_at: self.recorded_at,
        }
    }

    pub fn append(&mut self, append: &Append) -> Appended {
        let recorded_at = cut(append.recorded_at).max(self.recorded_at);
        let mut spoiled = HashSet::new();
        let mut outcomes = Vec::with_capacity(append.entries.len());
        let mut rest = append.entries.as_slice();
        while let Some(first) = rest.first() {
            let joint = |entry: &Entry| first.joint.is_some() && entry.joint == first.joint;
            let length = 1 + rest[1..].iter().take_while(|entry| joint(entry)).count();
            let (group, others) = rest.split_at(length);
            outcomes.extend(self.enter_jointly(group, recorded_at, &mut spoiled));
            rest = others;
        }
        Appended { outcomes, head: self.head().position, recorded_at }
    }

    /// Writes the entries in turn, and takes all of them back if one of several was not written.
    fn enter_jointly<'a>(
        &mut self,
        group: &'a [Entry],
        recorded_at: Timestamp,
        spoiled: &mut HashSet<&'a StreamId>,
    ) -> Vec<EntryOutcome> {
        let (events, recorded_before) = (self.events.len(), self.recorded_at);
        let enter = |entry| self.enter(entry, recorded_at, spoiled);
        let mut outcomes: Vec<_> = group.iter().map(enter).collect();
        let is_written = |outcome: &EntryOutcome| matches!(outcome, EntryOutcome::Written { .. });
        if group.len() == 1 || outcomes.iter().all(is_written) {
            return outcomes;
        }
        for event in self.events.drain(events..).rev() {
            self.streams.get_mut(&event.stream).and_then(Vec::pop);
        }
        self.recorded_at = recorded_before;
        for (entry, outcome) in group.iter().zip(&mut outcomes) {
            if is_written(outcome) {
                if let Some(keyed) = &entry.answer {
                    self.answers.remove(&keyed.key);
                }
                *outcome = EntryOutcome::LeftOut;
            }
            if !entry.events.is_empty() {
                spoiled.insert(&entry.stream);
            }
        }
        outcomes
    }

    /// Writes one entry, or returns why not. `spoiled` are the streams of which an earlier entry was left out: later
    /// entries were decided on events that were not stored.
    fn enter<'a>(
        &mut self,
        entry: &'a Entry,
        recorded_at: Timestamp,
        spoiled: &mut HashSet<&'a StreamId>,
    ) -> EntryOutcome {
        if let Some(keyed) = &entry.answer
            && let Some(kept) = self.answers.get(&keyed.key)
        {
            if !entry.events.is_empty() {
                spoiled.insert(&entry.stream);
            }
            return EntryOutcome::KeyTaken(kept.stored.clone());
        }
        let (expected, actual) = (entry.expected_version, self.version(&entry.stream));
        if expected != actual || spoiled.contains(&entry.stream) {
            spoiled.insert(&entry.stream);
            return EntryOutcome::WrongExpectedVersion { expected, actual };
        }
        let before = self.head().position;
        let first_position = if entry.events.is_empty() { before } else { before + 1 };
        let first = self.stream(&entry.stream).next();
        let partition_key = first.map_or(entry.partition_key, |first| Some(first.partition_key));
        let partition_key = partition_key.unwrap_or(entry.stream.id);
        for event in &entry.events {
            self.push(entry, event, partition_key, recorded_at);
        }
        if let Some(keyed) = &entry.answer {
            let (fingerprint, answer) = (keyed.fingerprint, keyed.answer.clone());
            let stored = StoredAnswer { fingerprint, answer, first_position };
            let permanent = keyed.permanent;
            let kept = KeptAnswer { stored, stored_at: recorded_at, permanent };
            self.answers.insert(keyed.key.clone(), kept);
            self.recorded_at = recorded_at;
        }
        EntryOutcome::Written { first_position }
    }

    fn push(
        &mut self,
        entry: &Entry,
        event: &NewEvent,
        partition_key: Uuid,
        recorded_at: Timestamp,
    ) {
        let head = self.head();
        let mut recorded = RecordedEvent {
            position: head.position + 1,
            stream: entry.stream,
            partition_key,
            version: self.version(&entry.stream) + 1,
            event_id: event.event_id,
            event_type: event.event_type.to_owned(),
            schema_version: event.schema_version,
            occurred_at: cut(event.occurred_at),
            recorded_at,
            metadata: entry.metadata.clone(),
            payload: event.payload.clone(),
            hash: GENESIS,
        };
        recorded.hash = chain::hash(&recorded.fields(), &head.hash, &mut Vec::new());
        self.streams.entry(entry.stream).or_default().push(self.events.len());
        self.events.push(recorded);
        self.recorded_at = recorded_at;
    }

    fn stream(&self, stream: &StreamId) -> impl Iterator<Item = &RecordedEvent> {
        let indexes = self.streams.get(stream).into_iter().flatten();
        indexes.map(|index| &self.events[*index])
    }

    fn version(&self, stream: &StreamId) -> Version {
        self.streams.get(stream).map_or(0, |events| events.len() as Version)
    }

    pub fn read_feed(&self, after: Position, limit: usize) -> Vec<RecordedEvent> {
        page(self.events.iter().skip_while(|event| event.position <= after), limit)
    }

    pub fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
        limit: usize,
    ) -> Vec<RecordedEvent> {
        page(self.stream(stream).filter(|event| event.version > after), limit)
    }

    pub fn load(&self, stream: &StreamId, snapshot_version: u16) -> LoadedStream {
        let snapshot = self.snapshots.get(&(*stream, snapshot_version)).cloned();
        let after = snapshot.as_ref().map_or(0, |snapshot| snapshot.version);
        let events = self.stream(stream).filter(|event| event.version > after).cloned().collect();
        LoadedStream { snapshot, events }
    }

    pub fn answer(&self, key: &str) -> Option<StoredAnswer> {
        self.answers.get(key).map(|kept| kept.stored.clone())
    }

    pub fn save_snapshot(&mut self, stream: &StreamId, snapshot_version: u16, snapshot: Snapshot) {
        let snapshot = Snapshot { occurred_at: cut(snapshot.occurred_at), ..snapshot };
        let is_there = |event: &RecordedEvent| {
            (event.version, event.position) == (snapshot.version, snapshot.position)
        };
        if !self.stream(stream).any(is_there) {
            return;
        }
        let place = (*stream, snapshot_version);
        let kept = self.snapshots.get(&place).map_or(0, |kept| kept.version);
        if snapshot.version > kept {
            self.snapshots.insert(place, snapshot);
        }
    }

    pub fn forget_answers(&mut self, before: Timestamp) -> u64 {
        let old = self.answers.iter();
        let old = old.filter(|(_, kept)| !kept.permanent && kept.stored_at < cut(before));
        let mut old: Vec<_> = old.map(|(key, kept)| (kept.stored_at, key.clone())).collect();
        old.sort();
        old.truncate(MAX_FORGOTTEN);
        for (_, key) in &old {
            self.answers.remove(key);
        }
        old.len() as u64
    }

    pub fn take_lease(
        &mut self,
        name: &str,
        holder: &str,
        seen: Option<&LeaseState>,
    ) -> Option<Lease> {
        let before = self.leases.get(name);
        let moment = |lease: &LeaseState| (lease.epoch, lease.beats);
        if before.map(moment) != seen.map(moment) {
            return None;
        }
        let (epoch, beats) = before.map_or((0, 0), moment);
        let taken = LeaseState {
            epoch: epoch + 1,
            beats: beats + 1,
            holder: Some(holder.to_owned()),
            checkpoint: before.map_or(0, |lease| lease.checkpoint),
            note: before.map_or(String::new(), |lease| lease.note.clone()),
        };
        self.leases.insert(name.to_owned(), taken);
        Some(Lease { name: name.to_owned(), epoch: epoch + 1 })
    }

    /// Changes a lease and raises its beats, if it is still held; returns whether it was.
    pub fn change_lease(&mut self, held: &Lease, change: impl FnOnce(&mut LeaseState)) -> bool {
        let lease = self.leases.get_mut(&held.name).filter(|lease| lease.epoch == held.epoch);
        let Some(lease) = lease else { return false };
        lease.beats += 1;
        change(lease);
        true
    }
}

/// The time in whole microseconds: finer digits are not kept.
fn cut(time: Timestamp) -> Timestamp {
    time.trunc_subsecs(6)
}

/// A page ends at its limit, or with the event that fills it.
fn page<'a>(events: impl Iterator<Item = &'a RecordedEvent>, limit: usize) -> Vec<RecordedEvent> {
    let mut page: Vec<RecordedEvent> = Vec::new();
    let mut bytes = 0;
    for event in events.take(limit) {
        if bytes >= MAX_PAGE_BYTES {
            break;
        }
        bytes += event.payload.len();
        page.push(event.clone());
    }
    page
}
