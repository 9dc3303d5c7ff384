//! Sealing and opening by several programs over one store.

#![allow(clippy::unwrap_used)]

use chrono::Utc;
use key_store::{Access, FollowedPage, KeyStore, KeyStoreError, Keyring, keys_in};
use personal_data::MasterKey;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// A program with a keyring of its own.
struct Program {
    store: KeyStore,
    keyring: Keyring,
    _running: AbortOnDropHandle<()>,
}

impl Program {
    async fn start(url: &str, master: &MasterKey) -> Self {
        Self::over(KeyStore::open(url, Access::Manage).await.unwrap(), master)
    }

    fn over(store: KeyStore, master: &MasterKey) -> Self {
        let master = MasterKey::parse(master.reveal()).unwrap();
        let keyring = Keyring::new(store.clone(), master);
        let running = tokio::spawn(keyring.clone().run(CancellationToken::new()));
        Self { store, keyring, _running: AbortOnDropHandle::new(running) }
    }

    async fn opened(&self, sealed: &str) -> (Value, bool) {
        let json = json!({"name": sealed}).to_string();
        let opened = self.keyring.open_json(json.as_bytes()).await.unwrap();
        let value: Value = serde_json::from_slice(&opened.json).unwrap();
        (value["name"].clone(), opened.erased_at.is_some())
    }
}

#[tokio::test]
async fn what_one_program_seals_another_opens_until_it_is_erased() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_file::url_of(&folder.path().join("keys.db")).unwrap();
    let master = MasterKey::generate().unwrap();
    let (writer, reader) =
        (Program::start(&url, &master).await, Program::start(&url, &master).await);
    assert_eq!(writer.keyring.seal("c-1", "Ada"), None, "no key was made yet");
    writer.keyring.ready(2).await;
    let [ada, note] =
        ["Ada", "call \"back\"\n"].map(|text| writer.keyring.seal("c-1", text).unwrap());
    let eve = writer.keyring.seal("c-2", "Eve").unwrap();
    let keys = keys_in(json!([ada, note]).to_string().as_bytes());
    assert_eq!(keys.len(), 1, "one key for one customer");
    for program in [&writer, &reader] {
        assert_eq!(program.opened(&ada).await, (json!("Ada"), false));
        assert_eq!(program.opened(&note).await, (json!("call \"back\"\n"), false));
        assert_eq!(program.opened("Ada").await, (json!("Ada"), false), "was never sealed");
    }

    // Followed, erased: at once here, soon there.
    let page = FollowedPage {
        position: 1,
        keys: keys.into_iter().map(|key| (key, "c-1".to_owned())).collect(),
        ..FollowedPage::default()
    };
    writer.store.note_followed(0, &page).await.unwrap();
    assert_eq!(writer.keyring.erase("c-1", Utc::now()).await.unwrap(), 1);
    assert_eq!(writer.opened(&ada).await, (Value::Null, true));
    let erased = Instant::now();
    while reader.opened(&ada).await != (Value::Null, true) {
        assert!(erased.elapsed() < Duration::from_secs(5), "it still opens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(reader.opened(&eve).await, (json!("Eve"), false));

    // The customer comes back: with another key.
    let again = writer.keyring.seal("c-1", "Ada").unwrap();
    assert_eq!(reader.opened(&again).await, (json!("Ada"), false));
    assert_eq!(reader.opened(&ada).await, (Value::Null, true));
}

#[tokio::test]
async fn a_key_is_one_customers_however_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_file::url_of(&folder.path().join("keys.db")).unwrap();
    let master = MasterKey::generate().unwrap();
    let writer = Program::start(&url, &master).await;
    let mut keys = HashSet::new();
    for customer in 0..3_000 {
        writer.keyring.ready(1).await;
        let sealed = writer.keyring.seal(&format!("c-{customer}"), "x").unwrap();
        keys.extend(keys_in(json!(sealed).to_string().as_bytes()));
    }
    assert_eq!(keys.len(), 3_000);
    let keys: Vec<_> = keys.into_iter().collect();
    assert_eq!(writer.store.data_keys(&keys).await.unwrap().len(), 3_000, "each was stored before");
}

#[tokio::test]
async fn another_master_key_opens_nothing_and_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_file::url_of(&folder.path().join("keys.db")).unwrap();
    let writer = Program::start(&url, &MasterKey::generate().unwrap()).await;
    let stranger = Program::start(&url, &MasterKey::generate().unwrap()).await;
    writer.keyring.ready(1).await;
    let sealed = writer.keyring.seal("c-1", "Ada").unwrap();
    let json = json!({"name": sealed}).to_string();
    let opened = stranger.keyring.open_json(json.as_bytes()).await;
    assert!(matches!(opened, Err(KeyStoreError::NotUnwrapped(_))), "{opened:?}");
    let (conditions, condition) = watch::channel(Ok(()));
    tokio::spawn(stranger.keyring.clone().watch(move |now| drop(conditions.send(now))));
    until("the condition says why", Duration::from_secs(5), async || {
        condition.borrow().as_ref().is_err_and(|why: &String| why.contains("was changed"))
    })
    .await;
}

/// Waits until the work succeeds.
async fn until(what: &str, bound: Duration, mut done: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < bound, "not within {bound:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Seals for new customers until no key is left.
fn use_up(keyring: &Keyring, prefix: &str) {
    for customer in 0.. {
        assert!(customer < 3_000, "keys are made although the store is down");
        if keyring.seal(&format!("{prefix}{customer}"), "x").is_none() {
            return;
        }
    }
}

#[tokio::test]
async fn keys_are_made_again_by_themselves_after_the_store_refused_them() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_file::url_of(&folder.path().join("keys.db")).unwrap();
    let master = MasterKey::generate().unwrap();
    let store = KeyStore::open(&url, Access::Manage).await.unwrap();
    let mut raw = SqliteConnection::connect(&url).await.unwrap();
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON data_keys BEGIN SELECT RAISE(ABORT, 'full'); END";
    sqlx::query(full).execute(&mut raw).await.unwrap();
    let writer = Program::over(store, &master);
    let began = Instant::now();
    assert!(!writer.keyring.ready(1).await);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let again = Instant::now();
    assert!(!writer.keyring.ready(1).await);
    assert!(again.elapsed() < Duration::from_millis(500), "nobody waits twice");
    let (conditions, mut condition) = watch::channel(Ok(()));
    tokio::spawn(writer.keyring.clone().watch(move |now| drop(conditions.send(now))));
    let why = condition.wait_for(Result::is_err).await.unwrap().clone();
    assert!(why.as_ref().unwrap_err().contains("full"), "{why:?}");

    // Nobody asks for keys in the meantime.
    sqlx::query("DROP TRIGGER full").execute(&mut raw).await.unwrap();
    until("a key", Duration::from_secs(5), async || writer.keyring.seal("c-1", "Ada").is_some())
        .await;
    condition.wait_for(Result::is_ok).await.unwrap();
    assert!(writer.keyring.ready(1).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_in_memory_open_while_the_store_does_not_answer_and_the_others_fail_in_time() {
    let what = "keys while their store on PostgreSQL does not answer";
    let Some(database) = rig::postgres::database_or_say(what).await else { return };
    let proxy = rig::proxy::Proxy::to(database.port()).unwrap();
    let master = MasterKey::generate().unwrap();
    let other = Program::start(&database.url(), &master).await;
    assert!(other.keyring.ready(2).await);
    let [known, unknown] = [("c-1", "Ada"), ("c-2", "Eve")]
        .map(|(customer, text)| other.keyring.seal(customer, text).unwrap());
    let store = KeyStore::open(&database.url_through(&proxy), Access::Follow).await.unwrap();
    let program = Program::over(store, &master);
    assert!(program.keyring.ready(1).await);
    assert_eq!(program.opened(&known).await, (json!("Ada"), false));

    proxy.freeze();
    let json = json!({"name": unknown}).to_string();
    for bound in [4_000, 200, 200] {
        let asked = Instant::now();
        program.keyring.open_json(json.as_bytes()).await.unwrap_err();
        assert!(asked.elapsed() < Duration::from_millis(bound), "{:?}", asked.elapsed());
    }
    assert_eq!(program.opened(&known).await, (json!("Ada"), false));
    use_up(&program.keyring, "n-");
    for bound in [4_000, 200, 200] {
        let asked = Instant::now();
        assert!(!program.keyring.ready(1).await);
        assert!(asked.elapsed() < Duration::from_millis(bound), "{:?}", asked.elapsed());
    }
    assert!(program.keyring.seal("n-1", "more").is_some(), "with the key in memory");
    let failed = Instant::now();
    program.keyring.erase("c-1", Utc::now()).await.unwrap_err();
    assert!(failed.elapsed() < Duration::from_secs(20), "{:?}", failed.elapsed());

    proxy.thaw();
    until("the unknown text", Duration::from_secs(10), async || {
        program.keyring.open_json(json.as_bytes()).await.is_ok()
    })
    .await;
    assert_eq!(program.opened(&unknown).await, (json!("Eve"), false));
    until("a key", Duration::from_secs(30), async || program.keyring.seal("new", "x").is_some())
        .await;
}
