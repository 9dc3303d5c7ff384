//! The head of the log never moves without its rows. Three locks see to it: rows that are in the way fail the insert (or,
//! on PostgreSQL's slow path, are skipped), the append counts what went in, the schema refuses a head that is not the
//! last event. A handle refuses a log in which the two differ all the same.

use crate::backend::Backend;
use crate::fixtures::{append, entry, keyed, whole_log, written, wrong};
use event_store::{Access, EntryOutcome, EventStore};

/// A stream is begun, forgotten by every cache, and begun a second time by a handle that appends on its own tip.
async fn begin_a_stream_twice(backend: &Backend) -> EventStore {
    let store = backend.open().await;
    append(&store, vec![entry(1, 0, 1)]).await;
    store.close().await;
    let store = backend.open().await;
    for number in 2..=4 {
        append(&store, vec![entry(number, 0, 1)]).await;
    }
    assert_eq!(append(&store, vec![entry(1, 0, 1)]).await.outcomes, [wrong(0, 1)]);
    assert_eq!((store.head().await.unwrap().position, whole_log(&store).await.len()), (4, 4));
    store
}

pub async fn a_stream_that_no_cache_knows_is_not_begun_twice(backend: Backend) {
    let store = begin_a_stream_twice(&backend).await;
    let entries = vec![entry(5, 0, 2), entry(1, 0, 1), entry(2, 1, 1), entry(3, 0, 1)];
    let outcomes = append(&store, entries).await.outcomes;
    assert_eq!(outcomes, [written(5), wrong(0, 1), written(7), wrong(0, 1)]);
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}

pub async fn rows_that_are_skipped_in_silence_are_counted_by_the_append(backend: Backend) {
    backend.open().await.close().await;
    backend.unlock_the_head().await;
    backend.skip_in_silence("events", &["stream_id", "stream_type", "version"]).await;
    begin_a_stream_twice(&backend).await;
}

pub async fn answers_that_are_skipped_in_silence_are_counted_by_the_append(backend: Backend) {
    let store = backend.open().await;
    append(&store, vec![entry(1, 0, 1)]).await;
    backend.unlock_the_head().await;
    backend.skip_in_silence("idempotency", &["key"]).await;
    append(&store, vec![keyed(entry(2, 0, 1), "k", "first")]).await;
    let appended = append(&store, vec![keyed(entry(3, 0, 1), "k", "second")]).await;
    assert!(matches!(appended.outcomes[..], [EntryOutcome::KeyTaken(_)]), "{appended:?}");
    assert_eq!((store.head().await.unwrap().position, whole_log(&store).await.len()), (2, 2));
}

pub async fn the_schema_refuses_a_head_that_is_not_the_last_event(backend: Backend) {
    let store = backend.open().await;
    append(&store, vec![entry(1, 0, 3)]).await;
    let before = store.head().await.unwrap();
    let refused = [
        "UPDATE log_head SET position = position + 1",
        "UPDATE log_head SET position = position - 1",
        "UPDATE log_head SET hash = (SELECT hash FROM events WHERE position = 2)",
        "UPDATE log_head SET position = 2, hash = (SELECT hash FROM events WHERE position = 2)",
        "UPDATE log_head SET position = 0",
        "INSERT INTO log_head SELECT * FROM log_head",
    ];
    for sql in refused {
        assert!(backend.execute(sql).await.is_err(), "{sql}");
    }
    // Nothing moved, nothing wrong: settling a lost commit uses revisions up.
    backend.execute("UPDATE log_head SET revision = revision + 1").await.unwrap();
    assert_eq!(store.head().await.unwrap(), before);
    append(&store, vec![entry(1, 3, 1)]).await;
}

pub async fn a_log_whose_head_is_not_its_last_event_is_refused_by_name(backend: Backend) {
    const ALL: [Access; 3] = [Access::ReadWrite, Access::Lease, Access::ReadOnly];
    let store = backend.open().await;
    append(&store, vec![entry(1, 0, 3)]).await;
    store.close().await;
    let damages = [
        ("UPDATE log_head SET position = 4", "head is at position 4, its last event at position 3"),
        (
            "UPDATE log_head SET position = 3, hash = (SELECT hash FROM events WHERE position = 2)",
            "different hashes",
        ),
        ("DELETE FROM events WHERE position = 3", "its last event at position 2"),
        ("DELETE FROM events", "its last event at position 0"),
    ];
    for (damage, named) in damages {
        backend.tamper(damage).await;
        for access in ALL {
            let reason = backend.refused(access).await.unwrap();
            assert!(reason.contains(named) && reason.contains("orderlog verify"), "{reason}");
        }
        assert!(
            !backend.open_to_verify().await.verify(|_, _| {}).await.unwrap().defects.is_empty()
        );
    }
}
