//! Writers of one read model in PostgreSQL take turns.

use read_model::{Access, ReadModel};
use rig::postgres::database_or_say;

#[tokio::test]
async fn a_writer_that_waited_for_its_turn_in_vain_can_write_once_it_is_free() {
    let Some(database) = database_or_say("turns of writers").await else { return };
    let open = async || ReadModel::open(&database.url(), Access::ReadWrite).await.unwrap();
    let (one, other) = (open().await, open().await);
    let held = one.begin_write().await.unwrap();
    assert!(other.begin_write().await.is_err(), "it waits for a bounded time");
    held.commit(0).await.unwrap();
    for _ in 0..2 {
        let mut tx = other.begin_write().await.unwrap();
        assert!(tx.catalog().await.unwrap().is_empty());
        tx.commit(0).await.unwrap();
    }
}
