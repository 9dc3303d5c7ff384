//! Stock from outside: the life of a unit, kills while 16 clients want the last ones, a server that stops selling.
//!
//! `ORDERLOG_STOCK_KILLS` is the number of kills (3). These tests run the one program; the flag is its own.

#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use reqwest::Method;
use rig::rng::Rng;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use system_tests::client::Client;
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use system_tests::{checker, orders, size};
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

const CLIENTS: usize = 16;
/// Units of the product that all clients want.
const UNITS: u64 = 600;
const SELLING: [&str; 2] = ["--checkout", "orchestrated"];

async fn selling(data: &Path) -> Server {
    Launch::orderlog(data).args(SELLING).serve().await
}

async fn receive(client: &Client, product: &str, quantity: u64) -> u64 {
    let body = json!({"receipt_id": Uuid::now_v7(), "quantity": quantity});
    client.post(&format!("/v1/stock/{product}/receive"), &body).await.ok()["position"]
        .as_u64()
        .unwrap()
}

fn wish(id: Uuid, product: &str, quantity: u64) -> Value {
    json!({"reservation_id": id, "lines": [{"product_id": product, "quantity": quantity}]})
}

/// What `orderlog verify` says of a log with stock.
async fn verify(data: &Path) -> String {
    let verify =
        Launch::new(Program::Orderlog).args(["verify", "--data-dir"]).args([data]).args(SELLING);
    let output = verify.run().await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("nothing is oversold"), "{said}");
    said
}

#[tokio::test]
async fn a_unit_is_received_reserved_shipped_and_remembered() {
    let data = TempDir::new().unwrap();
    let server = selling(data.path()).await;
    let client = server.client().await;
    receive(&client, "tea", 5).await;
    let id = Uuid::now_v7();
    let held = client.post("/v1/stock/reservations", &wish(id, "tea", 2)).await;
    let at_hold = held.token();
    assert_eq!(held.expect(201)["status"], "soft");
    let stock = client.get_at("/v1/stock/tea", at_hold).await.ok();
    assert_eq!(
        (&stock["on_hand"], &stock["reserved"], &stock["available"]),
        (&5.into(), &2.into(), &3.into())
    );
    let path = format!("/v1/stock/reservations/{id}");
    client.post(&format!("{path}/firm"), &json!({})).await.ok();
    let left = client.post(&format!("{path}/commit"), &json!({"shipment_id": "parcel-1"})).await;
    assert_eq!(left.ok()["status"], "committed");
    let stock = client.get_at("/v1/stock/tea", left.token()).await.ok();
    assert_eq!(
        (&stock["on_hand"], &stock["reserved"], &stock["committed_total"]),
        (&3.into(), &0.into(), &2.into())
    );
    let reservation = client.get_at(&format!("{path}?version=1"), left.token()).await.ok();
    assert_eq!(
        (&reservation["status"], &reservation["lines"][0]["quantity"]),
        (&"soft".into(), &2.into())
    );
    let low = client.get_at("/v1/stock?below=4", left.token()).await.ok();
    assert_eq!(low["data"][0]["product_id"], "tea");
    assert_eq!(client.get("/v1/stock?below=3").await.ok()["data"], json!([]));
    let history = client.get("/v1/stock/tea/history").await.ok();
    let types: Vec<_> =
        history["data"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(types.len(), 3, "{types:?}");
    client.get("/v1/stock/none").await.problem(404, "stock-not-found");
    client
        .get(&format!("/v1/stock/reservations/{}", Uuid::now_v7()))
        .await
        .problem(404, "reservation-not-found");
    server.stop().await;
    verify(data.path()).await;
}

/// Wants units until the server is gone; keeps what it was answered.
async fn buy(client: Client, product: &'static str, seed: u64) -> Vec<Uuid> {
    let mut random = Rng::of(seed);
    let mut made = Vec::new();
    loop {
        let id = Uuid::now_v7();
        let body = Bytes::from(wish(id, product, 1 + random.below(3)).to_string());
        let answer = client.send(Method::POST, "/v1/stock/reservations", &[], Some(body)).await;
        let Ok(answer) = answer else { return made };
        match answer.status {
            201 => made.push(id),
            409 => drop(answer.problem(409, "out-of-stock")),
            _ => return made,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_while_the_last_units_go_sell_none_twice_and_lose_no_answer() {
    let mut random = Rng::printed("kills while the last units go");
    let data = TempDir::new().unwrap();
    let mut answered = Vec::new();
    for _ in 0..size("ORDERLOG_STOCK_KILLS", 3) {
        let server = selling(data.path()).await;
        let client = server.client().await;
        receive(&client, "hot", UNITS).await;
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(buy(client.clone(), "hot", random.next()));
        }
        // Long enough that some runs end with the last unit gone, and some before.
        tokio::time::sleep(Duration::from_micros(random.below(400_000))).await;
        server.kill().await;
        for made in clients.join_all().await {
            answered.extend(made);
        }
    }
    let server = selling(data.path()).await;
    let client = server.client().await;
    let head = checker::head(&client).await;
    for id in &answered {
        let reservation = client.get_at(&format!("/v1/stock/reservations/{id}"), head).await.ok();
        assert_eq!(reservation["status"], "soft", "{id} was answered");
    }
    let stock = client.get("/v1/stock/hot").await.ok();
    assert!(stock["available"].as_i64().unwrap() >= 0, "{stock}");
    println!("{} reservations were answered; {stock}", answered.len());
    server.stop().await;
    verify(data.path()).await;
}

#[tokio::test]
async fn a_server_that_stops_selling_serves_orders_and_finds_its_stock_again() {
    let data = TempDir::new().unwrap();
    let server = selling(data.path()).await;
    receive(&server.client().await, "tea", 5).await;
    server.stop().await;

    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let (order, placed) = orders::place(&client, "c-1").await;
    client.get_at(&format!("/v1/orders/{order}"), placed.token()).await.ok();
    client.get("/v1/events?after=0").await.ok();
    let unknown = Client::unchecked(server.base()).get("/v1/stock/tea").await;
    assert_eq!(unknown.status, 404);
    server.stop().await;
    let plain = Launch::new(Program::Orderlog)
        .args(["verify", "--data-dir"])
        .args([data.path()])
        .run()
        .await;
    assert!(plain.status.success(), "{}", String::from_utf8_lossy(&plain.stdout));

    let server = selling(data.path()).await;
    let client = server.client().await;
    receive(&client, "tea", 1).await;
    let head = checker::head(&client).await;
    let stock = client.get_at("/v1/stock/tea", head).await.ok();
    assert_eq!(stock["on_hand"], 6);
    let rebuild =
        Launch::new(Program::Orderlog).args(["--rebuild=stock,reservations", "--data-dir"]);
    let rebuilt = rebuild.args([data.path()]).args(SELLING).run().await;
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    assert_eq!(client.get_at("/v1/stock/tea", head).await.ok()["on_hand"], 6);
    server.stop().await;
    verify(data.path()).await;
}

#[tokio::test]
async fn without_the_flag_nothing_of_it_can_be_seen() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let document = client.get("/openapi.json").await.text();
    assert!(
        !document.contains("stock") && !document.contains("reservation"),
        "the document names stock"
    );
    let projections = client.get("/v1/projections").await.text();
    assert!(!projections.contains("stock") && !projections.contains("reservations"));
    server.stop().await;
}
