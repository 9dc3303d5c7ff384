//! What holds for the store of keys, on each backend.

#![allow(clippy::unwrap_used)]

use chrono::{DateTime, TimeDelta, Utc};
use identity::api_key::{ApiKey, StoredKey};
use identity::{ApiKeys, MAX_AGE, Role, Use, Verdict};
use key_store::{Access, KeyStore, KeyStoreError, follow};
use sqlx::{ConnectOptions, Connection};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap()
}

fn stored(key: &ApiKey, name: &str) -> StoredKey {
    StoredKey {
        id: key.id().to_owned(),
        name: name.to_owned(),
        role: Role::Customer,
        customer: Some("c-1".to_owned()),
        hash: key.hash(),
        created_at: now(),
        expires_at: Some(now() + TimeDelta::days(1)),
        revoked_at: None,
    }
}

async fn keys_are_made_listed_and_revoked(url: &str) {
    let store = KeyStore::open(url, Access::Manage).await.unwrap();
    let (first, second) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
    let made = stored(&first, "till-1");
    store.create(&made).await.unwrap();
    let taken = store.create(&stored(&second, "till-1")).await.unwrap_err();
    assert!(matches!(taken, KeyStoreError::NameTaken(name) if name == "till-1"));
    assert_eq!(store.keys().await.unwrap(), [made]);

    let before = store.revision().await.unwrap();
    assert!(store.revoke("till-1", now()).await.unwrap());
    assert!(!store.revoke("till-1", now()).await.unwrap(), "once");
    assert!(!store.revoke("nobody", now()).await.unwrap());
    assert!(store.revision().await.unwrap() > before);
    assert!(store.keys().await.unwrap().is_empty());

    // The name is free again, and the old key is still listed.
    store.create(&stored(&second, "till-1")).await.unwrap();
    assert!(store.revoke(second.id(), now()).await.unwrap(), "by its id");
    let listed = store.list().await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|listed| listed.key.revoked_at.is_some() && listed.requests == 0));

    let at = now();
    let used = |requests, last_used| Use { id: first.id().to_owned(), requests, last_used };
    store.note_uses(&[used(2, at), used(3, at - TimeDelta::seconds(1))]).await.unwrap();
    store.note_uses(&[used(1, at + TimeDelta::days(1))]).await.unwrap();
    let listed = store.list().await.unwrap();
    let first = listed.iter().find(|listed| listed.key.id == first.id()).unwrap();
    assert_eq!((first.requests, first.last_used), (6, Some(at + TimeDelta::days(1))));
    store.close().await;
}

async fn a_server_refuses_a_revoked_key_in_time(url: &str) {
    let store = KeyStore::open(url, Access::Manage).await.unwrap();
    let key = ApiKey::generate().unwrap();
    store.create(&stored(&key, "till-9")).await.unwrap();
    let (keys, ending) = (ApiKeys::default(), CancellationToken::new());
    let followed = KeyStore::open(url, Access::Follow).await.unwrap();
    keys.replace(followed.keys().await.unwrap());
    let following = tokio::spawn(follow(followed, keys.clone(), ending.clone()));
    assert!(matches!(keys.judge(&key, now()), Verdict::Proven(_)));
    store.revoke("till-9", now()).await.unwrap();
    let revoked = Instant::now();
    while keys.judge(&key, now()) != Verdict::Refused {
        assert!(revoked.elapsed() < MAX_AGE, "it still opens");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ending.cancel();
    following.await.unwrap();
    let listed = store.list().await.unwrap();
    let used = listed.iter().find(|listed| listed.key.id == key.id()).unwrap();
    assert!(used.requests > 0, "its use was noted");
    store.close().await;
}

/// The texts are statements that a program must not be able to run.
const FORBIDDEN: [&str; 5] = [
    "UPDATE api_keys SET revoked_at = NULL",
    "UPDATE api_keys SET role = 'admin', revoked_at = 1 WHERE revoked_at IS NULL",
    "UPDATE api_keys SET expires_at = NULL, revoked_at = 1 WHERE revoked_at IS NULL",
    "DELETE FROM api_keys",
    "UPDATE api_keys SET role = 'root'",
];

#[tokio::test]
async fn keys_in_a_sqlite_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys.db");
    let url = sqlite_file::url_of(&file).unwrap();
    let missing = KeyStore::open(&url, Access::Follow).await.unwrap_err();
    assert!(matches!(missing, KeyStoreError::Unfit(_)), "{missing}");
    keys_are_made_listed_and_revoked(&url).await;
    a_server_refuses_a_revoked_key_in_time(&url).await;
    let store = KeyStore::open(&url, Access::Manage).await.unwrap();
    store.create(&stored(&ApiKey::generate().unwrap(), "kept")).await.unwrap();
    let mut raw = sqlx::SqliteConnection::connect(&url).await.unwrap();
    for statement in FORBIDDEN {
        assert!(sqlx::query(statement).execute(&mut raw).await.is_err(), "{statement}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "only its owner reads it");
    }
}

#[tokio::test]
async fn keys_in_a_postgresql_database() {
    let Some(database) = rig::postgres::database_or_say("the store of keys on PostgreSQL").await
    else {
        return;
    };
    let url = database.url();
    keys_are_made_listed_and_revoked(&url).await;
    a_server_refuses_a_revoked_key_in_time(&url).await;
    let store = KeyStore::open(&url, Access::Manage).await.unwrap();
    store.create(&stored(&ApiKey::generate().unwrap(), "kept")).await.unwrap();
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut raw = options.options([("search_path", "key_store")]).connect().await.unwrap();
    for statement in FORBIDDEN {
        assert!(sqlx::query(statement).execute(&mut raw).await.is_err(), "{statement}");
    }
}
