//! Opening the read model: what each program finds.

#![allow(clippy::unwrap_used)]

use read_model::{Access, ReadModel, ReadModelError};
use rig::postgres::database_or_say;
use rig::proxy::Proxy;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use std::path::Path;
use std::time::Duration;
use tempfile::tempdir;

fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

async fn sql(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.unwrap()
}

#[tokio::test]
async fn a_reader_finds_what_the_writer_created_and_cannot_write() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("views.db");
    let writer = ReadModel::open(&url(&file), Access::ReadWrite).await.unwrap();
    let reader = ReadModel::open(&url(&file), Access::ReadOnly).await.unwrap();
    reader.ping().await.unwrap();
    writer.register("orders", 1, 0).await.unwrap();
    assert_eq!(reader.catalog().await.unwrap().len(), 1);
    assert!(matches!(reader.begin_write().await, Err(ReadModelError::Unavailable(_))));
    reader.close().await;
    writer.close().await;
}

#[tokio::test]
async fn a_reader_without_tables_is_sent_to_the_projector() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("views.db");
    for step in ["missing", "empty"] {
        let error = ReadModel::open(&url(&file), Access::ReadOnly).await.unwrap_err();
        assert!(error.to_string().contains("projector"), "{step}: {error}");
        assert!(matches!(error, ReadModelError::Missing(_)), "{step}: {error}");
        drop(sql(&file).await);
    }
}

#[tokio::test]
async fn a_schema_of_a_newer_build_is_refused() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("views.db");
    ReadModel::open(&url(&file), Access::ReadWrite).await.unwrap().close().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'to come', TRUE, x'00', 0)",
    )
    .execute(&mut sql(&file).await)
    .await
    .unwrap();
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let error = ReadModel::open(&url(&file), access).await.unwrap_err();
        assert!(matches!(&error, ReadModelError::Corrupt(why) if why.contains("newer")), "{error}");
    }
}

#[tokio::test]
async fn an_unknown_backend_is_refused_by_name() {
    let error = ReadModel::open("mysql://localhost/views", Access::ReadWrite).await.unwrap_err();
    assert!(matches!(error, ReadModelError::InvalidUrl(_)));
}

/// For how long the server stands still: longer than a caller waits for a connection while the read model serves.
const STILL: Duration = Duration::from_millis(2500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_for_seconds_is_waited_for() {
    let Some(database) = database_or_say("the read model on PostgreSQL").await else { return };
    let proxy = Proxy::to(database.port()).unwrap();
    proxy.freeze();
    let url = database.url_through(&proxy);
    let opening = tokio::spawn(async move { ReadModel::open(&url, Access::ReadWrite).await });
    tokio::time::sleep(STILL).await;
    proxy.thaw();
    opening.await.unwrap().unwrap().ping().await.unwrap();
}
