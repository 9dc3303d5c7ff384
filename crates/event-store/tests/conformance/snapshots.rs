//! Snapshots are a cache: used when they fit, never trusted over the log.

use crate::backend::Backend;
use crate::fixtures::{append, at, entry, fill, stream};
use event_store::{EventStore, LoadedStream, Snapshot};

fn snapshot(version: u64, position: u64) -> Snapshot {
    Snapshot { version, occurred_at: at(0), position, state: vec![0, 159, 146, 150] }
}

async fn load(store: &EventStore, number: u128, snapshot_version: u16) -> LoadedStream {
    store.load(&[stream(number)], snapshot_version).await.unwrap().remove(0)
}

pub async fn a_stream_loads_from_its_snapshot(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 2).await;
    append(&store, vec![entry(1, 3, 2)]).await;
    store.save_snapshot(&stream(1), 1, snapshot(3, 3)).await.unwrap();
    let loaded = load(&store, 1, 1).await;
    assert_eq!(loaded.snapshot, Some(snapshot(3, 3)));
    assert_eq!(loaded.events.iter().map(|event| event.version).collect::<Vec<_>>(), [4, 5]);
    store.save_snapshot(&stream(1), 1, snapshot(5, 8)).await.unwrap();
    let loaded = load(&store, 1, 1).await;
    assert_eq!((loaded.snapshot, loaded.events.len()), (Some(snapshot(5, 8)), 0));
    assert_eq!(load(&store, 2, 1).await.events.len(), 3);
}

pub async fn another_snapshot_version_is_not_seen(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 1).await;
    store.save_snapshot(&stream(1), 2, snapshot(3, 3)).await.unwrap();
    for other in [1, 3] {
        let loaded = load(&store, 1, other).await;
        assert_eq!((loaded.snapshot, loaded.events.len()), (None, 3));
    }
}

pub async fn an_older_snapshot_does_not_replace_a_newer_one(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 1).await;
    store.save_snapshot(&stream(1), 1, snapshot(3, 3)).await.unwrap();
    store.save_snapshot(&stream(1), 1, snapshot(2, 2)).await.unwrap();
    assert_eq!(load(&store, 1, 1).await.snapshot, Some(snapshot(3, 3)));
}

pub async fn a_snapshot_of_what_is_not_in_the_log_is_not_kept(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 2).await;
    for (number, version, position) in [(1, 4, 7), (1, 3, 2), (2, 3, 3), (9, 0, 0)] {
        store.save_snapshot(&stream(number), 1, snapshot(version, position)).await.unwrap();
        assert_eq!(load(&store, number, 1).await.snapshot, None);
    }
}
