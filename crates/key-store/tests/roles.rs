//! On PostgreSQL, each role of the store of keys can do its work and nothing else, by the script that is handed out for it.

#![allow(clippy::unwrap_used)]

use chrono::Utc;
use identity::api_key::{ApiKey, StoredKey};
use identity::{Role, Use};
use key_store::{Access, Figures, FollowedPage, KeyStore, Keyring, keys_in};
use personal_data::MasterKey;
use rig::postgres::{Database, database_or_say};
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SCRIPT: &str = include_str!("../../../deploy/postgres/key-store-roles.sql");
const UNTESTED: &str = "the roles of the store of keys";

async fn as_user(database: &Database, user: &str) -> PgConnection {
    let options: PgConnectOptions = database.url_as(user).parse().unwrap();
    options.options([("search_path", "key_store")]).connect().await.unwrap()
}

async fn run(connection: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop)
}

async fn may_not(database: &Database, user: &str, statements: &[&str]) {
    for sql in statements {
        let refused = run(&mut as_user(database, user).await, sql).await;
        let refused = refused.expect_err(&format!("{user} may {sql}"));
        let code = refused.as_database_error().and_then(|error| error.code()).unwrap();
        assert_eq!(code, "42501", "{user}: {sql}: {refused}");
    }
}

/// What a service does with API keys.
async fn checks_keys(store: &KeyStore, id: &str) {
    assert_eq!(store.keys().await.unwrap().len(), 1);
    store.revision().await.unwrap();
    let used = Use { id: id.to_owned(), requests: 1, last_used: Utc::now() };
    store.note_uses(&[used]).await.unwrap();
}

/// What no service may do.
const NEVER: [&str; 9] = [
    "INSERT INTO api_keys SELECT * FROM api_keys",
    "UPDATE api_keys SET revoked_at = 1",
    "DELETE FROM api_keys",
    "DELETE FROM data_keys",
    "TRUNCATE data_keys",
    "UPDATE data_keys SET made_at = 1",
    "ALTER TABLE data_keys DISABLE TRIGGER ALL",
    "DROP TABLE data_keys",
    "CREATE TABLE key_store.mine (id int)",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_of_the_store_of_keys_can_do_its_work_and_nothing_else() {
    let Some(database) = database_or_say(UNTESTED).await else { return };
    let owner = KeyStore::open(&database.url(), Access::Manage).await.unwrap();
    let mut superuser = as_user(&database, "postgres").await;
    // It may be run again.
    for _ in 0..2 {
        run(&mut superuser, SCRIPT).await.unwrap();
    }
    let logins = "CREATE ROLE k_check LOGIN IN ROLE orderlog_check_keys;
        CREATE ROLE k_open LOGIN IN ROLE orderlog_open;
        CREATE ROLE k_seal LOGIN IN ROLE orderlog_seal";
    run(&mut superuser, logins).await.unwrap();
    let key = ApiKey::generate().unwrap();
    let stored = StoredKey {
        id: key.id().to_owned(),
        name: "till".to_owned(),
        role: Role::Staff,
        customer: None,
        hash: key.hash(),
        created_at: Utc::now(),
        expires_at: None,
        revoked_at: None,
    };
    owner.create(&stored).await.unwrap();

    let open =
        async |user: &str| KeyStore::open(&database.url_as(user), Access::Follow).await.unwrap();
    for user in ["k_check", "k_open", "k_seal"] {
        checks_keys(&open(user).await, key.id()).await;
        may_not(&database, user, &NEVER).await;
    }
    may_not(&database, "k_check", &["SELECT FROM data_keys", "SELECT FROM customers"]).await;

    // A command service and a query service.
    let master = MasterKey::generate().unwrap();
    let copy = MasterKey::parse(master.reveal()).unwrap();
    let (seals, opens) =
        (Keyring::new(open("k_seal").await, master), Keyring::new(open("k_open").await, copy));
    let ending = CancellationToken::new();
    let _running =
        [seals.clone(), opens.clone()].map(|ring| tokio::spawn(ring.run(ending.clone())));
    let _ending = ending.drop_guard();
    assert!(seals.ready(2).await);
    let sealed = json!([seals.seal("c-1", "Ada"), seals.seal("c-1", "Eve")]).to_string();
    let shown = async || {
        let opened = opens.open_json(sealed.as_bytes()).await.unwrap();
        String::from_utf8(opened.json.into_owned()).unwrap()
    };
    assert_eq!(shown().await, r#"["Ada","Eve"]"#);
    let page = FollowedPage {
        position: 3,
        keys: keys_in(sealed.as_bytes()).into_iter().map(|id| (id, "c-1".to_owned())).collect(),
        customers: [("c-1".to_owned(), Figures { orders: 1, plain: 0 })].into(),
        hash: [7; 32],
    };
    let store = seals.store();
    assert_eq!(store.note_followed(0, &page).await.unwrap(), Some(vec![]));
    assert_eq!(store.followed().await.unwrap(), 3);
    assert!(seals.keep_for("c-1", sealed.as_bytes()).await.unwrap());
    assert!(!store.has_plain_texts().await.unwrap());
    assert_eq!(seals.erase("c-1", Utc::now()).await.unwrap(), 1);
    assert!(store.customer("c-1").await.unwrap().unwrap().erased_at.is_some());
    let erased = tokio::time::Instant::now();
    while shown().await != "[null,null]" {
        assert!(erased.elapsed() < Duration::from_secs(5), "it still opens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let never = [
        "INSERT INTO data_keys (id, made_at) VALUES ('x', 1)",
        "UPDATE data_keys SET customer = 'c-2'",
        "UPDATE data_keys SET destroyed_at = 1, wrapped = NULL, master = NULL",
        "UPDATE followed SET position = 9",
        "UPDATE key_revision SET revision = 9",
        "SELECT FROM customers",
    ];
    may_not(&database, "k_open", &never).await;
    let never = ["DELETE FROM customers", "DELETE FROM followed", "DELETE FROM key_revision"];
    may_not(&database, "k_seal", &never).await;

    // The former rows go by VACUUM: at once where the role may run it, otherwise by autovacuum.
    let set: Vec<String> =
        sqlx::query_scalar("SELECT unnest(reloptions) FROM pg_class WHERE relname = 'data_keys'")
            .fetch_all(&mut superuser)
            .await
            .unwrap();
    assert!(set.contains(&"autovacuum_vacuum_threshold=0".to_owned()), "{set:?}");
}
