//! Makes a call of what was drawn: with the ids, keys and times of this sequence, and with what the reference holds now.
//!
//! Every sequence has streams, keys and leases of its own, so that many can be made on one log.

use crate::call::Call;
use crate::steps::{
    Ask, Case, Drawn, DrawnAnswer, DrawnEntry, DrawnEvent, Epoch, Expected, Lie, Occurred, Payload,
    Place, Seen, Verb,
};
use chrono::TimeDelta;
use event_store::{
    Append, Entry, EventStore, KeyedAnswer, Lease, LeaseState, Metadata, NewEvent, RecordedEvent,
    Snapshot, StreamId, StreamType, Timestamp, Version,
};
use std::collections::HashMap;
use uuid::Uuid;

const STREAM_TYPES: [StreamType; 3] = [
    StreamType::new("order"),
    StreamType::new("shipment"),
    StreamType::new("Gift-Card_2.0.of-thirty-1.bytes"),
];
/// Streams from here on are for appends to many of them.
const MANY: usize = 100;

/// A sequence on its way.
#[derive(Debug)]
pub struct Scene {
    /// The reference: what the steps are relative to.
    observer: EventStore,
    sequence: u32,
    events: u32,
}

impl Scene {
    pub fn new(observer: EventStore, sequence: u32) -> Self {
        Self { observer, sequence, events: 0 }
    }

    pub async fn call(&mut self, ask: Ask) -> Call {
        match ask {
            Ask::Append { clock, entries } => {
                Call::Append(self.append(clock, entries, &mut HashMap::new()).await)
            }
            Ask::AppendTogether { appends, in_turn } => {
                let mut versions = HashMap::new();
                let mut made = Vec::with_capacity(appends.len());
                for Drawn { clock, entries, gone } in appends {
                    made.push((self.append(clock, entries, &mut versions).await, gone));
                    if !in_turn {
                        versions.clear();
                    }
                }
                Call::AppendTogether(made)
            }
            Ask::AppendMany { clock, first, streams, keyed } => {
                self.append_many(clock, first..first + streams, keyed)
            }
            Ask::ReadFeed { after, limit } => Call::ReadFeed(self.place(after).await, limit),
            Ask::ReadStream { stream, after, limit } => {
                let stream = self.stream(stream);
                let end = self.version(&stream).await;
                Call::ReadStream(stream, resolve(after, end), limit)
            }
            Ask::Load { streams, snapshot_version } => {
                let streams = streams.into_iter().map(|stream| self.stream(stream));
                Call::Load(streams.collect(), snapshot_version)
            }
            Ask::Answers { keys } => {
                Call::Answers(keys.into_iter().map(|key| self.key(key)).collect())
            }
            Ask::SaveSnapshot { stream, snapshot_version, behind, lie, state } => {
                let stream = self.stream(stream);
                let snapshot = self.snapshot(&stream, behind, lie, state).await;
                Call::SaveSnapshot(stream, snapshot_version, snapshot)
            }
            Ask::ForgetAnswers { clock } => Call::ForgetAnswers(self.time(clock)),
            Ask::Lease { lease } => Call::Lease(self.lease_name(lease)),
            Ask::TakeLease { lease, holder, seen } => {
                let name = self.lease_name(lease);
                let seen = self.seen(&name, seen).await;
                Call::TakeLease(name, holder, seen)
            }
            Ask::UseLease { lease, epoch, verb } => {
                let name = self.lease_name(lease);
                let present = self.lease(&name).await.map_or(0, |lease| lease.epoch);
                let epoch = match epoch {
                    Epoch::Present => present,
                    Epoch::Former => present.saturating_sub(1),
                    Epoch::Beyond(epoch) => epoch,
                };
                self.use_lease(Lease { name, epoch }, verb).await
            }
            Ask::Hint => Call::Hint,
        }
    }

    /// `versions`: where streams are that have been appended to before.
    async fn append(
        &mut self,
        clock: i64,
        drawn: Vec<DrawnEntry>,
        versions: &mut HashMap<StreamId, Version>,
    ) -> Append {
        let mut entries = Vec::with_capacity(drawn.len());
        for entry in drawn {
            let stream = self.stream(entry.stream);
            let version = match versions.get(&stream) {
                Some(version) => *version,
                None => self.version(&stream).await,
            };
            let expected_version = match entry.expected {
                Expected::Right => version,
                Expected::Nothing => 0,
                Expected::Behind(versions) => version.saturating_sub(versions),
                Expected::Ahead(versions) => version + versions,
                Expected::Beyond(version) => version,
            };
            let partition_key = match entry.case {
                Some(Case::First(stream)) if expected_version == 0 => Some(self.stream(stream).id),
                Some(Case::Always(stream)) => Some(self.stream(stream).id),
                _ => None,
            };
            if expected_version == version {
                versions.insert(stream, version + entry.events.len() as Version);
            }
            let [correlation_id, causation_id, traceparent, actor] = entry.metadata;
            entries.push(Entry {
                stream,
                expected_version,
                partition_key,
                events: entry.events.into_iter().map(|event| self.event(event)).collect(),
                metadata: Metadata { correlation_id, causation_id, traceparent, actor },
                answer: entry.answer.map(|answer| self.answer(answer)),
                joint: entry.joint,
            });
        }
        Append { entries, recorded_at: self.time(clock) }
    }

    fn append_many(&mut self, clock: i64, numbers: std::ops::Range<usize>, keyed: bool) -> Call {
        let entry = |number: usize| {
            let occurred = Occurred::At(clock);
            let payload = Payload::Json("{}");
            let event = DrawnEvent { event_type: "Many", schema_version: 1, occurred, payload };
            let answer = keyed.then(|| KeyedAnswer {
                key: self.key(&format!("many {number}")),
                fingerprint: [0; 32],
                answer: Vec::new(),
                permanent: true,
            });
            Entry {
                stream: self.stream(MANY + number),
                expected_version: 0,
                partition_key: number.is_multiple_of(3).then(|| self.stream(number / 2).id),
                events: vec![self.event(event)],
                metadata: Metadata::default(),
                answer,
                joint: None,
            }
        };
        let entries = numbers.map(entry).collect();
        Call::Append(Append { entries, recorded_at: self.time(clock) })
    }

    fn event(&mut self, drawn: DrawnEvent) -> NewEvent {
        self.events += 1;
        let id = u128::from(self.sequence) << 64 | u128::from(self.events);
        NewEvent {
            event_id: Uuid::from_u128(id),
            event_type: drawn.event_type,
            schema_version: drawn.schema_version,
            occurred_at: match drawn.occurred {
                Occurred::At(nanoseconds) => self.time(nanoseconds),
                Occurred::First => Timestamp::MIN_UTC,
                Occurred::Last => Timestamp::MAX_UTC,
            },
            payload: match drawn.payload {
                Payload::Json(text) => text.as_bytes().to_vec(),
                Payload::Text(text) => serde_json::Value::from(text).to_string().into_bytes(),
                Payload::Kilobytes(number) => {
                    format!("\"{}\"", "x".repeat(number * 1024)).into_bytes()
                }
                Payload::NoJson(bytes) => bytes.to_vec(),
            },
        }
    }

    fn answer(&self, drawn: DrawnAnswer) -> KeyedAnswer {
        KeyedAnswer {
            key: self.key(drawn.key),
            fingerprint: [drawn.fingerprint; 32],
            answer: drawn.answer,
            permanent: drawn.permanent,
        }
    }

    /// A snapshot of one of the stream's last events, or one that says so and lies.
    async fn snapshot(&self, stream: &StreamId, behind: u64, lie: Lie, state: Vec<u8>) -> Snapshot {
        let events = self.events_of(stream).await;
        let event = events.iter().rev().nth(usize::try_from(behind).expect("it is small"));
        let (version, position) = event.map_or((1, 1), |event| (event.version, event.position));
        let (version, position) = match lie {
            Lie::None => (version, position),
            Lie::Position => (version, position + 1),
            Lie::Version => (version + 1, position),
            Lie::Beyond => (u64::MAX, u64::MAX),
        };
        let occurred_at = event.map_or(self.time(1), |event| event.occurred_at);
        Snapshot { version, occurred_at, position, state }
    }

    async fn seen(&self, name: &str, seen: Seen) -> Option<LeaseState> {
        let present = self.lease(name).await;
        match seen {
            Seen::Present => present,
            Seen::Past => present.map(|lease| LeaseState { beats: lease.beats - 1, ..lease }),
            Seen::Nothing => None,
        }
    }

    async fn use_lease(&self, lease: Lease, verb: Verb) -> Call {
        match verb {
            Verb::Renew => Call::RenewLease(lease),
            Verb::Advance { checkpoint, note } => {
                Call::AdvanceCheckpoint(lease, self.place(checkpoint).await, note)
            }
            Verb::Release => Call::ReleaseLease(lease),
        }
    }

    fn stream(&self, number: usize) -> StreamId {
        let (id, kind) = (number / STREAM_TYPES.len(), number % STREAM_TYPES.len());
        let id = u128::from(self.sequence) << 64 | id as u128;
        StreamId { stream_type: STREAM_TYPES[kind], id: Uuid::from_u128(id) }
    }

    fn key(&self, key: &str) -> String {
        format!("{}/{key}", self.sequence)
    }

    fn lease_name(&self, number: usize) -> String {
        format!("{}/{number}", self.sequence)
    }

    /// Every sequence has an hour of its own.
    fn time(&self, nanoseconds: i64) -> Timestamp {
        let start = Timestamp::from_timestamp(1_700_000_000, 0).expect("it is in the calendar");
        start + TimeDelta::hours(self.sequence.into()) + TimeDelta::nanoseconds(nanoseconds)
    }

    async fn place(&self, place: Place) -> u64 {
        resolve(place, self.observer.head().await.expect("the reference answers").position)
    }

    async fn version(&self, stream: &StreamId) -> Version {
        self.events_of(stream).await.last().map_or(0, |event| event.version)
    }

    async fn events_of(&self, stream: &StreamId) -> Vec<RecordedEvent> {
        let events = self.observer.read_stream(stream, 0, usize::MAX).await;
        events.expect("the reference answers")
    }

    async fn lease(&self, name: &str) -> Option<LeaseState> {
        self.observer.lease(name).await.expect("the reference answers")
    }
}

fn resolve(place: Place, end: u64) -> u64 {
    match place {
        Place::FromStart(number) => number,
        Place::BeforeEnd(number) => end.saturating_sub(number),
        Place::AfterEnd(number) => end + number,
        Place::Beyond(number) => number,
    }
}
