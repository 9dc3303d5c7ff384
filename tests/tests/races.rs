//! Concurrency: twins with one key, many clients with one version, clients that leave at any byte, a stop under load.
//!
//! `ORDERLOG_RACE_ROUNDS` repeats the races (3).

#![allow(clippy::unwrap_used, missing_docs)]

use futures::future::join_all;
use futures::{StreamExt, stream};
use rig::rng::Rng;
use serde_json::json;
use std::time::{Duration, Instant};
use system_tests::client::{Answer, Client};
use system_tests::load::{Load, Unanswered};
use system_tests::orders::{self, new_id, path, place, placed};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use system_tests::{checker, raw, size};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use uuid::Uuid;

/// Twins of one request.
const TWINS: usize = 16;
/// Clients that all know the same version.
const RIVALS: usize = 64;
/// The contract's bound for a stop.
const STOP_BOUND: Duration = Duration::from_secs(10);

fn rounds() -> usize {
    size("ORDERLOG_RACE_ROUNDS", 3)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twins_with_one_key_take_place_once_and_hear_the_same() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    for round in 0..rounds() {
        let (key, body) = (format!("twin-{round}"), placed(new_id(), "c"));
        let headers = [("Idempotency-Key", key.as_str())];
        let twins = (0..TWINS).map(|_| client.post_with("/v1/orders", &headers, &body));
        let answers = join_all(twins).await;
        let created: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
        let first = created.iter().filter(|answer| answer.header("Idempotent-Replayed").is_none());
        assert_eq!(first.count(), 1, "one of them did it");
        for answer in &answers {
            match answer.status {
                201 => assert_eq!(answer.body, created[0].body),
                _ => drop(answer.problem(409, "request-in-progress")),
            }
        }
        let again = client.post_with("/v1/orders", &headers, &body).await;
        assert_eq!((again.status, &again.body), (201, &created[0].body));
        assert_eq!(again.header("Idempotent-Replayed"), Some("true"));
        assert_eq!(checker::head(&client).await, round as u64 + 1);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_clients_that_know_one_version_exactly_one_wins() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    for _ in 0..rounds() {
        let (order, _) = place(&client, "hot").await;
        let head = checker::head(&client).await;
        let rivals = (0..RIVALS).map(|number| {
            let (client, path) = (client.clone(), path(order, "add-note"));
            async move {
                let note = json!({"text": format!("rival {number}")});
                client.post_with(&path, &[("If-Match", "\"1\"")], &note).await
            }
        });
        let answers = join_all(rivals).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), 1, "exactly one wins");
        for answer in lost {
            assert_eq!(answer.problem(412, "precondition-failed")["current_version"], 2);
        }
        assert_eq!(checker::head(&client).await, head + 1);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_conditions_many_clients_on_one_order_all_win() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let (order, _) = place(&client, "hot").await;
    let notes = (0..RIVALS).map(|number| {
        let client = client.clone();
        async move {
            orders::command(&client, order, "add-note", json!({"text": format!("n{number}")})).await
        }
    });
    let mut versions: Vec<u64> =
        join_all(notes).await.iter().map(|note| note.ok()["version"].as_u64().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=RIVALS as u64 + 1).collect::<Vec<_>>());
    server.stop().await;
}

/// An order one delivery away from completion: its last command appends two events.
async fn nearly_done(client: &Client) -> Uuid {
    let (order, _) = place(client, "leaver").await;
    orders::apply(client, order, &orders::until_delivery()).await;
    order
}

fn delivery(host: &str, order: Uuid) -> Vec<u8> {
    let key = format!("Idempotency-Key: leave-{order}\r\n");
    raw::post(host, &path(order, "deliver"), &key, br#"{"shipment_id":"ship-1"}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_at_any_byte_leaves_nothing_half_done() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let (client, host) = (server.client().await, server.host().to_owned());
    let length = delivery(&host, new_id()).len();
    let orders: Vec<Uuid> =
        stream::iter(0..=length).map(|_| nearly_done(&client)).buffered(32).collect().await;
    for (order, sent) in orders.iter().zip(0..) {
        let mut socket = TcpStream::connect(&host).await.unwrap();
        socket.write_all(&delivery(&host, *order)[..sent]).await.unwrap();
        drop(socket);
    }
    // The same request again, complete: its answer shows that the first one's outcome is settled.
    let settled = stream::iter(&orders).map(|order| {
        let (client, key) = (client.clone(), format!("leave-{order}"));
        async move {
            let headers = [("Idempotency-Key", key.as_str())];
            let body = json!({"shipment_id": "ship-1"});
            client.post_with(&path(*order, "deliver"), &headers, &body).await
        }
    });
    let settled: Vec<Answer> = settled.buffered(32).collect().await;
    for (answer, sent) in settled.iter().zip(0..) {
        let body = answer.ok();
        assert_eq!((&body["version"], &body["status"]), (&json!(6), &json!("completed")));
        let replayed = answer.header("Idempotent-Replayed").is_some();
        assert!(!replayed || sent == length, "{sent} of {length} bytes were enough");
    }
    let events = checker::read_log(&client, checker::head(&client).await).await;
    assert_eq!(events.len(), 6 * orders.len());
    checker::is_whole(&events);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_answers_all_that_was_accepted_and_exits_in_time() {
    let mut rng = Rng::printed("stop under load");
    let data = TempDir::new().unwrap();
    let mut accepted = Vec::new();
    for round in 0..rounds() {
        let mut server = Server::start(data.path()).await;
        let mut load = Load::start(server.base(), 16, Unanswered::GiveUp, &mut rng);
        load.progress(50).await;
        let mut half_open = TcpStream::connect(server.host()).await.unwrap();
        half_open.write_all(b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Le").await.unwrap();
        let idle = TcpStream::connect(server.host()).await.unwrap();
        let begun = Instant::now();
        server.terminate();
        if round % 2 == 1 {
            server.terminate();
        }
        let status = server.exit(STOP_BOUND).await;
        assert_eq!(status.code(), Some(0), "{}", server.log().text());
        println!("round {round}: stopped in {:?} after {} answers", begun.elapsed(), load.count());
        drop((half_open, idle));
        accepted.extend(load.join().await);
    }
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let events = checker::read_log(&client, checker::head(&client).await).await;
    checker::is_whole(&events);
    checker::holds_every_answer(&events, &accepted);
    checker::has_nothing_unanswered(&events, &accepted);
    server.stop().await;
    let verify = Launch::new(Program::Orderlog).args(["verify", "--data-dir"]).args([data.path()]);
    assert!(verify.run().await.status.success());
}

#[tokio::test]
async fn a_stopping_server_says_so_when_it_is_asked_whether_it_is_ready() {
    let data = TempDir::new().unwrap();
    let mut server = Server::start(data.path()).await;
    let client = server.client().await;
    client.get("/readyz").await.ok();
    server.terminate();
    // From the signal on it is not ready; the signal takes a moment to arrive.
    loop {
        let Ok(answer) = client.send(reqwest::Method::GET, "/readyz", &[], None).await else {
            panic!("it stopped listening before it said that it stops");
        };
        if answer.status == 503 {
            answer.problem(503, "unavailable");
            break;
        }
        assert_eq!(answer.status, 200);
    }
    assert_eq!(server.exit(STOP_BOUND).await.code(), Some(0));
}
