//! Hints from other processes arrive by notification, and by the poll when notifications get lost.

use crate::fixtures::{append, database, entry, execute, open, raw};
use event_store::{Access, EventStore};

const LISTENERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_of_another_process_arrives_even_after_the_connection_was_lost() {
    let Some(database) = database().await else { return };
    let store = open(&database.url()).await;
    let reader = EventStore::open(&database.url(), Access::ReadOnly).await.unwrap();
    let mut hint = reader.head_hint();
    append(&store, entry(1, 0)).await.unwrap();
    hint.wait_for(|head| *head == 2).await.unwrap();
    execute(&mut raw(&database).await, LISTENERS).await.unwrap();
    append(&store, entry(1, 2)).await.unwrap();
    hint.wait_for(|head| *head == 4).await.unwrap();
}

#[tokio::test]
async fn an_append_without_a_hint_is_found_by_the_poll() {
    let Some(database) = database().await else { return };
    let store = open(&database.url()).await;
    let mut hint = store.head_hint();
    let mut superuser = raw(&database).await;
    let unlock = "ALTER TABLE log_head DISABLE TRIGGER log_head_is_the_last_event";
    execute(&mut superuser, unlock).await.unwrap();
    execute(&mut superuser, "UPDATE log_head SET position = 7").await.unwrap();
    hint.wait_for(|head| *head == 7).await.unwrap();
}
