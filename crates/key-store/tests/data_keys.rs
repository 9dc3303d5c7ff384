//! The keys of personal data, on each backend: made, given to customers, destroyed without a trace, wrapped once more.

#![allow(clippy::unwrap_used)]

use chrono::{DateTime, Utc};
use key_store::{Access, Figures, FollowedPage, Kept, KeyStore, KeyStoreError};
use personal_data::{DataKey, KeyId, MasterKey};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn keys(count: usize) -> Vec<DataKey> {
    (0..count).map(|_| DataKey::generate().unwrap()).collect()
}

fn page(position: u64, keys: &[(KeyId, &str)], customers: &[(&str, u64, u64)]) -> FollowedPage {
    let figures = |(id, orders, plain): &(&str, u64, u64)| {
        (id.to_string(), Figures { orders: *orders, plain: *plain })
    };
    FollowedPage {
        position,
        hash: [7; 32],
        keys: keys.iter().map(|(id, customer)| (*id, customer.to_string())).collect(),
        customers: customers.iter().map(figures).collect(),
    }
}

async fn wrapped(store: &KeyStore, id: KeyId) -> Option<Vec<u8>> {
    match store.data_keys(&[id]).await.unwrap().pop()?.kept {
        Kept::Wrapped { wrapped, .. } => Some(wrapped),
        Kept::Destroyed(_) => None,
    }
}

async fn keys_live_and_die(store: &KeyStore) -> (MasterKey, Vec<u8>) {
    let master = MasterKey::generate().unwrap();
    let made = keys(5);
    store.add_data_keys(&made, &master, at(0)).await.unwrap();
    store.add_data_keys(&made[..1], &master, at(0)).await.unwrap_err();
    let sealed = made[0].seal("Ada").unwrap();
    let stored = wrapped(store, made[0].id()).await.unwrap();
    assert_eq!(master.unwrap(made[0].id(), &stored).unwrap().open(&sealed).unwrap(), "Ada");
    assert!(store.data_keys(&[KeyId::nil()]).await.unwrap().is_empty());

    // The log says whose they are; a page is noted once, in its place.
    assert_eq!(store.followed().await.unwrap(), 0);
    let ids: Vec<KeyId> = made.iter().map(DataKey::id).collect();
    let first = page(10, &[(ids[0], "c-1"), (ids[1], "c-2")], &[("c-1", 2, 0), ("c-2", 1, 1)]);
    assert_eq!(store.note_followed(0, &first).await.unwrap(), Some(vec![]));
    assert_eq!(store.note_followed(0, &first).await.unwrap(), None, "once");
    let second =
        page(20, &[(ids[0], "c-1"), (ids[2], "c-1"), (KeyId::max(), "c-1")], &[("c-1", 1, 0)]);
    assert_eq!(store.note_followed(10, &second).await.unwrap(), Some(vec![KeyId::max()]));
    let stolen = page(30, &[(ids[1], "c-1")], &[]);
    assert_eq!(store.note_followed(20, &stolen).await.unwrap(), Some(vec![ids[1]]));
    assert_eq!(store.followed().await.unwrap(), 30);
    let followed = store.customer("c-1").await.unwrap().unwrap();
    assert_eq!((followed.figures, followed.erased_at), (Figures { orders: 3, plain: 0 }, None));
    assert_eq!(store.customer("c-2").await.unwrap().unwrap().figures.plain, 1);
    assert_eq!(store.customer("c-3").await.unwrap(), None);

    // Erased: the keys of that customer and of no other.
    let before = store.revision().await.unwrap();
    let gone = wrapped(store, ids[0]).await.unwrap();
    assert_eq!(store.destroy_keys_of("c-1", at(60)).await.unwrap(), 2);
    assert_eq!(store.destroy_keys_of("c-1", at(70)).await.unwrap(), 0, "once");
    assert!(store.revision().await.unwrap() > before);
    assert_eq!(wrapped(store, ids[0]).await, None);
    assert!(wrapped(store, ids[1]).await.is_some());
    let destroyed = store.destroyed_since(at(60)).await.unwrap();
    assert_eq!(destroyed.len(), 2);
    assert!(destroyed.iter().all(|key| key.customer == "c-1" && key.at == at(60)));
    let kept = store.data_keys(&[ids[0]]).await.unwrap();
    assert_eq!(kept[0].kept, Kept::Destroyed(at(60)));
    assert!(store.destroyed_since(at(61)).await.unwrap().is_empty());
    assert_eq!(store.customer("c-1").await.unwrap().unwrap().erased_at, Some(at(60)));
    // An event that was under way with a key that is destroyed by now.
    let late = page(40, &[(ids[2], "c-1")], &[]);
    assert_eq!(store.note_followed(30, &late).await.unwrap(), Some(vec![]));

    // A customer of whom nothing is known may be erased, too.
    assert_eq!(store.destroy_keys_of("c-9", at(80)).await.unwrap(), 0);
    assert_eq!(store.customer("c-9").await.unwrap().unwrap().erased_at, Some(at(80)));
    (master, gone)
}

async fn the_master_key_changes(store: &KeyStore, former: &MasterKey) {
    let made = keys(1_500);
    store.add_data_keys(&made, former, at(0)).await.unwrap();
    let new = MasterKey::generate().unwrap();
    assert!(!store.has_another_master(former).await.unwrap());
    assert!(store.has_another_master(&new).await.unwrap());
    // Those that are left of the five, and these.
    assert_eq!(store.rotate_master(former, &new).await.unwrap(), 3 + 1_500);
    assert_eq!(store.rotate_master(former, &new).await.unwrap(), 0, "done");
    assert!(!store.has_another_master(&new).await.unwrap());
    assert!(store.has_another_master(former).await.unwrap());
    let same = store.rotate_master(&new, &new).await;
    assert!(matches!(same, Err(KeyStoreError::SameMasterKey)), "{same:?}");
    let stored = wrapped(store, made[7].id()).await.unwrap();
    assert!(former.unwrap(made[7].id(), &stored).is_err());
    let key = new.unwrap(made[7].id(), &stored).unwrap();
    assert_eq!(key.open(&made[7].seal("Ada").unwrap()).unwrap(), "Ada");
    let stranger = MasterKey::generate().unwrap();
    assert_eq!(store.rotate_master(&stranger, &new).await.unwrap(), 0);
}

/// Statements that a program must not be able to run.
const FORBIDDEN: [&str; 6] = [
    "DELETE FROM data_keys",
    "UPDATE data_keys SET customer = 'c-7' WHERE customer = 'c-2'",
    "UPDATE data_keys SET destroyed_at = NULL, wrapped = master, master = master WHERE customer = 'c-1'",
    "UPDATE data_keys SET wrapped = NULL WHERE customer = 'c-2'",
    "UPDATE followed SET position = 5",
    "UPDATE data_keys SET made_at = 1 WHERE customer = 'c-2'",
];

/// Whether any file of the folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let content = std::fs::read(entry.unwrap().path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[tokio::test]
async fn data_keys_in_a_sqlite_file() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_file::url_of(&folder.path().join("keys.db")).unwrap();
    let store = KeyStore::open(&url, Access::Manage).await.unwrap();
    let (master, gone) = keys_live_and_die(&store).await;
    let kept = wrapped(&store, store_key_of(&store, "c-2").await).await.unwrap();
    assert!(holds(folder.path(), &kept), "the search finds what is there");
    assert!(!holds(folder.path(), &gone), "a destroyed key is in a file");
    the_master_key_changes(&store, &master).await;
    assert!(!holds(folder.path(), &kept), "a key as the former master key wrapped it is in a file");
    let mut raw = sqlx::SqliteConnection::connect(&url).await.unwrap();
    for statement in FORBIDDEN {
        assert!(sqlx::query(statement).execute(&mut raw).await.is_err(), "{statement}");
    }
}

/// The key that the log gave to a customer.
async fn store_key_of(store: &KeyStore, customer: &str) -> KeyId {
    let KeyStore::Sqlite(pool) = store else { panic!("{store:?}") };
    let id: Vec<u8> = sqlx::query_scalar("SELECT id FROM data_keys WHERE customer = $1")
        .bind(customer)
        .fetch_one(pool)
        .await
        .unwrap();
    KeyId::from_slice(&id).unwrap()
}

#[tokio::test]
async fn data_keys_in_a_postgresql_database() {
    let Some(database) = rig::postgres::database_or_say("the store of keys on PostgreSQL").await
    else {
        return;
    };
    let store = KeyStore::open(&database.url(), Access::Manage).await.unwrap();
    let (master, _) = keys_live_and_die(&store).await;
    the_master_key_changes(&store, &master).await;
    let options: sqlx::postgres::PgConnectOptions = database.url().parse().unwrap();
    let mut raw = options.options([("search_path", "key_store")]).connect().await.unwrap();
    for statement in FORBIDDEN {
        assert!(sqlx::query(statement).execute(&mut raw).await.is_err(), "{statement}");
    }
}
