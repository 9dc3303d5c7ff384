//! The business case of a stream: stated by its first events, inherited by all later ones, part of the hash chain.

use crate::backend::Backend;
use crate::fixtures::{append, entry, keyed, stream, try_append, whole_log, written, wrong};
use event_store::{AppendError, Entry, EventStore, StoreError};
use uuid::Uuid;

fn of_case(case: u128, entry: Entry) -> Entry {
    Entry { partition_key: Some(Uuid::from_u128(case)), ..entry }
}

/// The partition keys of the whole log, in its order; however it is read.
async fn keys(store: &EventStore, streams: u128) -> Vec<u128> {
    let log = whole_log(store).await;
    let streams: Vec<_> = (1..=streams).map(stream).collect();
    let mut loaded = Vec::new();
    for one in store.load(&streams, 1).await.unwrap() {
        loaded.extend(one.events);
    }
    loaded.sort_by_key(|event| event.position);
    assert_eq!(loaded, log);
    for stream in &streams {
        let read = store.read_stream(stream, 0, 100).await.unwrap();
        let its: Vec<_> = log.iter().filter(|event| event.stream == *stream).cloned().collect();
        assert_eq!(read, its);
    }
    log.iter().map(|event| event.partition_key.as_u128()).collect()
}

/// Streams 1 to 4 of the cases 1, 9, 1 and 4; positions 1 to 9.
async fn given(backend: &Backend) -> EventStore {
    let store = backend.open().await;
    let entries = vec![entry(1, 0, 1), of_case(9, entry(2, 0, 2)), entry(2, 2, 1)];
    append(&store, entries).await;
    append(&store, vec![of_case(1, entry(3, 0, 2)), of_case(4, entry(4, 0, 3))]).await;
    store
}

pub async fn a_stream_is_a_business_case_of_its_own_unless_it_says_otherwise(backend: Backend) {
    let store = given(&backend).await;
    let expected = [1, 9, 9, 9, 1, 1, 4, 4, 4];
    assert_eq!(keys(&store, 4).await, expected);
    assert_eq!(keys(&backend.open_read_only().await, 4).await, expected);
}

pub async fn later_events_inherit_the_case_from_any_writer(backend: Backend) {
    let store = given(&backend).await;
    // By the handle that began the streams, by one that knows none of them, and by the first that knows them no more.
    append(&store, vec![entry(2, 3, 1), entry(1, 1, 1)]).await;
    let other = backend.open().await;
    append(&other, vec![entry(2, 4, 1), keyed(entry(3, 2, 1), "k", "answer")]).await;
    append(&other, vec![entry(2, 5, 1)]).await;
    append(&store, vec![entry(3, 3, 1), entry(4, 3, 1), entry(2, 6, 1)]).await;
    let expected = [1, 9, 9, 9, 1, 1, 4, 4, 4, 9, 1, 9, 1, 9, 1, 4, 9];
    assert_eq!(keys(&store, 4).await, expected);
}

pub async fn a_case_is_stated_with_the_first_events_alone(backend: Backend) {
    let store = given(&backend).await;
    for case in [2, 9] {
        let refused = try_append(&store, vec![entry(5, 0, 1), of_case(case, entry(2, 3, 1))]).await;
        let Err(AppendError::Failed(StoreError::Corrupt(why))) = refused else {
            panic!("{refused:?}")
        };
        assert!(why.contains("partition key"), "{why}");
    }
    // An answer without events begins no stream, so it gives it no case.
    append(&store, vec![of_case(9, keyed(entry(5, 0, 0), "k", "refused"))]).await;
    append(&store, vec![of_case(8, entry(5, 0, 1)), entry(5, 1, 1)]).await;
    assert_eq!(keys(&store, 5).await[9..], [8, 8]);
}

pub async fn of_writers_that_begin_a_stream_in_two_cases_one_wins(backend: Backend) {
    let (store, other) = (backend.open().await, backend.open().await);
    append(&store, vec![of_case(8, entry(1, 0, 1))]).await;
    let late = vec![of_case(9, entry(1, 0, 1)), entry(2, 0, 1)];
    assert_eq!(append(&other, late).await.outcomes, [wrong(0, 1), written(2)]);
    append(&other, vec![entry(1, 1, 1)]).await;
    assert_eq!(keys(&store, 2).await, [8, 2, 8]);
}

pub async fn a_log_with_foreign_cases_verifies(backend: Backend) {
    let store = given(&backend).await;
    let report = store.verify(|_, _| {}).await.unwrap();
    assert_eq!((report.events, &report.defects[..]), (9, &[][..]));
}

pub async fn a_changed_case_is_found_at_its_position(backend: Backend) {
    given(&backend).await.close().await;
    let of = |position: u8| format!("(SELECT stream_id FROM events WHERE position = {position})");
    // Taken away, given, and exchanged for that of another stream.
    for (position, value) in [(3, "NULL".to_owned()), (1, of(2)), (8, of(1)), (5, of(7))] {
        let keep = format!(
            "CREATE TABLE kept AS SELECT partition_key AS was FROM events WHERE position = {position}"
        );
        backend.tamper(&keep).await;
        let change =
            format!("UPDATE events SET partition_key = {value} WHERE position = {position}");
        backend.tamper(&change).await;
        let found = backend.open_to_verify().await.verify(|_, _| {}).await.unwrap().defects;
        let place = format!("position {position} ");
        assert!(found[0].starts_with(&place) && found.len() == 1, "{found:?}");
        let back = format!(
            "UPDATE events SET partition_key = (SELECT was FROM kept) WHERE position = {position}"
        );
        backend.tamper(&format!("{back}; DROP TABLE kept")).await;
    }
}

pub async fn the_schema_knows_one_form_of_each_case(backend: Backend) {
    given(&backend).await;
    let columns = "stream_type, event_id, event_type, schema_version, occurred_at, recorded_at, payload, hash";
    let insert = |key: &str| {
        format!(
            "INSERT INTO events (position, version, stream_id, partition_key, {columns})
             SELECT 10, 4, stream_id, {key}, {columns} FROM events WHERE position = 9"
        )
    };
    assert!(backend.execute(&insert("stream_id")).await.is_err(), "its own id is no foreign case");
    assert!(backend.execute(&insert("'no case'")).await.is_err());
    let foreign = "(SELECT stream_id FROM events WHERE position = 1)";
    assert_eq!(backend.execute(&insert(foreign)).await.unwrap(), 1);
}
