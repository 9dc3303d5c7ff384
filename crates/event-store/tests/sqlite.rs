//! What only SQLite has: files that are not a log, schemas of other versions, files opened by several at once.

#![allow(clippy::unwrap_used)]

use event_store::{Access, EventStore, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use std::path::Path;
use tempfile::TempDir;

fn url(directory: &TempDir) -> String {
    format!("sqlite://{}", directory.path().join("events.db").display())
}

async fn open(directory: &TempDir, access: Access) -> Result<EventStore, StoreError> {
    EventStore::open(&url(directory), access).await
}

async fn raw(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.unwrap()
}

async fn execute(directory: &TempDir, sql: &str) {
    let mut connection = raw(&directory.path().join("events.db")).await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn reason<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Corrupt(reason)) => reason,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

#[tokio::test]
async fn a_url_of_no_backend_is_refused() {
    for url in ["", "events.db", "mysql://host/db", "sqlite://", "sqlite::memory:", "sqlite://a?b"]
    {
        let refused = EventStore::open(url, Access::ReadWrite).await;
        assert!(matches!(refused, Err(StoreError::InvalidUrl(_))), "{url}: {refused:?}");
    }
}

#[tokio::test]
async fn reading_does_not_create_a_log() {
    let directory = tempfile::tempdir().unwrap();
    let refused = open(&directory, Access::ReadOnly).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(!directory.path().join("events.db").exists());
}

#[tokio::test]
async fn a_database_of_something_else_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    execute(&directory, "CREATE TABLE cats (name TEXT)").await;
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let reason = reason(open(&directory, access).await);
        assert!(reason.contains("no event log"), "{reason}");
    }
    execute(&directory, "DROP TABLE cats; CREATE TABLE events (position INTEGER)").await;
    assert!(reason(open(&directory, Access::ReadWrite).await).contains("no event log"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("events.db"), "not a database, certainly not".repeat(99))
        .unwrap();
    for access in [Access::ReadWrite, Access::ReadOnly] {
        assert!(reason(open(&directory, access).await).contains("not a database"));
    }
}

#[tokio::test]
async fn a_newer_older_or_changed_schema_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    open(&directory, Access::ReadWrite).await.unwrap().close().await;
    let newer =
        "INSERT INTO _sqlx_migrations VALUES (9999, 'later', CURRENT_TIMESTAMP, 1, x'00', 0)";
    execute(&directory, newer).await;
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let reason = reason(open(&directory, access).await);
        assert!(reason.contains("newer than this program"), "{reason}");
    }
    let changed = "DELETE FROM _sqlx_migrations WHERE version = 9999;
        UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2";
    execute(&directory, changed).await;
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let reason = reason(open(&directory, access).await);
        assert!(reason.contains("migration 2 was another one"), "{reason}");
    }
    execute(&directory, "DELETE FROM _sqlx_migrations WHERE version >= 2").await;
    let reason = reason(open(&directory, Access::ReadOnly).await);
    assert!(reason.contains("older than this program"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_create_the_log_at_once_all_succeed() {
    for _ in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let mut opening = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let url = url(&directory);
            opening.spawn(async move { EventStore::open(&url, Access::ReadWrite).await });
        }
        while let Some(opened) = opening.join_next().await {
            opened.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn commits_are_durable_and_readers_do_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, Access::ReadWrite).await.unwrap();
    let mut other = raw(&directory.path().join("events.db")).await;
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut other).await.unwrap();
    assert_eq!(mode, "wal");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert_eq!(store.head().await.unwrap().position, 0);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
}
