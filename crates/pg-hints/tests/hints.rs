//! Hints over a real PostgreSQL: between two handles, across a lost connection, and without any hint.

#![allow(clippy::unwrap_used, missing_docs)]

use pg_hints::{Ask, Channel, Hints, News};
use rig::postgres::{Database, database_or_say};
use sqlx::PgPool;
use std::time::Duration;

/// How long a hint may take before another one is sent.
const AGAIN: Duration = Duration::from_millis(500);
const EVERY: Channel = Channel { name: "tests_moved", news: News::Every, ask: None };
const ASKED: Channel = Channel {
    name: "tests_grown",
    news: News::Higher,
    ask: Some(Ask {
        sql: "SELECT position FROM log_head WHERE only_row = 1",
        every: Duration::from_millis(50),
    }),
};
const HEAD: &str = "CREATE TABLE log_head (only_row int, position bigint); \
    INSERT INTO log_head VALUES (1, 5)";
const OTHER_CONNECTIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";
const LISTENERS: &str = "SELECT pid FROM pg_stat_activity \
    WHERE datname = current_database() AND query LIKE 'LISTEN%'";

async fn database() -> Option<Database> {
    database_or_say("hints between processes").await
}

async fn pool(database: &Database) -> PgPool {
    PgPool::connect(&database.url()).await.unwrap()
}

async fn follow(database: &Database, channel: Channel) -> Hints {
    Hints::follow(channel, pool(database).await, 0)
}

/// Waits until this many handles listen, on other connections than `before`; says on which.
async fn listening(superuser: &PgPool, handles: usize, before: &[i32]) -> Vec<i32> {
    loop {
        let found: Vec<i32> = sqlx::query_scalar(LISTENERS).fetch_all(superuser).await.unwrap();
        if found.iter().filter(|pid| !before.contains(pid)).count() == handles {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_hint_reaches_the_own_process_and_another_one() {
    let Some(database) = database().await else { return };
    let superuser = pool(&database).await;
    let (one, other) = (follow(&database, EVERY).await, follow(&database, EVERY).await);
    listening(&superuser, 2, &[]).await;
    let (mut here, mut there) = (one.subscribe(), other.subscribe());
    one.tell(7);
    assert!(here.has_changed().unwrap(), "the own process need not wait for the database");
    here.wait_for(|position| *position == 7).await.unwrap();
    there.wait_for(|position| *position == 7).await.unwrap();
    one.tell(3);
    there.wait_for(|position| *position == 3).await.unwrap();
}

#[tokio::test]
async fn of_what_only_grows_a_late_hint_is_no_news() {
    let Some(database) = database().await else { return };
    let superuser = pool(&database).await;
    sqlx::raw_sql(HEAD).execute(&superuser).await.unwrap();
    let hints = follow(&database, ASKED).await;
    let mut moved = hints.subscribe();
    moved.wait_for(|position| *position == 5).await.unwrap();
    hints.tell(4);
    assert!(!moved.has_changed().unwrap());
    assert_eq!(*moved.borrow(), 5);
}

#[tokio::test]
async fn after_a_lost_connection_it_listens_again() {
    let Some(database) = database().await else { return };
    let superuser = pool(&database).await;
    let (one, other) = (follow(&database, EVERY).await, follow(&database, EVERY).await);
    let before = listening(&superuser, 2, &[]).await;
    sqlx::query(OTHER_CONNECTIONS).execute(&superuser).await.unwrap();
    listening(&superuser, 2, &before).await;
    let mut there = other.subscribe();
    // A hint may be lost with the connection that it was on its way to.
    for position in 9.. {
        one.tell(position);
        let heard = there.wait_for(|heard| *heard >= 9);
        if tokio::time::timeout(AGAIN, heard).await.is_ok() {
            return;
        }
        assert!(position < 30, "it does not listen again");
    }
}

#[tokio::test]
async fn what_no_hint_said_is_asked_for() {
    let Some(database) = database().await else { return };
    let superuser = pool(&database).await;
    sqlx::raw_sql(HEAD).execute(&superuser).await.unwrap();
    let hints = follow(&database, ASKED).await;
    let mut moved = hints.subscribe();
    moved.wait_for(|position| *position == 5).await.unwrap();
    sqlx::query("UPDATE log_head SET position = 8").execute(&superuser).await.unwrap();
    moved.wait_for(|position| *position == 8).await.unwrap();
}

#[tokio::test]
async fn closed_it_holds_no_connection() {
    let Some(database) = database().await else { return };
    let superuser = pool(&database).await;
    let hints = follow(&database, EVERY).await;
    listening(&superuser, 1, &[]).await;
    hints.close().await;
    listening(&superuser, 0, &[]).await;
}
