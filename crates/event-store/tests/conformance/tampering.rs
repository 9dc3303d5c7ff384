//! The log is append-only by its schema, and a log changed in spite of that is found out, at the place.

use crate::backend::Backend;
use crate::fixtures::{append, at, entry, fill, whole_log};
use event_store::{Append, Metadata, StoreError};

async fn defects(backend: &Backend) -> Vec<String> {
    backend.open_to_verify().await.verify(|_, _| {}).await.unwrap().defects
}

/// Three streams of three events; positions 1 to 9.
async fn given(backend: &Backend) {
    let store = backend.open().await;
    for number in 1..=3_u128 {
        let mut entry = entry(number, 0, 3);
        entry.metadata = Metadata { actor: Some("somebody".to_owned()), ..Metadata::default() };
        let append = Append { entries: vec![entry], recorded_at: at(number as i64) };
        store.append(append).await.unwrap();
    }
    store.close().await;
}

pub async fn a_sound_log_verifies(backend: Backend) {
    let store = backend.open().await;
    append(&store, (1..=5_000).map(|number| entry(number, 0, 1)).collect()).await;
    fill(&store, 0).await;
    let mut seen = Vec::new();
    let report = store.verify(|position, head| seen.push((position, head))).await.unwrap();
    assert_eq!((report.events, report.defects.len()), (5_000, 0));
    assert!(seen.is_sorted() && seen.iter().all(|(_, head)| *head == 5_000), "{seen:?}");
    assert!(!seen.is_empty());
}

pub async fn rows_cannot_be_changed_removed_or_replaced(backend: Backend) {
    given(&backend).await;
    let store = backend.open().await;
    let before = whole_log(&store).await;
    let columns = "stream_type, stream_id, version, event_id, event_type, schema_version, \
        occurred_at, recorded_at, correlation_id, causation_id, traceparent, actor, payload, hash";
    let refused = [
        "UPDATE events SET payload = '{}'".to_owned(),
        "UPDATE events SET actor = NULL WHERE position = 4".to_owned(),
        "DELETE FROM events".to_owned(),
        "DELETE FROM events WHERE position = 9".to_owned(),
        "DELETE FROM log_head".to_owned(),
    ];
    for sql in refused {
        assert!(backend.execute(&sql).await.is_err(), "{sql}");
    }
    for sql in backend.replacements(columns) {
        assert!(backend.execute(&sql).await.map_or(true, |rows| rows == 0), "{sql}");
    }
    assert_eq!(whole_log(&store).await, before);
}

pub async fn every_changed_column_is_found_at_its_position(backend: Backend) {
    given(&backend).await;
    let changes = [
        ("payload", "'{\"nth\":8}'"),
        ("event_type", "'NoteRemoved'"),
        ("schema_version", "2"),
        ("occurred_at", "occurred_at + 1"),
        ("recorded_at", "recorded_at + 1"),
        ("correlation_id", "''"),
        ("causation_id", "'somebody'"),
        ("traceparent", "'x'"),
        ("actor", "NULL"),
        ("event_id", "(SELECT event_id FROM events WHERE position = 1)"),
        ("stream_type", "'ordes'"),
    ];
    for (column, value) in changes {
        let keep =
            format!("CREATE TABLE kept AS SELECT {column} AS was FROM events WHERE position = 5");
        backend.tamper(&keep).await;
        backend.tamper(&format!("UPDATE events SET {column} = {value} WHERE position = 5")).await;
        let found = defects(&backend).await;
        assert!(found[0].starts_with("position 5 "), "{column}: {found:?}");
        let back =
            format!("UPDATE events SET {column} = (SELECT was FROM kept) WHERE position = 5");
        backend.tamper(&format!("{back}; DROP TABLE kept")).await;
        assert_eq!(defects(&backend).await, [""; 0], "{column}");
    }
}

pub async fn a_removed_row_is_found(backend: Backend) {
    given(&backend).await;
    backend.tamper("DELETE FROM events WHERE position = 4").await;
    let found = defects(&backend).await;
    assert!(found[0].starts_with("position 4: missing"), "{found:?}");
    assert!(found.iter().any(|defect| defect.starts_with("position 5 ")), "{found:?}");
}

pub async fn swapped_rows_are_found(backend: Backend) {
    given(&backend).await;
    let swap = "UPDATE events SET position = -1 WHERE position = 4;
        UPDATE events SET position = 4 WHERE position = 7;
        UPDATE events SET position = 7 WHERE position = -1;";
    backend.tamper(swap).await;
    let found = defects(&backend).await;
    assert!(found[0].starts_with("position 4 "), "{found:?}");
    assert!(found.iter().any(|defect| defect.starts_with("position 7 ")), "{found:?}");
    assert!(!found.iter().any(|defect| defect.starts_with("position 6 ")), "{found:?}");
}

pub async fn a_cut_tail_is_found(backend: Backend) {
    given(&backend).await;
    backend.tamper("DELETE FROM events WHERE position > 7").await;
    assert_eq!(defects(&backend).await, ["position 8: missing, the log ends before its head at 9"]);
}

pub async fn a_head_that_was_set_back_is_found(backend: Backend) {
    given(&backend).await;
    backend
        .tamper(
            "UPDATE log_head SET position = 7, hash = (SELECT hash FROM events WHERE position = 7)",
        )
        .await;
    let found = defects(&backend).await;
    assert!(found[0].contains("outside of the log"), "{found:?}");
    backend.tamper("UPDATE log_head SET position = 9").await;
    let found = defects(&backend).await;
    assert_eq!(found, ["position 9: its hash is not the one in the head"]);
}

pub async fn an_inserted_row_is_found(backend: Backend) {
    given(&backend).await;
    let columns = "stream_type, stream_id, event_id, event_type, schema_version, \
        occurred_at, recorded_at, correlation_id, causation_id, traceparent, actor, payload, hash";
    backend
        .tamper(&format!(
            "INSERT INTO events (position, version, {columns})
             SELECT 10, 4, {columns} FROM events WHERE position = 9;
             UPDATE log_head SET position = 10"
        ))
        .await;
    let found = defects(&backend).await;
    assert!(found[0].starts_with("position 10 "), "{found:?}");
}

pub async fn a_stream_out_of_order_is_found(backend: Backend) {
    given(&backend).await;
    backend.tamper("UPDATE events SET version = 7 WHERE position = 6").await;
    let found = defects(&backend).await;
    assert!(found[0].starts_with("position 6 "), "{found:?}");
    assert!(
        found.iter().any(|defect| defect.contains("does not follow in its stream")),
        "{found:?}"
    );
}

pub async fn the_feed_does_not_pass_over_a_removed_row(backend: Backend) {
    given(&backend).await;
    backend.tamper("DELETE FROM events WHERE position = 4").await;
    let store = backend.open_read_only().await;
    for after in [0, 3] {
        let read = store.read_feed(after, 10).await;
        assert!(matches!(&read, Err(StoreError::Corrupt(why)) if why.contains("4")), "{read:?}");
    }
    let loaded = store.load(&[crate::fixtures::stream(2)], 1).await;
    assert!(matches!(loaded, Err(StoreError::Corrupt(_))));
}
