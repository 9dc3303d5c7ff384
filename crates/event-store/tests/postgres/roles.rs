//! Each role can do its work and nothing else, by the script that is handed out for it.

use crate::fixtures::{UNTESTED, append, database, entry, execute, open, raw, sound_log};
use event_store::{Access, AppendError, EventStore, StoreError};
use rig::postgres::{Database, server_or_say};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

const SCRIPT: &str = include_str!("../../../../deploy/postgres/event-store-roles.sql");

/// Roles belong to the server, not to a database. A fresh server has none of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_can_run_in_several_databases_of_a_fresh_server_at_once() {
    let Some(server) = server_or_say(UNTESTED) else { return };
    let mut sessions = Vec::new();
    for _ in 0..8 {
        let database = server.database().await.unwrap();
        open(&database.url()).await.close().await;
        sessions.push(raw(&database).await);
    }
    let mut running = tokio::task::JoinSet::new();
    for mut session in sessions {
        running.spawn(async move { execute(&mut session, SCRIPT).await });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap().unwrap();
    }
}

async fn as_user(database: &Database, user: &str) -> PgConnection {
    let options: PgConnectOptions = database.url_as(user).parse().unwrap();
    options.options([("search_path", "event_store")]).connect().await.unwrap()
}

async fn may_not(database: &Database, user: &str, statements: &[&str]) {
    for sql in statements {
        let refused = execute(&mut as_user(database, user).await, sql).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code()).unwrap();
        assert_eq!(code, "42501", "{user}: {sql}: {refused}");
    }
}

#[tokio::test]
async fn each_role_can_do_its_work_and_nothing_else() {
    let Some(database) = database().await else { return };
    open(&database.url()).await.close().await;
    let mut superuser = raw(&database).await;
    // It may be run again.
    for _ in 0..2 {
        execute(&mut superuser, SCRIPT).await.unwrap();
    }
    let logins = "CREATE ROLE a_command_service LOGIN IN ROLE orderlog_append;
        CREATE ROLE a_relay LOGIN IN ROLE orderlog_relay;
        CREATE ROLE a_process LOGIN IN ROLE orderlog_process;
        CREATE ROLE a_projector LOGIN IN ROLE orderlog_read";
    execute(&mut superuser, logins).await.unwrap();

    let store = open(&database.url_as("a_command_service")).await;
    append(&store, entry(1, 0)).await.unwrap();
    let loaded = store.load(&[entry(1, 0).stream], 1).await.unwrap();
    assert_eq!(loaded[0].events.len(), 2);
    assert_eq!(store.forget_answers(chrono::Utc::now()).await.unwrap(), 1);
    assert!(store.take_lease("relay", "me", None).await.is_err());
    let never = [
        "UPDATE events SET actor = 'x'",
        "DELETE FROM events",
        "TRUNCATE events",
        "DELETE FROM log_head",
        "TRUNCATE log_head",
        "ALTER TABLE events DISABLE TRIGGER USER",
        "DROP TABLE events",
        "UPDATE leases SET epoch = epoch + 1",
        "CREATE TABLE event_store.mine (id int)",
    ];
    may_not(&database, "a_command_service", &never).await;

    let relay = EventStore::open(&database.url_as("a_relay"), Access::Lease).await.unwrap();
    let lease = relay.take_lease("relay", "me", None).await.unwrap().unwrap();
    assert!(relay.advance_checkpoint(&lease, 2, "").await.unwrap());
    assert_eq!(relay.read_feed(0, 10).await.unwrap().len(), 2);
    let never = [
        "INSERT INTO events (position) VALUES (99)",
        "UPDATE log_head SET position = 0",
        "DELETE FROM events",
        "SELECT FROM idempotency",
        "DELETE FROM leases",
    ];
    may_not(&database, "a_relay", &never).await;

    let process = open(&database.url_as("a_process")).await;
    let lease = process.take_lease("process", "me", None).await.unwrap().unwrap();
    append(&process, entry(3, 0)).await.unwrap();
    assert!(process.advance_checkpoint(&lease, 4, "").await.unwrap());
    assert_eq!(process.forget_answers(chrono::Utc::now()).await.unwrap(), 1);
    let never = ["UPDATE events SET actor = 'x'", "DELETE FROM leases", "DROP TABLE leases"];
    may_not(&database, "a_process", &never).await;

    let reader = EventStore::open(&database.url_as("a_projector"), Access::ReadOnly).await.unwrap();
    assert_eq!(sound_log(&reader).await.len(), 4);
    let never =
        ["INSERT INTO leases VALUES ('x', 1, 1, NULL, 0, '')", "UPDATE events SET actor = 'x'"];
    may_not(&database, "a_projector", &never).await;
    // Opened for what the role may not do, it says what is to be granted.
    let wrong = open(&database.url_as("a_projector")).await;
    let Err(AppendError::Failed(StoreError::Unavailable(why))) = append(&wrong, entry(2, 0)).await
    else {
        panic!("appended without the right to");
    };
    assert!(why.contains("event-store-roles.sql"), "{why}");
}
