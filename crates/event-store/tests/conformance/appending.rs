//! One handle appends: what is stored, what is refused, what is left alone.

use crate::backend::Backend;
use crate::fixtures::{append, at, entry, event, fill, keyed, stream, try_append, whole_log};
use crate::fixtures::{is_written, written, wrong};
use event_store::{
    Append, AppendError, Entry, Metadata, NewEvent, StoreError, StreamId, StreamType, Timestamp,
};
use uuid::Uuid;

pub async fn positions_and_versions_count_from_one(backend: Backend) {
    let store = backend.open().await;
    let first = append(&store, vec![entry(1, 0, 2), entry(2, 0, 1)]).await;
    assert_eq!(first.outcomes, [written(1), written(3)]);
    assert_eq!(first.head, 3);
    let second = append(&store, vec![entry(1, 2, 1)]).await;
    assert_eq!((second.outcomes, second.head), (vec![written(4)], 4));
    let log = whole_log(&store).await;
    let places: Vec<_> = log.iter().map(|event| (event.position, event.version)).collect();
    assert_eq!(places, [(1, 1), (2, 2), (3, 1), (4, 3)]);
    let head = store.head().await.unwrap();
    assert_eq!((head.position, head.hash, head.recorded_at), (4, log[3].hash, at(1)));
}

pub async fn what_is_stored_is_given_back_to_the_byte(backend: Backend) {
    let store = backend.open().await;
    let big = format!("\"{}\"", "x".repeat(1_000_000));
    let payloads = [
        r#"{"b":1,"a":2,"b":3}"#,
        " {\n\t\"spaces\" : [ 1 ,2 ] }\n",
        r#""\u0000\ud83d\ude00\/""#,
        "\"grüße 漢字 😀 \u{202e}\"",
        "1e131071",
        "-0.10",
        "null",
        &big,
    ];
    let metadata = Metadata {
        correlation_id: Some("c-1 \"'; DROP TABLE events; --".to_owned()),
        causation_id: Some(String::new()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        actor: None,
    };
    let fine = Timestamp::from_timestamp(1_700_000_000, 123_456_789).unwrap();
    let cut = Timestamp::from_timestamp(1_700_000_000, 123_456_000).unwrap();
    let events: Vec<NewEvent> = payloads
        .iter()
        .map(|payload| NewEvent { occurred_at: fine, schema_version: u16::MAX, ..event(payload) })
        .collect();
    let entry = Entry { events: events.clone(), metadata: metadata.clone(), ..entry(1, 0, 0) };
    let appended = store.append(Append { entries: vec![entry], recorded_at: fine }).await.unwrap();
    assert_eq!(appended.recorded_at, cut);
    let log = whole_log(&store).await;
    assert_eq!(log.len(), payloads.len());
    for (stored, given) in log.iter().zip(&events) {
        assert!(stored.payload == given.payload, "{}", stored.position);
        assert_eq!(stored.event_id, given.event_id);
        assert_eq!(stored.event_type, given.event_type);
        assert_eq!(stored.schema_version, u16::MAX);
        assert_eq!((stored.occurred_at, stored.recorded_at), (cut, cut));
        assert_eq!((&stored.stream, &stored.metadata), (&stream(1), &metadata));
    }
}

pub async fn a_payload_that_is_not_json_is_refused_and_nothing_is_stored(backend: Backend) {
    let store = backend.open().await;
    for bad in [&b""[..], b"{", b"{} x", b"\"\xff\"", b"\"\x00\"", b"nan"] {
        let bad = NewEvent { payload: bad.to_vec(), ..event("{}") };
        let entries = vec![entry(1, 0, 1), Entry { events: vec![bad], ..entry(2, 0, 0) }];
        let refused = try_append(&store, entries).await;
        assert!(matches!(refused, Err(AppendError::Failed(StoreError::Corrupt(_)))), "{refused:?}");
    }
    assert_eq!(store.head().await.unwrap().position, 0);
}

pub async fn a_text_with_a_nul_is_refused_and_nothing_is_stored(backend: Backend) {
    let store = backend.open().await;
    let metadata = Metadata { actor: Some("a\0b".to_owned()), ..Metadata::default() };
    let bad = [Entry { metadata, ..entry(1, 0, 1) }, keyed(entry(1, 0, 1), "k\0", "answer")];
    for bad in bad {
        let refused = try_append(&store, vec![entry(2, 0, 1), bad]).await;
        assert!(matches!(refused, Err(AppendError::Failed(StoreError::Corrupt(_)))), "{refused:?}");
    }
    assert_eq!(store.head().await.unwrap().position, 0);
}

pub async fn a_stale_version_is_refused_and_its_neighbours_are_written(backend: Backend) {
    let store = backend.open().await;
    append(&store, vec![entry(2, 0, 3)]).await;
    let entries =
        vec![entry(1, 0, 1), entry(2, 2, 1), entry(2, 3, 1), entry(3, 0, 1), entry(2, 0, 1)];
    let appended = append(&store, entries).await;
    let expected = [written(4), wrong(2, 3), wrong(3, 3), written(5), wrong(0, 3)];
    assert_eq!(appended.outcomes, expected);
    let log = whole_log(&store).await;
    let streams: Vec<_> = log[3..].iter().map(|event| event.stream).collect();
    assert_eq!(streams, [stream(1), stream(3)]);
    assert_eq!(append(&store, vec![entry(2, 3, 1)]).await.outcomes, [written(6)]);
}

pub async fn entries_of_one_stream_build_on_one_another_in_a_batch(backend: Backend) {
    let store = backend.open().await;
    let appended = append(&store, vec![entry(1, 0, 2), entry(1, 2, 3), entry(1, 5, 1)]).await;
    assert_eq!(appended.outcomes, [written(1), written(3), written(6)]);
    let versions: Vec<_> = whole_log(&store).await.iter().map(|event| event.version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
}

pub async fn thousands_of_entries_go_in_with_one_append(backend: Backend) {
    let store = backend.open().await;
    let entries = (1..=5_000).map(|number| keyed(entry(number, 0, 1), &format!("k{number}"), "a"));
    let appended = append(&store, entries.collect()).await;
    assert!(appended.outcomes.iter().all(is_written));
    assert_eq!(appended.head, 5_000);
    let again = append(&store, (1..=5_000).map(|number| entry(number, 1, 1)).collect()).await;
    assert!(again.outcomes.iter().all(is_written));
    assert_eq!(store.verify(|_, _| {}).await.unwrap().events, 10_000);
    let stale = append(&store, (1..=5_000).map(|number| entry(number, 1, 1)).collect()).await;
    assert!(stale.outcomes.iter().all(|outcome| *outcome == wrong(1, 2)));
    assert_eq!(stale.head, 10_000);
}

pub async fn an_append_without_entries_changes_nothing(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 1).await;
    let before = store.head().await.unwrap();
    let appended = append(&store, vec![]).await;
    assert_eq!((appended.outcomes.len(), appended.head), (0, 3));
    let hollow = append(&store, vec![entry(1, 3, 0)]).await;
    assert_eq!((hollow.outcomes, hollow.head), (vec![written(3)], 3));
    assert_eq!(store.head().await.unwrap(), before);
}

pub async fn recorded_time_never_goes_back(backend: Backend) {
    let store = backend.open().await;
    for (number, (clock, stored)) in
        [(100, 100), (-86_400, 100), (99, 100), (101, 101)].into_iter().enumerate()
    {
        let entries = vec![entry(number as u128, 0, 1)];
        let append = Append { entries, recorded_at: at(clock) };
        assert_eq!(store.append(append).await.unwrap().recorded_at, at(stored));
    }
    let recorded: Vec<_> = whole_log(&store).await.iter().map(|event| event.recorded_at).collect();
    assert_eq!(recorded, [at(100), at(100), at(100), at(101)]);
}

pub async fn one_id_under_two_stream_types_is_two_streams(backend: Backend) {
    let store = backend.open().await;
    let shipment = StreamId { stream_type: StreamType::new("shipment"), id: Uuid::from_u128(1) };
    let other = Entry { stream: shipment, ..entry(1, 0, 1) };
    let appended = append(&store, vec![entry(1, 0, 2), other]).await;
    assert_eq!(appended.outcomes, [written(1), written(3)]);
    let read = store.read_stream(&shipment, 0, 10).await.unwrap();
    assert_eq!((read.len(), &read[0].stream), (1, &shipment));
    assert_eq!(store.read_stream(&stream(1), 0, 10).await.unwrap().len(), 2);
}

pub async fn a_version_that_does_not_exist_yet_leaves_no_gap(backend: Backend) {
    let store = backend.open().await;
    let appended = append(&store, vec![entry(1, 4, 1), entry(2, 0, 1)]).await;
    assert_eq!(appended.outcomes, [wrong(4, 0), written(1)]);
    assert!(store.read_stream(&stream(1), 0, 10).await.unwrap().is_empty());
}

pub async fn the_head_hint_follows_appends(backend: Backend) {
    let store = backend.open().await;
    let mut hint = store.head_hint();
    assert_eq!(*hint.borrow_and_update(), 0);
    append(&store, vec![entry(1, 0, 2)]).await;
    hint.changed().await.unwrap();
    assert_eq!(*hint.borrow_and_update(), 2);
    assert_eq!(*backend.open().await.head_hint().borrow(), 2);
}

pub async fn a_handle_that_only_reads_cannot_append(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 1).await;
    let reader = backend.open_read_only().await;
    let refused = try_append(&reader, vec![entry(2, 0, 1)]).await;
    assert!(matches!(refused, Err(AppendError::Failed(StoreError::Unavailable(_)))));
    assert_eq!(whole_log(&reader).await, whole_log(&store).await);
}

pub async fn reopening_keeps_everything(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 5).await;
    append(&store, vec![keyed(entry(9, 0, 1), "k", "answer")]).await;
    let (log, head) = (whole_log(&store).await, store.head().await.unwrap());
    store.close().await;
    let store = backend.open().await;
    assert_eq!(whole_log(&store).await, log);
    assert_eq!(store.head().await.unwrap(), head);
    assert!(store.answers(&["k".to_owned()]).await.unwrap()[0].is_some());
    assert_eq!(append(&store, vec![entry(9, 1, 1)]).await.outcomes, [written(17)]);
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}

pub async fn a_closed_store_says_unavailable(backend: Backend) {
    let store = backend.open().await;
    let _hint = store.head_hint();
    append(&store, vec![entry(1, 0, 1)]).await;
    store.ping().await.unwrap();
    store.close().await;
    assert!(matches!(store.read_feed(0, 1).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert!(store.load(&[], 1).await.unwrap().is_empty(), "who asks for nothing needs no storage");
    let refused = try_append(&store, vec![entry(1, 0, 1)]).await;
    assert!(matches!(refused, Err(AppendError::Failed(StoreError::Unavailable(_)))));
}
