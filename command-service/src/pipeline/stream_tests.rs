//! The weight of a stream, when its snapshots are due, and the imported times that it accepts.

use super::*;
use crate::pipeline::counter::{Counter, Rig, add};

use crate::pipeline::snapshots::{SNAPSHOT_EVERY, saver};
use event_store::{Metadata, Snapshot, StreamType};
use rig::log::Log;

const ID: u128 = 1;

fn counter() -> StreamId {
    StreamType::new(Counter::STREAM_TYPE).stream(Uuid::from_u128(ID))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).unwrap()
}

/// The events of the decisions on these numbers, as they are read back.
fn recorded(stream: &mut Stream<Counter>, numbers: &[i64]) -> Vec<RecordedEvent> {
    let mut recorded = Vec::new();
    for number in numbers {
        let decision = stream.decide(&add(ID, *number), at(1), &Personal::default());
        recorded.extend(decision.events.into_iter().zip(decision.expected_version + 1..).map(
            |(event, version)| RecordedEvent {
                position: version,
                stream: stream.id,
                partition_key: stream.id.id,
                version,
                event_id: event.event_id,
                event_type: event.event_type.to_owned(),
                schema_version: event.schema_version,
                occurred_at: event.occurred_at,
                recorded_at: event.occurred_at,
                metadata: Metadata::default(),
                payload: event.payload,
                hash: [0; 32],
            },
        ));
    }
    recorded
}

#[test]
fn a_stream_weighs_its_bytes_whether_it_was_decided_or_loaded() {
    let id = counter();
    let mut decided = Stream::absent(id);
    let empty = decided.weight;
    // One digit a byte: the payloads are the numbers.
    let events = recorded(&mut decided, &[7, 10_000, 1_000_000_000]);
    assert_eq!(decided.weight, empty + 1 + 5 + 10);
    let loaded = LoadedStream { snapshot: None, events: events.clone() };
    let folded = Stream::<Counter>::fold(id, loaded).unwrap();
    assert_eq!((folded.weight, folded.state), (decided.weight, decided.state));

    let state = b"1000010007".to_vec();
    let snapshot = Snapshot { version: 3, occurred_at: at(1), position: 3, state };
    let loaded = LoadedStream { snapshot: Some(snapshot), events: events[..1].to_vec() };
    assert_eq!(Stream::<Counter>::fold(id, loaded).unwrap().weight, empty + 10 + 1);
}

#[tokio::test]
async fn a_snapshot_is_due_once_in_an_interval_of_events() {
    let store = Rig::on(Log::sqlite()).store().await;
    let (snapshots, _save) = saver::<Counter>(store, SNAPSHOT_EVERY, Personal::default());
    let mut stream = Stream::absent(counter());
    stream.occurred_at = Some(at(1));
    let every = SNAPSHOT_EVERY;
    for (version, last) in [
        (every - 1, 0),
        (every, every),
        (every + 1, every),
        (2 * every - 1, every),
        (2 * every + 3, 2 * every + 3),
        (3 * every + 2, 2 * every + 3),
        (3 * every + 3, 3 * every + 3),
    ] {
        stream.version = version;
        snapshots.offer(&mut stream, 0);
        assert_eq!(stream.snapshot, last, "at version {version}");
    }
}

#[test]
fn an_imported_fact_may_be_of_the_same_moment_as_the_last_one_and_as_now() {
    let mut stream = Stream::<Counter>::absent(counter());
    recorded(&mut stream, &[1]);
    let import = |seconds| -> Result<_, Refusal<()>> {
        occurs_at(Some(at(seconds)), stream.occurred_at, at(3))
    };
    assert!(matches!(import(0), Err(Refusal::BeforeLastEvent { last }) if last == at(1)));
    assert!(matches!(import(1), Ok(time) if time == at(1)));
    assert!(matches!(import(3), Ok(time) if time == at(3)));
    assert!(matches!(import(4), Err(Refusal::InFuture)));
}
