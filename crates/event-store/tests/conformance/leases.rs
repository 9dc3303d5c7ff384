//! Leases: one holder at a time; a former holder changes nothing any more.

use crate::backend::Backend;
use crate::fixtures::{entry, fill, try_append};
use event_store::{AppendError, EventStore, Lease, StoreError};

const NAME: &str = "relay:orders";

async fn must_take(store: &EventStore, holder: &str) -> Lease {
    let seen = store.lease(NAME).await.unwrap();
    store.take_lease(NAME, holder, seen.as_ref()).await.unwrap().unwrap()
}

pub async fn a_lease_is_taken_by_one_of_many(backend: Backend) {
    let (one, other) = (backend.open().await, backend.open().await);
    assert_eq!(one.lease(NAME).await.unwrap(), None);
    for round in 0..20 {
        let seen = one.lease(NAME).await.unwrap();
        let (a, b) = tokio::join!(
            one.take_lease(NAME, "a", seen.as_ref()),
            other.take_lease(NAME, "b", seen.as_ref())
        );
        let taken: Vec<_> = [a.unwrap(), b.unwrap()].into_iter().flatten().collect();
        assert_eq!(taken.len(), 1, "round {round}");
        assert_eq!(taken[0].epoch, round + 1);
        assert_eq!(other.lease(NAME).await.unwrap().unwrap().epoch, round + 1);
    }
}

pub async fn a_lease_that_showed_life_is_not_taken(backend: Backend) {
    let store = backend.open().await;
    let lease = must_take(&store, "a").await;
    let seen = store.lease(NAME).await.unwrap();
    assert!(store.renew_lease(&lease).await.unwrap());
    assert_eq!(store.take_lease(NAME, "b", seen.as_ref()).await.unwrap(), None);
    assert_eq!(store.take_lease(NAME, "b", None).await.unwrap(), None);
    let now = store.lease(NAME).await.unwrap().unwrap();
    assert_eq!((now.epoch, now.holder.as_deref()), (1, Some("a")));
    assert!(now.beats > seen.unwrap().beats);
}

pub async fn a_former_holder_changes_nothing(backend: Backend) {
    let (store, elsewhere) = (backend.open().await, backend.open().await);
    fill(&store, 2).await;
    let former = must_take(&store, "a").await;
    assert!(store.advance_checkpoint(&former, 2, "two").await.unwrap());
    let lease = must_take(&elsewhere, "b").await;
    assert!(elsewhere.advance_checkpoint(&lease, 4, "four").await.unwrap());
    let before = store.lease(NAME).await.unwrap();
    assert!(!store.renew_lease(&former).await.unwrap());
    assert!(!store.advance_checkpoint(&former, 6, "six").await.unwrap());
    assert!(!store.release_lease(&former).await.unwrap());
    assert_eq!(store.lease(NAME).await.unwrap(), before);
    let now = before.unwrap();
    assert_eq!((now.epoch, now.checkpoint, now.note.as_str()), (2, 4, "four"));
}

pub async fn a_lease_that_is_given_back_keeps_its_checkpoint(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 1).await;
    let lease = must_take(&store, "a").await;
    assert!(store.advance_checkpoint(&lease, 3, "three").await.unwrap());
    assert!(store.release_lease(&lease).await.unwrap());
    let now = store.lease(NAME).await.unwrap().unwrap();
    assert_eq!((now.holder, now.checkpoint), (None, 3));
    assert_eq!(must_take(&store, "b").await.epoch, 2);
    let now = store.lease(NAME).await.unwrap().unwrap();
    assert_eq!((now.holder.as_deref(), now.checkpoint, now.note.as_str()), (Some("b"), 3, "three"));
}

pub async fn a_checkpoint_beyond_the_head_is_refused(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 1).await;
    let lease = must_take(&store, "a").await;
    assert!(!store.advance_checkpoint(&lease, 4, "").await.unwrap());
    assert!(store.advance_checkpoint(&lease, 3, "").await.unwrap());
    assert!(store.advance_checkpoint(&lease, 1, "again").await.unwrap());
    assert_eq!(store.lease(NAME).await.unwrap().unwrap().checkpoint, 1);
}

pub async fn a_text_with_a_nul_is_refused_wherever_it_stands(backend: Backend) {
    let store = backend.open().await;
    let lease = must_take(&store, "a").await;
    let odd = Lease { name: "relay\0".to_owned(), epoch: 1 };
    let before = store.lease(NAME).await.unwrap();
    let refused = [
        store.lease(&odd.name).await.err(),
        store.take_lease(&odd.name, "b", None).await.err(),
        store.take_lease(NAME, "b\0", before.as_ref()).await.err(),
        store.renew_lease(&odd).await.err(),
        store.advance_checkpoint(&odd, 0, "").await.err(),
        store.advance_checkpoint(&lease, 0, "note\0").await.err(),
        store.release_lease(&odd).await.err(),
        store.answers(&["k\0".to_owned()]).await.err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(StoreError::Corrupt(_))), "{error:?}");
    }
    assert_eq!(store.lease(NAME).await.unwrap(), before);
}

pub async fn the_epoch_of_a_lease_never_goes_back(backend: Backend) {
    let store = backend.open().await;
    must_take(&store, "a").await;
    must_take(&store, "b").await;
    assert!(backend.execute("UPDATE leases SET epoch = 1").await.is_err());
    assert!(backend.execute("UPDATE leases SET beats = 0").await.is_err());
    assert_eq!(store.lease(NAME).await.unwrap().unwrap().epoch, 2);
}

pub async fn a_handle_that_only_reads_sees_leases_and_takes_none(backend: Backend) {
    let store = backend.open().await;
    must_take(&store, "a").await;
    let reader = backend.open_read_only().await;
    let seen = reader.lease(NAME).await.unwrap();
    assert_eq!(seen.as_ref().unwrap().epoch, 1);
    assert!(reader.take_lease(NAME, "b", seen.as_ref()).await.is_err());
}

pub async fn a_handle_for_leases_takes_them_and_cannot_append(backend: Backend) {
    let store = backend.open().await;
    fill(&store, 1).await;
    let holder = backend.open_for_leases().await;
    let lease = must_take(&holder, "a").await;
    assert!(holder.advance_checkpoint(&lease, 3, "three").await.unwrap());
    assert_eq!(holder.read_feed(0, 10).await.unwrap().len(), 3);
    let refused = try_append(&holder, vec![entry(2, 0, 1)]).await;
    assert!(matches!(refused, Err(AppendError::Failed(StoreError::Unavailable(_)))), "{refused:?}");
    assert_eq!(store.head().await.unwrap().position, 3);
    holder.close().await;
    assert!(holder.renew_lease(&lease).await.is_err());
}
