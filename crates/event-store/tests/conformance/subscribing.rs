//! Subscriptions: every event, in order, from the checkpoint on, by one process at a time.

use crate::backend::Backend;
use crate::fixtures::{entry, fill, try_append};
use event_store::subscription::{AdvanceError, Checkpoint, LeaseLost};
use event_store::{EventStore, Patience, Position, RecordedEvent, Tenure};
use futures::poll;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const NAME: &str = "process:thanks";
const SHORT: Patience = Patience { take_after: Duration::from_millis(100) };
const LONG: Patience = Patience { take_after: Duration::from_secs(60) };
/// Longer than any test waits: what comes sooner came by a hint.
const NEVER: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_secs(20);

async fn take(store: &EventStore, holder: &str, patience: Patience) -> (Tenure, Checkpoint) {
    let subscription = store.subscribe(NAME, holder, patience);
    timeout(SOON, subscription.take(&|_| ())).await.expect("the lease is free, or becomes so")
}

fn positions(page: Option<Vec<RecordedEvent>>) -> Vec<Position> {
    page.unwrap_or_default().iter().map(|event| event.position).collect()
}

pub async fn a_subscriber_goes_on_behind_the_last_page_that_was_done(backend: Backend) {
    fill(&backend.open().await, 5).await;
    let store = backend.open_for_leases().await;
    let shutdown = CancellationToken::new();
    let (tenure, checkpoint) = take(&store, "a", SHORT).await;
    assert_eq!(checkpoint, Checkpoint::default());
    let mut pages = tenure.pages(checkpoint.position, 3, NEVER, &shutdown);
    assert_eq!(positions(pages.next().await.unwrap()), [1, 2, 3]);
    pages.done().await.unwrap();
    assert_eq!(positions(pages.next().await.unwrap()), [4, 5, 6]);
    // It is gone before that page is done.
    drop(pages);
    let elsewhere = backend.open_for_leases().await;
    let (tenure, checkpoint) = take(&elsewhere, "b", SHORT).await;
    assert_eq!((checkpoint.position, tenure.epoch()), (3, 2));
    let mut pages = tenure.pages(checkpoint.position, 100, NEVER, &shutdown);
    assert_eq!(positions(pages.next().await.unwrap()), (4..=15).collect::<Vec<_>>());
    pages.done().await.unwrap();
    assert_eq!(tenure.checkpoint().await.unwrap().position, 15);
}

pub async fn a_subscriber_waits_for_what_is_appended_and_for_its_shutdown(backend: Backend) {
    let store = backend.open().await;
    let shutdown = CancellationToken::new();
    let (tenure, checkpoint) = take(&store, "a", LONG).await;
    let mut pages = tenure.pages(checkpoint.position, 10, NEVER, &shutdown);
    for number in 1..=3_u64 {
        {
            let mut next = pin!(pages.next());
            assert!(poll!(&mut next).is_pending(), "nothing is there yet");
            try_append(&store, vec![entry(number.into(), 0, 1)]).await.unwrap();
            let page = timeout(SOON, next).await.expect("a hint wakes it").unwrap();
            assert_eq!(positions(page), [number]);
        }
        pages.done().await.unwrap();
    }
    let mut next = pin!(pages.next());
    assert!(poll!(&mut next).is_pending());
    shutdown.cancel();
    assert_eq!(timeout(SOON, next).await.expect("shutdown ends the pause").unwrap(), None);
}

pub async fn a_subscriber_that_was_paused_moves_nothing(backend: Backend) {
    let (store, elsewhere) = (backend.open().await, backend.open().await);
    fill(&store, 2).await;
    let (paused, _) = take(&store, "a", SHORT).await;
    paused.advance(1, "one").await.unwrap();
    // It shows no life for long enough.
    let (tenure, checkpoint) = take(&elsewhere, "b", SHORT).await;
    assert_eq!(checkpoint, Checkpoint { position: 1, note: "one".to_owned() });
    tenure.advance(2, "two").await.unwrap();
    assert!(matches!(paused.advance(3, "three").await, Err(AdvanceError::Fenced)));
    assert!(matches!(paused.checkpoint().await, Err(AdvanceError::Fenced)));
    assert_eq!(tenure.checkpoint().await.unwrap().note, "two");
    let work = std::future::pending::<()>();
    assert_eq!(paused.during(&|_| (), work).await, Err(LeaseLost::TakenOver));
    // No job is done beyond the log's end.
    assert!(matches!(tenure.advance(99, "").await, Err(AdvanceError::Fenced)));
}

pub async fn a_subscriber_keeps_its_lease_while_it_works_and_gives_it_back(backend: Backend) {
    let (store, elsewhere) = (backend.open().await, backend.open().await);
    let (tenure, _) = take(&store, "a", SHORT).await;
    let (end, ended) = tokio::sync::oneshot::channel();
    let work = async { ended.await.unwrap() };
    let rival = async {
        // It is patient for several times as long as a lease without life lasts, and in vain.
        let subscription = elsewhere.subscribe(NAME, "b", SHORT);
        let patience = SHORT.take_after * 8;
        let report = |_| ();
        assert!(timeout(patience, subscription.take(&report)).await.is_err(), "it is kept");
        end.send(7).unwrap();
    };
    let report = |_| ();
    let (worked, ()) = tokio::join!(tenure.during(&report, work), rival);
    assert_eq!(worked, Ok(7));
    // What was given back is taken at once, however patient the next one is.
    let (next, _) = take(&elsewhere, "b", LONG).await;
    assert_eq!(next.epoch(), 2);
}
