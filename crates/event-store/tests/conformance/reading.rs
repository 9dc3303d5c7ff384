//! Pages and loads.

use crate::backend::Backend;
use crate::fixtures::{append, entry, event, fill, stream, whole_log};
use event_store::{Entry, MAX_PAGE, MAX_PAGE_BYTES, NewEvent, StreamType, Timestamp};

pub async fn pages_of_the_log_are_contiguous_and_bounded(backend: Backend) {
    let store = backend.open().await;
    append(&store, (1..=MAX_PAGE as u128 + 5).map(|number| entry(number, 0, 1)).collect()).await;
    let page = store.read_feed(3, 4).await.unwrap();
    assert_eq!(page.iter().map(|event| event.position).collect::<Vec<_>>(), [4, 5, 6, 7]);
    assert_eq!(store.read_feed(0, usize::MAX).await.unwrap().len(), MAX_PAGE);
    assert_eq!(store.read_feed(MAX_PAGE as u64, MAX_PAGE).await.unwrap().len(), 5);
    assert!(store.read_feed(MAX_PAGE as u64 + 5, 10).await.unwrap().is_empty());
    assert!(store.read_feed(u64::MAX, 10).await.unwrap().is_empty());
    assert!(store.read_feed(0, 0).await.unwrap().is_empty());
}

pub async fn a_page_ends_when_it_is_full_of_bytes(backend: Backend) {
    let store = backend.open().await;
    let payload = format!("\"{}\"", "x".repeat(1024 * 1024));
    let events = vec![event(&payload); 20];
    append(&store, vec![Entry { events, ..entry(1, 0, 0) }, entry(1, 20, 1)]).await;
    let page = store.read_feed(0, 100).await.unwrap();
    let bytes: usize = page.iter().map(|event| event.payload.len()).sum();
    assert!((MAX_PAGE_BYTES..MAX_PAGE_BYTES + payload.len()).contains(&bytes));
    assert_eq!(page.len(), 16);
    assert_eq!(store.read_stream(&stream(1), 0, 100).await.unwrap().len(), 16);
    let positions: Vec<_> = whole_log(&store).await.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=21).collect::<Vec<_>>());
}

pub async fn pages_of_a_stream_hold_that_stream_only(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 4).await;
    append(&store, vec![entry(2, 3, 2)]).await;
    let page = store.read_stream(&stream(2), 1, 3).await.unwrap();
    assert!(page.iter().all(|event| event.stream == stream(2)));
    assert_eq!(page.iter().map(|event| event.version).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(store.read_stream(&stream(2), 4, 3).await.unwrap().len(), 1);
    assert!(store.read_stream(&stream(99), 0, 3).await.unwrap().is_empty());
}

pub async fn many_streams_load_in_the_order_asked(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 300).await;
    let asked: Vec<_> = (0..=300).rev().map(stream).collect();
    let loaded = store.load(&asked, 1).await.unwrap();
    assert_eq!(loaded.len(), 301);
    for (stream, loaded) in asked.iter().zip(&loaded).take(300) {
        assert!(loaded.snapshot.is_none());
        assert!(loaded.events.iter().all(|event| event.stream == *stream));
        let versions: Vec<_> = loaded.events.iter().map(|event| event.version).collect();
        assert_eq!(versions, [1, 2, 3]);
    }
    assert!(loaded[300].events.is_empty());
    assert!(store.load(&[], 1).await.unwrap().is_empty());
    assert!(store.load(&vec![stream(1); MAX_PAGE + 1], 1).await.is_err());
}

pub async fn a_follower_of_the_log_reads_what_is_stored(backend: Backend) {
    let store = backend.open().await;
    let _hint = store.head_hint();
    let fine = Timestamp::from_timestamp(1_700_000_000, 123_456_789).unwrap();
    let event = NewEvent { occurred_at: fine, ..event("{}") };
    append(&store, vec![Entry { events: vec![event; 3], ..entry(1, 0, 0) }]).await;
    let stored = whole_log(&backend.open_read_only().await).await;
    assert_eq!(whole_log(&store).await, stored);
    assert_eq!(stored[0].occurred_at.timestamp_subsec_nanos(), 123_456_000);
    assert!(store.read_feed(u64::MAX, 10).await.unwrap().is_empty());
}

pub async fn an_empty_log_reads_as_empty(backend: Backend) {
    let store = backend.open().await;
    let head = store.head().await.unwrap();
    assert_eq!((head.position, head.hash), (0, [0; 32]));
    assert!(store.read_feed(0, 10).await.unwrap().is_empty());
    assert!(store.load(&[stream(1)], 1).await.unwrap()[0].events.is_empty());
    assert_eq!(store.verify(|_, _| {}).await.unwrap(), event_store::VerifyReport::default());
}

pub async fn the_last_event_of_a_type_is_found_behind_a_position(backend: Backend) {
    let store = backend.open().await;
    let (ours, other) = (stream(1).stream_type, StreamType::new("other"));
    assert_eq!(store.last_of(ours, 0).await.unwrap(), None);
    let elsewhere = Entry { stream: other.stream(stream(2).id), ..entry(2, 0, 2) };
    append(&store, vec![entry(1, 0, 3), elsewhere, entry(1, 3, 1)]).await;
    for (stream_type, after, last) in [
        (ours, 0, Some(6)),
        (ours, 5, Some(6)),
        (ours, 6, None),
        (ours, 60, None),
        (other, 0, Some(5)),
        (other, 4, Some(5)),
        (other, 5, None),
        (StreamType::new("none"), 0, None),
    ] {
        assert_eq!(
            store.last_of(stream_type, after).await.unwrap(),
            last,
            "{stream_type:?} {after}"
        );
    }
}
