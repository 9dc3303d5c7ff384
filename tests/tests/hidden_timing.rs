//! How long answers about another customer's order take, against those about orders that are not there: nobody can tell
//! one from the other by a clock.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use system_tests::auth::{self, AUDIENCE, ISSUER, token};
use system_tests::client::Client;
use system_tests::orders::{line, new_id, path};
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use uuid::Uuid;

/// Orders of somebody else, each asked for once: nothing of it is in memory then.
const COLD: usize = 60;
/// Requests for one of them.
const WARM: usize = 60;

async fn serve(data: &TempDir) -> Server {
    Launch::orderlog(data.path())
        .args(["--auth", "hs256", "--auth-issuer", ISSUER, "--auth-audience", AUDIENCE])
        .args(["--rate-limit", "commands=0,views=0,heavy=0"])
        .args(["--auth-secret-file"])
        .args([auth::secret_file()])
        .serve()
        .await
}

async fn caller(server: &Server, name: &str) -> Client {
    let client = server.client().await.without_token();
    client.bearing(&token(name, &["customer"], Some(&format!("c-{name}"))))
}

/// An order whose events take some time to read.
async fn long_order(client: &Client) -> Uuid {
    let id = new_id();
    let lines: Vec<Value> = (0..200).map(|n| line(&format!("p-{n}"), 1, "1.00")).collect();
    let body =
        json!({"order_id": id, "customer": {"id": "c-ada"}, "currency": "EUR", "lines": lines});
    client.post("/v1/orders", &body).await.expect(201);
    for _ in 0..10 {
        let note = json!({"text": "n".repeat(1_000)});
        client.post(&path(id, "add-note"), &note).await.ok();
    }
    id
}

#[derive(Clone, Copy, Debug)]
enum Request {
    View,
    History,
    Command,
}

async fn time(client: &Client, request: Request, id: Uuid) -> Duration {
    let began = Instant::now();
    let answer = match request {
        Request::View => client.get(&format!("/v1/orders/{id}")).await,
        Request::History => client.get(&format!("/v1/orders/{id}/history")).await,
        Request::Command => client.post(&path(id, "add-note"), &json!({"text": "n"})).await,
    };
    let took = began.elapsed();
    assert_eq!(answer.status, 404, "{}", answer.text());
    took
}

fn quartiles(mut times: Vec<Duration>) -> [Duration; 3] {
    times.sort_unstable();
    [1, 2, 3].map(|quarter| times[times.len() * quarter / 4])
}

/// Whether two samples have the same middle, as far as their own spread lets one see.
fn alike(hidden: Vec<Duration>, absent: Vec<Duration>, what: &str) -> bool {
    let ([low, hidden, high], [low_2, absent, high_2]) = (quartiles(hidden), quartiles(absent));
    let spread = (high - low).max(high_2 - low_2);
    println!("{what}: hidden {hidden:?}, absent {absent:?}, spread {spread:?}");
    hidden.abs_diff(absent) <= (spread / 2).max(Duration::from_micros(30))
}

#[tokio::test]
async fn a_clock_does_not_tell_a_hidden_order_from_one_that_is_not_there() {
    let data = TempDir::new().unwrap();
    let server = serve(&data).await;
    let ada = caller(&server, "ada").await;
    let mut orders = Vec::new();
    for _ in 0..3 * COLD {
        orders.push(long_order(&ada).await);
    }
    server.stop().await;
    let server = serve(&data).await;
    let eve = caller(&server, "eve").await;
    // Connections and code are warm, the orders are not.
    for _ in 0..20 {
        for request in [Request::View, Request::History, Request::Command] {
            time(&eve, request, new_id()).await;
        }
    }
    let mut differ = Vec::new();
    let mut cold = orders.into_iter();
    let mut last = Uuid::nil();
    for request in [Request::View, Request::History, Request::Command] {
        let (mut hidden, mut absent) = (Vec::new(), Vec::new());
        for id in cold.by_ref().take(COLD) {
            hidden.push(time(&eve, request, id).await);
            absent.push(time(&eve, request, new_id()).await);
            last = id;
        }
        if !alike(hidden, absent, &format!("{request:?}, cold")) {
            differ.push(format!("{request:?}, cold"));
        }
        let (mut hidden, mut absent) = (Vec::new(), Vec::new());
        let other = new_id();
        for _ in 0..WARM {
            hidden.push(time(&eve, request, last).await);
            absent.push(time(&eve, request, other).await);
        }
        if !alike(hidden, absent, &format!("{request:?}, again")) {
            differ.push(format!("{request:?}, again"));
        }
    }
    assert!(differ.is_empty(), "a clock tells them apart: {differ:?}");
    server.stop().await;
}
