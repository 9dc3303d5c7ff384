//! Values that cases are written with.

use event_store::{
    Append, AppendError, Appended, Entry, EntryOutcome, EventStore, KeyedAnswer, Metadata,
    NewEvent, RecordedEvent, StreamId, StreamType, Timestamp, Version,
};
use uuid::Uuid;

/// A stream by number.
pub fn stream(number: u128) -> StreamId {
    StreamId { stream_type: StreamType::new("order"), id: Uuid::from_u128(number) }
}

/// Seconds after some day.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

/// An event with a payload of its own.
pub fn event(payload: &str) -> NewEvent {
    NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "NoteAdded",
        schema_version: 1,
        occurred_at: at(0),
        payload: payload.as_bytes().to_vec(),
    }
}

/// Events on a stream that is at `expected_version`.
pub fn entry(number: u128, expected_version: Version, events: usize) -> Entry {
    let events = (0..events).map(|nth| event(&format!(r#"{{"nth":{nth}}}"#))).collect();
    Entry {
        stream: stream(number),
        expected_version,
        partition_key: None,
        events,
        metadata: Metadata::default(),
        answer: None,
        joint: None,
    }
}

/// The entry with an answer to be kept under a key.
pub fn keyed(entry: Entry, key: &str, answer: &str) -> Entry {
    let answer = KeyedAnswer {
        key: key.to_owned(),
        fingerprint: [7; 32],
        answer: answer.as_bytes().to_vec(),
        permanent: false,
    };
    Entry { answer: Some(answer), ..entry }
}

/// Appends at one fixed time.
pub async fn try_append(store: &EventStore, entries: Vec<Entry>) -> Result<Appended, AppendError> {
    store.append(Append { entries, recorded_at: at(1) }).await
}

/// Appends at one fixed time; the storage must not fail.
pub async fn append(store: &EventStore, entries: Vec<Entry>) -> Appended {
    try_append(store, entries).await.unwrap()
}

/// Streams of three events each, in batches as they would come.
pub async fn fill(store: &EventStore, streams: u128) {
    for number in 1..=streams {
        append(store, vec![entry(number, 0, 2)]).await;
        append(store, vec![entry(number, 2, 1)]).await;
    }
}

/// The whole log.
pub async fn whole_log(store: &EventStore) -> Vec<RecordedEvent> {
    let mut log: Vec<RecordedEvent> = Vec::new();
    loop {
        let after = log.last().map_or(0, |event| event.position);
        let page = store.read_feed(after, 1_000).await.unwrap();
        if page.is_empty() {
            return log;
        }
        log.extend(page);
    }
}

/// Whether the entry was stored.
pub fn is_written(outcome: &EntryOutcome) -> bool {
    matches!(outcome, EntryOutcome::Written { .. })
}

/// A stored entry's outcome.
pub fn written(first_position: u64) -> EntryOutcome {
    EntryOutcome::Written { first_position }
}

/// A conflict.
pub fn wrong(expected: Version, actual: Version) -> EntryOutcome {
    EntryOutcome::WrongExpectedVersion { expected, actual }
}
