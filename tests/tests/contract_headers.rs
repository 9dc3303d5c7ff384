//! Conditions, keys, tokens and traces: the effects of the contract's headers, and every problem that a client can
//! cause.

#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use system_tests::checker;
use system_tests::client::{Answer, Client};
use system_tests::orders::{self, line, new_id, path, place, placed};
use system_tests::server::Server;
use system_tests::system::{self, Kind};
use tempfile::TempDir;
use uuid::Uuid;

/// A server, its folder, its client.
async fn server() -> (TempDir, Server, Client) {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    (data, server, client)
}

async fn keyed(client: &Client, key: &str, path: &str, body: &Value) -> Answer {
    client.post_with(path, &[("Idempotency-Key", key)], body).await
}

#[tokio::test]
async fn a_stale_version_is_refused_and_the_right_one_taken() {
    let (_data, server, client) = server().await;
    let (order, placed) = place(&client, "c").await;
    assert_eq!(placed.header("ETag"), Some("\"1\""));
    let note = json!({"text": "x"});
    let path = path(order, "add-note");
    client.post_with(&path, &[("If-Match", "\"1\"")], &note).await.ok();
    let stale = client.post_with(&path, &[("If-Match", "\"1\"")], &note).await;
    assert_eq!(stale.problem(412, "precondition-failed")["current_version"], 2);
    let ahead = client.post_with(&path, &[("If-Match", "\"9\"")], &note).await;
    assert_eq!(ahead.problem(412, "precondition-failed")["current_version"], 2);
    for other in ["\"9\", \"1\"", "W/\"2\"", "\"x\"", "\"-1\""] {
        let stale = client.post_with(&path, &[("If-Match", other)], &note).await;
        assert_eq!(stale.problem(412, "precondition-failed")["current_version"], 2, "{other}");
    }
    for bad in ["7", "\"2", "*, \"2\"", ""] {
        client
            .post_with(&path, &[("If-Match", bad)], &note)
            .await
            .problem(400, "invalid-parameter");
    }
    assert_eq!(checker::head(&client).await, 2);
    client.post_with(&path, &[("If-Match", "\"9\", \"2\"")], &note).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn an_unchanged_order_is_not_sent_again() {
    let (_data, server, client) = server().await;
    let (order, placed) = place(&client, "c").await;
    let path = format!("/v1/orders/{order}");
    let whole = client.get_at(&path, placed.token()).await;
    assert_eq!(whole.header("ETag"), Some("\"1\""));
    let unchanged = client.get_with(&path, &[("If-None-Match", "\"1\"")]).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("ETag"), Some("\"1\""));
    let other = client.get_with(&path, &[("If-None-Match", "\"7\"")]).await;
    assert_eq!(other.ok(), whole.json());
    server.stop().await;
}

#[tokio::test]
async fn a_key_replays_the_first_answer_byte_for_byte_even_after_a_restart() {
    let (data, server, client) = server().await;
    let order = new_id();
    let first = keyed(&client, "k-1", "/v1/orders", &placed(order, "c")).await;
    first.expect(201);
    assert_eq!(first.header("Idempotent-Replayed"), None);
    orders::command(&client, order, "confirm", json!({})).await.ok();
    let again = keyed(&client, "k-1", "/v1/orders", &placed(order, "c")).await;
    is_replay(&first, &again);
    assert_eq!(again.header("Location"), first.header("Location"));

    let refused = keyed(&client, "k-2", &path(order, "confirm"), &json!({})).await;
    refused.problem(409, "illegal-transition");
    let stale = [("If-Match", "\"1\""), ("Idempotency-Key", "k-3")];
    let stale_first =
        client.post_with(&path(order, "add-note"), &stale, &json!({"text": "x"})).await;
    stale_first.problem(412, "precondition-failed");
    server.kill().await;

    let server = Server::start(data.path()).await;
    let client = server.client().await;
    is_replay(&first, &keyed(&client, "k-1", "/v1/orders", &placed(order, "c")).await);
    is_replay(&refused, &keyed(&client, "k-2", &path(order, "confirm"), &json!({})).await);
    let stale_again =
        client.post_with(&path(order, "add-note"), &stale, &json!({"text": "x"})).await;
    is_replay(&stale_first, &stale_again);
    assert_eq!(checker::head(&client).await, 2);
    server.stop().await;
}

fn is_replay(first: &Answer, again: &Answer) {
    assert_eq!(first.status, again.status, "{}", again.text());
    assert_eq!(first.body, again.body, "{} against {}", first.text(), again.text());
    assert_eq!(again.header("Idempotent-Replayed"), Some("true"), "{}", again.asked);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_and_unreadable_ones_leave_it_free() {
    let (_data, server, client) = server().await;
    let order = new_id();
    let typed = [("Idempotency-Key", "k")];
    let broken = client.ask(Method::POST, "/v1/orders", &typed, Some(Bytes::from("{"))).await;
    broken.problem(400, "malformed-json");
    keyed(&client, "k", "/v1/orders", &placed(order, "c")).await.expect(201);
    let other = keyed(&client, "k", "/v1/orders", &placed(order, "d")).await;
    other.problem(422, "idempotency-key-reused");
    let elsewhere = keyed(&client, "k", &path(order, "confirm"), &json!({})).await;
    elsewhere.problem(422, "idempotency-key-reused");
    for bad in ["x".repeat(256), "with space".to_owned(), String::new()] {
        let refused = keyed(&client, &bad, "/v1/orders", &placed(new_id(), "c")).await;
        refused.problem(400, "invalid-parameter");
    }
    keyed(&client, &"x".repeat(255), "/v1/orders", &placed(new_id(), "c")).await.expect(201);
    assert_eq!(checker::head(&client).await, 2);
    server.stop().await;
}

#[tokio::test]
async fn a_view_waits_for_a_token_and_gives_up_in_time() {
    let (_data, server, client) = server().await;
    let (order, placed) = place(&client, "c").await;
    assert_eq!(placed.token(), 1);
    let path = format!("/v1/orders/{order}");
    let seen = client.get_with(&path, &[("Consistency-Token", "1")]).await;
    assert!(seen.ok()["version"] == 1 && seen.token() >= 1);
    for (prefer, least, most) in [("wait=1", 1, 6), ("wait=0", 0, 2)] {
        let begun = Instant::now();
        let headers = [("Consistency-Token", "1000"), ("Prefer", prefer)];
        let behind = client.get_with(&path, &headers).await;
        let lag = behind.problem(503, "read-model-behind")["lag_events"].as_u64().unwrap();
        assert_eq!(lag, 999);
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(least) && took < Duration::from_secs(most), "{took:?}");
    }
    for bad in ["x", "-1", "1.5"] {
        client
            .get_with(&path, &[("Consistency-Token", bad)])
            .await
            .problem(400, "invalid-parameter");
    }
    server.stop().await;
}

#[tokio::test]
async fn correlation_and_trace_are_stored_on_the_events() {
    let (_data, server, client) = server().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("X-Correlation-Id", "basket-7"), ("traceparent", trace)];
    let answer = client.post_with("/v1/orders", &headers, &placed(new_id(), "c")).await;
    answer.expect(201);
    assert_eq!(answer.header("X-Correlation-Id"), Some("basket-7"));
    let event = &checker::read_log(&client, 1).await[0];
    assert_eq!(event["correlationid"], "basket-7");
    let stored = event["traceparent"].as_str().unwrap();
    assert_eq!(stored.split('-').nth(1), trace.split('-').nth(1), "the trace goes on");
    let made = client.get("/v1/orders").await;
    assert!(!made.header("X-Correlation-Id").unwrap().is_empty());
    for bad in ["x".repeat(129), "two words".to_owned()] {
        let refused = client.get_with("/v1/orders", &[("X-Correlation-Id", &bad)]).await;
        refused.problem(400, "invalid-parameter");
    }
    server.stop().await;
}

/// The command, its body, the status and the code.
const REFUSALS: [(&str, &str, u16, &str); 17] = [
    ("place", r#"{}"#, 409, "illegal-transition"),
    ("cancel", r#"{"reason":"late"}"#, 409, "illegal-transition"),
    ("cancel", r#"{"reason":""}"#, 422, "validation"),
    ("record-payment", r#"{"payment_id":"pay-1","amount":"1.00"}"#, 409, "payment-conflict"),
    ("record-payment", r#"{"payment_id":"n","amount":"1.00","currency":"EUR"}"#, 422, "validation"),
    ("record-payment", r#"{"payment_id":"n","amount":"0.00"}"#, 422, "validation"),
    ("record-payment", r#"{"payment_id":"n","amount":"1.001"}"#, 422, "validation"),
    ("record-payment", r#"{"payment_id":"n","amount":1}"#, 422, "validation"),
    ("record-refund", r#"{"refund_id":"ref-1","amount":"2.00"}"#, 409, "refund-conflict"),
    ("record-refund", r#"{"refund_id":"n","amount":"99.00"}"#, 409, "refund-exceeds-captured"),
    (
        "ship",
        r#"{"shipment_id":"ship-1","lines":[{"line_id":2,"quantity":1}]}"#,
        409,
        "shipment-conflict",
    ),
    (
        "ship",
        r#"{"shipment_id":"n","lines":[{"line_id":1,"quantity":9}]}"#,
        409,
        "quantity-exceeds-remaining",
    ),
    ("ship", r#"{"shipment_id":"n","lines":[{"line_id":7,"quantity":1}]}"#, 422, "validation"),
    (
        "ship",
        r#"{"shipment_id":"n","lines":[{"line_id":2,"quantity":1},{"line_id":2,"quantity":1}]}"#,
        422,
        "validation",
    ),
    ("deliver", r#"{"shipment_id":"never"}"#, 422, "validation"),
    ("add-note", r#"{"text":""}"#, 422, "validation"),
    (
        "add-line",
        r#"{"product_id":"t","name":"t","quantity":100001,"unit_price":"1"}"#,
        422,
        "validation",
    ),
];

/// The members that a problem has only with this code.
fn members(code: &str) -> &'static [&'static str] {
    match code {
        "illegal-transition" => &["current_status", "allowed_commands"],
        "validation" => &["errors"],
        _ => &[],
    }
}

#[tokio::test]
async fn every_refusal_of_a_command_has_its_code_and_changes_nothing() {
    let (_data, server, client) = server().await;
    let (order, _) = place(&client, "c").await;
    let partly = json!({"shipment_id": "ship-1", "lines": [{"line_id": 1, "quantity": 1}]});
    let state = [
        ("confirm", json!({})),
        ("record-payment", json!({"payment_id": "pay-1", "amount": "34.00"})),
        ("record-refund", json!({"refund_id": "ref-1", "amount": "1.00"})),
        ("ship", partly),
    ];
    orders::apply(&client, order, &state).await;
    let head = checker::head(&client).await;
    for (command, body, status, code) in REFUSALS {
        let body: Value = serde_json::from_str(body).unwrap();
        let problem = client.post(&path(order, command), &body).await.problem(status, code);
        for member in members(code) {
            assert!(!problem[member].is_null(), "no {member} in {problem}");
        }
        let pointers = problem["errors"].as_array().into_iter().flatten();
        assert!(pointers.into_iter().all(|error| error["pointer"].is_string()), "{problem}");
        assert_eq!(checker::head(&client).await, head, "{command} {body}");
    }
    let draft = new_id();
    let body = json!({"order_id": draft, "draft": true, "customer": {"id": "c"}, "currency": "USD", "lines": []});
    client.post("/v1/orders", &body).await.expect(201);
    let empty = client.post(&path(draft, "place"), &json!({})).await.expect(422);
    assert!(empty.to_string().contains("empty-order"), "{empty}");
    orders::command(&client, draft, "add-line", line("tea", 1, "2.00")).await.ok();
    let other = client.post(&path(draft, "place"), &json!({"expected_total": "3.00"})).await;
    assert_eq!(other.problem(409, "price-changed")["actual_total"], "2.00");
    let unknown = client.post(&path(draft, "remove-line"), &json!({"line_id": 9})).await;
    unknown.problem(422, "validation");
    client.post("/v1/orders", &placed(order, "c")).await.problem(409, "order-already-exists");
    server.stop().await;
}

#[tokio::test]
async fn missing_things_and_wrong_requests_have_their_codes() {
    let (_data, server, client) = server().await;
    let (order, _) = place(&client, "c").await;
    let missing = Uuid::nil();
    for path in ["", "/history", "?version=1", "/diff?from=1&to=2"] {
        let path = format!("/v1/orders/{missing}{path}");
        client.get(&path).await.problem(404, "order-not-found");
    }
    client.post(&path(missing, "confirm"), &json!({})).await.problem(404, "order-not-found");
    client.get("/v1/nothing").await.problem(404, "not-found");
    client.get("/nothing").await.problem(404, "not-found");
    client.post(&path(order, "explode"), &json!({})).await.problem(404, "not-found");
    let wrong = client.ask(Method::DELETE, &format!("/v1/orders/{order}"), &[], None).await;
    wrong.problem(405, "method-not-allowed");
    assert!(wrong.header("Allow").unwrap().contains("GET"));
    let confirm = path(order, "confirm");
    match system::chosen() {
        Kind::Embedded => {
            let wrong = client.get(&confirm).await;
            wrong.problem(405, "method-not-allowed");
            assert!(wrong.header("Allow").unwrap().contains("POST"));
        }
        // By its method, nginx routes it to a program without commands: the only answer that the document does not
        // have.
        Kind::ScaledOut => {
            let unchecked = Client::unchecked(server.base());
            unchecked.get(&confirm).await.problem(404, "not-found");
        }
    }
    for (query, code) in [
        ("limit=0", "invalid-parameter"),
        ("limit=201", "invalid-parameter"),
        ("limit=x", "invalid-parameter"),
        ("status=asleep", "invalid-parameter"),
        ("sort=name", "invalid-parameter"),
        ("sort=total", "invalid-parameter"),
        ("sort=-total", "invalid-parameter"),
        ("placed_from=soon", "invalid-parameter"),
        ("colour=red", "unknown-parameter"),
        ("cursor=garbage", "invalid-cursor"),
    ] {
        client.get(&format!("/v1/orders?{query}")).await.problem(400, code);
    }
    client.get("/v1/orders/not-a-uuid").await.problem(400, "invalid-parameter");
    let bad = client.post("/v1/orders/not-a-uuid/confirm", &json!({})).await;
    bad.problem(400, "invalid-parameter");
    let bad = client.post("/v1/orders?dry_run=perhaps", &placed(new_id(), "c")).await;
    bad.problem(400, "invalid-parameter");
    let bad = client.post("/v1/orders?colour=red", &placed(new_id(), "c")).await;
    bad.problem(400, "unknown-parameter");
    for report in ["sales?interval=week", "sales?interval=day&as_of=x", "status-counts?as_of=x"] {
        client.get(&format!("/v1/reports/{report}")).await.problem(400, "invalid-parameter");
    }
    server.stop().await;
}
