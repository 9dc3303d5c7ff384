//! The store of keys that a log notes: the first one stays until it is replaced on purpose.

use crate::backend::Backend;
use uuid::Uuid;

pub async fn the_first_store_of_keys_is_noted_and_stays(backend: Backend) {
    let (one, other) = (backend.open().await, backend.open().await);
    assert_eq!(one.sealed_with().await.unwrap(), None);
    assert!(!one.reseal_with(Uuid::from_u128(9)).await.unwrap(), "nothing is sealed yet");
    let stores = [Uuid::from_u128(1), Uuid::from_u128(2)];
    let (a, b) = tokio::join!(one.seal_with(stores[0]), other.seal_with(stores[1]));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a, b, "both learn of the one that was first");
    assert!(stores.contains(&a));
    let reader = backend.open_read_only().await;
    assert_eq!(reader.sealed_with().await.unwrap(), Some(a));
    assert!(reader.seal_with(Uuid::from_u128(3)).await.is_err());
    assert!(reader.reseal_with(Uuid::from_u128(3)).await.is_err());

    let next = Uuid::from_u128(4);
    assert!(one.reseal_with(next).await.unwrap());
    assert!(!one.reseal_with(next).await.unwrap());
    assert_eq!(other.seal_with(stores[0]).await.unwrap(), next);
    assert_eq!(backend.open().await.sealed_with().await.unwrap(), Some(next));
}
