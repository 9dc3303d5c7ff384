//! Erasures at the worst moments: twice at once, among commands, right after a burst, after a crash; and while the keys cannot
//! be written.

#![allow(clippy::unwrap_used, missing_docs)]

use futures::future::join_all;
use rig::rng::Rng;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use system_tests::checker;
use system_tests::client::Client;
use system_tests::orders::{line, new_id, path};
use system_tests::sealed::SealedFolder;
use system_tests::server::Server;
use uuid::Uuid;

const ERASE: &str = "/v1/customers/c-ada/erase";
const NAME: &str = "Ada Markworthy";

/// No test here is about budgets.
const UNLIMITED: [&str; 2] = ["--rate-limit", "networks=0,commands=0,views=0,heavy=0"];

async fn open(shop: &SealedFolder) -> (Server, Client) {
    let server = shop.sealing().args(UNLIMITED).serve().await;
    let client = server.client().await;
    (server, client)
}

async fn keys(shop: &SealedFolder) -> SqliteConnection {
    let url = format!("sqlite://{}", shop.data().join("keys.db").display());
    SqliteConnection::connect(&url).await.unwrap()
}

async fn order(client: &Client, draft: bool) -> Uuid {
    let id = new_id();
    let body = json!({"order_id": id, "customer": {"id": "c-ada", "name": NAME}, "currency": "EUR",
        "lines": [line("tea", 2, "14.50")], "note": "from markworthy", "draft": draft});
    client.post("/v1/orders", &body).await.expect(201);
    id
}

/// The events of a type that the log has.
async fn events(client: &Client, event_type: &str) -> Vec<Value> {
    let all = whole_log(client).await;
    all.into_iter().filter(|event| event["type"] == event_type).collect()
}

async fn whole_log(client: &Client) -> Vec<Value> {
    checker::read_log(client, checker::head(client).await).await
}

/// Erases, and asks again while the server says so.
async fn erase(client: &Client) -> Value {
    let began = Instant::now();
    loop {
        let answer = client.post(ERASE, &json!({})).await;
        if answer.status == 200 {
            return answer.ok();
        }
        answer.problem(503, "unavailable");
        assert!(began.elapsed() < Duration::from_secs(30), "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_at_once_are_one_erasure_and_later_ones_say_the_same() {
    let shop = SealedFolder::new().await;
    let (server, client) = open(&shop).await;
    order(&client, false).await;
    let answers = join_all((0..8).map(|_| erase(&client))).await;
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    for _ in 0..3 {
        assert_eq!(erase(&client).await, answers[0]);
    }
    let recorded = events(&client, "PersonalDataErased").await;
    assert_eq!(recorded.len(), 1, "{recorded:?}");
    assert_eq!(recorded[0]["time"], answers[0]["erased_at"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_whose_process_died_before_it_was_recorded_is_recorded_by_the_next() {
    let shop = SealedFolder::new().await;
    let (server, client) = open(&shop).await;
    let order = order(&client, false).await;
    let would = client.post(&format!("{ERASE}?dry_run=true"), &json!({})).await.ok();
    assert_eq!(would["erased_at"], Value::Null);
    // What an erasure does before it is recorded, up to a crash there.
    server.kill().await;
    let mut keys = keys(&shop).await;
    let at: i64 = 1_700_000_000_000_000;
    let destroyed = sqlx::query(
        "UPDATE data_keys SET wrapped = NULL, master = NULL, destroyed_at = $1 WHERE customer = 'c-ada'",
    )
    .bind(at)
    .execute(&mut keys)
    .await
    .unwrap();
    assert_eq!(destroyed.rows_affected(), 1);
    sqlx::query("UPDATE customers SET erased_at = $1").bind(at).execute(&mut keys).await.unwrap();
    keys.close().await.unwrap();

    let (server, client) = open(&shop).await;
    assert!(events(&client, "PersonalDataErased").await.is_empty());
    let shown = client.get(&format!("/v1/orders/{order}")).await.ok();
    assert_eq!(shown["customer"]["name"], Value::Null);
    let erased = erase(&client).await;
    assert_eq!(erased["erased_at"], "2023-11-14T22:13:20.000000Z", "when the keys were destroyed");
    assert_eq!(erase(&client).await, erased);
    assert_eq!(events(&client, "PersonalDataErased").await.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_an_erasure_began_is_never_shown_after_it() {
    let mut rng = Rng::printed("erasure among commands over HTTP");
    let shop = SealedFolder::new().await;
    let (server, client) = open(&shop).await;
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.push(order(&client, true).await);
    }
    for round in 0..6 {
        let (accepted, ending) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        let writing = join_all(orders.iter().enumerate().map(|(number, id)| {
            let (client, accepted, ending) = (&client, &accepted, &ending);
            async move {
                for note in 0.. {
                    let text = format!("note-{round}-{number}-{note}.");
                    client.post(&path(*id, "add-note"), &json!({"text": text})).await.ok();
                    accepted.lock().unwrap().push(text);
                    if ending.load(Ordering::SeqCst) {
                        return;
                    }
                }
            }
        }));
        let pause = Duration::from_millis(20 + rng.below(150));
        let erasing = async {
            tokio::time::sleep(pause).await;
            let before = accepted.lock().unwrap().clone();
            // Right after a burst: the keys of the last events may not be known yet.
            erase(&client).await;
            let shown = json!(whole_log(&client).await).to_string();
            let history = client.get(&format!("/v1/orders/{}/history", orders[0])).await.text();
            ending.store(true, Ordering::SeqCst);
            for text in before {
                assert!(!shown.contains(&text) && !history.contains(&text), "{text}");
            }
            assert!(!shown.contains(NAME) && !history.contains("markworthy"));
        };
        tokio::join!(writing, erasing);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_write_keys_says_so_and_goes_on_with_the_rest() {
    let shop = SealedFolder::new().await;
    let (server, _) = open(&shop).await;
    server.stop().await;
    let mut lock = keys(&shop).await;
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON data_keys BEGIN SELECT RAISE(ABORT, 'full'); END";
    sqlx::query(full).execute(&mut lock).await.unwrap();
    let (server, client) = open(&shop).await;
    let body = |name: Value| {
        json!({"customer": {"id": "c-ada", "name": name}, "currency": "EUR",
            "lines": [line("tea", 2, "14.50")]})
    };
    let began = Instant::now();
    for _ in 0..3 {
        let refused = client.post("/v1/orders", &body(json!(NAME))).await;
        refused.problem(503, "unavailable");
        assert_eq!(refused.header("Retry-After"), Some("1"));
    }
    client.post("/v1/orders", &body(Value::Null)).await.expect(201);
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let unready = client.get("/readyz").await;
    assert_eq!(unready.problem(503, "unavailable")["part"], "key-store");
    assert_eq!(events(&client, "OrderPlaced").await.len(), 1, "nothing of the refused is stored");

    sqlx::query("DROP TRIGGER full").execute(&mut lock).await.unwrap();
    let mended = Instant::now();
    while client.post("/v1/orders", &body(json!(NAME))).await.status != 201 {
        assert!(mended.elapsed() < Duration::from_secs(10), "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ready = client.get("/readyz").await.ok();
    assert_eq!(ready["details"]["personal-data"], "sealed before they are stored");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_says_whether_texts_are_sealed_and_whether_some_never_were() {
    let shop = SealedFolder::new().await;
    let server = shop.plain().args(UNLIMITED).serve().await;
    let client = server.client().await;
    order(&client, false).await;
    let told = client.get("/readyz").await.ok()["details"]["personal-data"].clone();
    assert!(told.as_str().unwrap().starts_with("stored plain"), "{told}");
    server.stop().await;
    let (server, client) = open(&shop).await;
    let began = Instant::now();
    loop {
        let told = client.get("/readyz").await.ok()["details"]["personal-data"].clone();
        if told.as_str().unwrap().contains("were stored plain before") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{told}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    client.post(ERASE, &json!({})).await.problem(409, "personal-data-not-sealed");
    server.stop().await;
}
