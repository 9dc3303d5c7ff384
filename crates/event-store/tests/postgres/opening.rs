//! Opening a database: whose it may be, what schema it may have, what is never said.

use crate::fixtures::{append, database, entry, execute, open, raw};
use event_store::{Access, EventStore, StoreError};
use rig::postgres::Database;
use rig::proxy::Proxy;
use std::time::{Duration, Instant};

async fn refused(database: &Database, access: Access) -> String {
    match EventStore::open(&database.url(), access).await {
        Err(StoreError::Corrupt(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_bad_url_is_refused_and_never_shown() {
    for url in ["postgres://u:hunter2@host:notaport/db", "postgres://u:hunter2@127.0.0.1:1/db"] {
        let refused = EventStore::open(url, Access::ReadWrite).await.unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("hunter2"), "{refused}");
    }
}

#[tokio::test]
async fn an_open_store_does_not_show_its_password() {
    let Some(database) = database().await else { return };
    let url = database.url().replace("postgres@", "postgres:hunter2@");
    let store = open(&url).await;
    assert!(!format!("{store:?}").contains("hunter2"));
}

#[tokio::test]
async fn reading_does_not_create_a_log() {
    let Some(database) = database().await else { return };
    for access in [Access::ReadOnly, Access::Lease] {
        assert!(refused(&database, access).await.contains("older than this program"));
    }
    let schemas = "SELECT FROM pg_namespace WHERE nspname = 'event_store'";
    assert_eq!(execute(&mut raw(&database).await, schemas).await.unwrap(), 0);
}

#[tokio::test]
async fn a_newer_older_or_changed_schema_is_refused_by_name() {
    let Some(database) = database().await else { return };
    open(&database.url()).await.close().await;
    let mut superuser = raw(&database).await;
    let newer = "INSERT INTO _sqlx_migrations VALUES (9999, 'later', now(), TRUE, '\\x00', 0)";
    execute(&mut superuser, newer).await.unwrap();
    for access in [Access::ReadWrite, Access::ReadOnly] {
        assert!(refused(&database, access).await.contains("newer than this program"));
    }
    let changed = "DELETE FROM _sqlx_migrations WHERE version = 9999;
        UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 2";
    execute(&mut superuser, changed).await.unwrap();
    for access in [Access::ReadWrite, Access::ReadOnly] {
        assert!(refused(&database, access).await.contains("migration 2 was another one"));
    }
    execute(&mut superuser, "DELETE FROM _sqlx_migrations WHERE version >= 2").await.unwrap();
    assert!(refused(&database, Access::ReadOnly).await.contains("older than this program"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_create_the_log_at_once_all_succeed() {
    let Some(database) = database().await else { return };
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let url = database.url();
        opening.spawn(async move { EventStore::open(&url, Access::ReadWrite).await });
    }
    while let Some(opened) = opening.join_next().await {
        opened.unwrap().unwrap();
    }
}

/// For how long the server stands still: longer than a caller waits for a connection while the store serves.
const STILL: Duration = Duration::from_millis(2500);
/// And for how long it goes on in between: opening gets some way, and not to its end.
const MOVING: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_for_seconds_is_waited_for() {
    let Some(database) = database().await else { return };
    let proxy = Proxy::to(database.port()).unwrap();
    let url = database.url_through(&proxy);
    proxy.freeze();
    let opening = tokio::spawn(async move { EventStore::open(&url, Access::ReadWrite).await });
    tokio::time::sleep(STILL).await;
    proxy.thaw();
    tokio::time::sleep(MOVING).await;
    proxy.freeze();
    tokio::time::sleep(STILL).await;
    proxy.thaw();
    append(&opening.await.unwrap().unwrap(), entry(1, 0)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_run_is_not_waited_for() {
    let began = Instant::now();
    let refused = EventStore::open("postgres://u@127.0.0.1:1/db", Access::ReadWrite).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(why)) if why.contains("refused")),
        "{refused:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn commits_are_durable_whatever_the_database_is_set_to() {
    let Some(database) = database().await else { return };
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    let mut superuser = raw(&database).await;
    let forgetful = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    execute(&mut superuser, &forgetful).await.unwrap();
    let store = open(&database.url()).await;
    // The append's own session says so, from within.
    let witness = "CREATE TABLE witness (setting text);
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO witness VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
        CREATE TRIGGER tell AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION tell()";
    execute(&mut superuser, witness).await.unwrap();
    append(&store, entry(1, 0)).await.unwrap();
    let settings: Vec<String> =
        sqlx::query_scalar("SELECT setting FROM witness").fetch_all(&mut superuser).await.unwrap();
    assert_eq!(settings, ["on"]);
}

#[tokio::test]
async fn people_can_ask_the_log_with_sql() {
    let Some(database) = database().await else { return };
    let store = open(&database.url()).await;
    append(&store, entry(1, 0)).await.unwrap();
    let answer: (i64, String, bool) = sqlx::query_as(
        "SELECT position, payload ->> 'nth', recorded_at > now() - interval '1 hour'
         FROM readable_events WHERE (payload ->> 'nth')::int = 2",
    )
    .fetch_one(&mut raw(&database).await)
    .await
    .unwrap();
    assert_eq!(answer, (2, "2".to_owned(), true));
}

#[tokio::test]
async fn a_database_that_is_not_utf8_is_refused() {
    let Some(database) = database().await else { return };
    let name = format!("{}_ascii", database.url().rsplit('/').next().unwrap());
    let create = format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0");
    execute(&mut raw(&database).await, &create).await.unwrap();
    let url = format!("{}_ascii", database.url());
    let refused = EventStore::open(&url, Access::ReadWrite).await;
    assert!(
        matches!(&refused, Err(StoreError::Corrupt(why)) if why.contains("SQL_ASCII")),
        "{refused:?}"
    );
}
