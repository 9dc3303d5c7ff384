//! Imports: streams of lines in, streams of lines out.

use crate::rig::{Answer, Rig, order};
use axum::body::{Body, Bytes};
use axum::http::Request;
use serde_json::{Value, json};
use std::io;

const ID: &str = "0190d3c4-7b5e-4cc1-9d5e-0c9f6a3b1e10";

fn line(at: &str, command: &str, body: Value) -> String {
    json!({"order_id": ID, "at": at, "command": command, "body": body}).to_string()
}

async fn import(rig: &Rig, lines: &[String]) -> Vec<Value> {
    let request = Request::post("/v1/import").header("content-type", "application/x-ndjson");
    outputs(&rig.send(request.body(Body::from(lines.join("\n"))).unwrap()).await)
}

fn outputs(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = std::str::from_utf8(&answer.body).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// applied, unchanged, failed, events, position
fn counts(outputs: &[Value]) -> [u64; 5] {
    let summary = &outputs.last().unwrap()["summary"];
    assert!(summary["seconds"].is_f64());
    let counts = ["applied", "unchanged", "failed", "events", "position"];
    let counts = counts.map(|name| summary[name].as_u64().unwrap());
    assert_eq!(summary["lines"].as_u64().unwrap(), counts[0] + counts[1] + counts[2]);
    counts
}

pub async fn importing_twice_appends_once_and_keeps_the_business_times(rig: Rig) {
    let lines = [
        line("2025-01-01T10:00:00.5+01:00", "create", order()),
        line("2025-01-02T00:00:00Z", "confirm", json!({})),
        line("2025-01-02T00:00:00Z", "record-payment", json!({"payment_id": "p", "amount": "25"})),
        String::new(),
        line("2025-01-03T00:00:00Z", "record-payment", json!({"payment_id": "p", "amount": "25"})),
    ];
    let first = import(&rig, &lines).await;
    assert_eq!((first.len(), counts(&first)), (1, [3, 1, 0, 3, 3]));
    let second = import(&rig, &lines).await;
    assert_eq!((second.len(), counts(&second)), (1, [0, 4, 0, 0, 3]));
    let events = rig.store.read_feed(0, 10).await.unwrap();
    let times: Vec<_> = events.iter().map(|event| server::clock::wire(event.occurred_at)).collect();
    let expected = ["2025-01-01T09:00:00.500000Z", "2025-01-02T00:00:00.000000Z"];
    assert_eq!(times, [expected[0], expected[1], expected[1]]);
    assert!(events.iter().all(|event| event.metadata.correlation_id.is_some()));
}

pub async fn a_refused_line_is_reported_and_stops_no_other(rig: Rig) {
    let mut early = line("2024-01-01T00:00:00Z", "confirm", json!({}));
    early.insert_str(1, r#""id":"early","#);
    let lines = [
        line("2025-01-01T00:00:00Z", "create", order()),
        "{".to_owned(),
        "x".repeat(command_service::import::MAX_LINE + 1),
        line("2025-01-01T00:00:00Z", "ship", json!({"shipment_id": "s"})),
        early,
        line("2999-01-01T00:00:00Z", "confirm", json!({})),
        line("2025-01-01T00:00:00Z", "explode", json!({})),
        line("yesterday", "create", json!({"order_id": ID, "lines": []})),
        line("2025-01-01T00:00:00Z", "confirm", json!({})),
    ];
    let outputs = import(&rig, &lines).await;
    assert_eq!(counts(&outputs), [2, 0, 7, 2, 2]);
    let told = outputs[..7].iter().map(|output| {
        let problem = &output["problem"];
        let pointer = problem["errors"][0]["pointer"].as_str().unwrap_or("-");
        let line = output["line"].as_u64().unwrap();
        (line, output["order_id"].is_null(), problem["code"].as_str().unwrap(), pointer)
    });
    let expected = [
        (2, true, "malformed-json", "-"),
        (3, true, "payload-too-large", "-"),
        (4, false, "illegal-transition", "-"),
        (5, false, "validation", "/at"),
        (6, false, "validation", "/at"),
        (7, false, "validation", "/command"),
        (8, false, "validation", "/at"),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let pointers = outputs[6]["problem"]["errors"].as_array().unwrap();
    let pointers: Vec<_> =
        pointers.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/at", "/body/order_id", "/body/customer", "/body/currency"]);
    // Refused lines stay refused, so a second import appends nothing although the order is confirmed by now.
    assert_eq!(counts(&import(&rig, &lines).await), [0, 2, 7, 0, 2]);
}

pub async fn a_line_whose_order_came_later_is_applied_the_next_time(rig: Rig) {
    let early = line("2025-01-02T00:00:00Z", "confirm", json!({}));
    let refused = import(&rig, std::slice::from_ref(&early)).await;
    assert_eq!(refused[0]["problem"]["code"], "order-not-found");
    let lines = [line("2025-01-01T00:00:00Z", "create", order()), early];
    assert_eq!(counts(&import(&rig, &lines).await), [2, 0, 0, 2, 2]);
    assert_eq!(counts(&import(&rig, &lines).await), [0, 2, 0, 0, 2]);
}

pub async fn a_time_before_the_year_1_is_refused(rig: Rig) {
    let early = ["0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "-0001-01-01T00:00:00Z"];
    for at in early {
        let outputs = import(&rig, &[line(at, "create", order())]).await;
        let problem = &outputs[0]["problem"];
        assert_eq!(problem["code"], "validation", "{at}");
        assert_eq!(problem["errors"][0]["pointer"], "/at", "{at}");
    }
    let outputs = import(&rig, &[line("0001-01-01T00:00:00Z", "create", order())]).await;
    assert_eq!(counts(&outputs), [1, 0, 0, 1, 1]);
}

pub async fn the_summary_tells_where_the_log_stands_even_if_nothing_was_applied(rig: Rig) {
    rig.placed().await;
    assert_eq!(counts(&import(&rig, &[]).await), [0, 0, 0, 0, 1]);
    assert_eq!(counts(&import(&rig, &["{".to_owned()]).await), [0, 0, 1, 0, 1]);
    let early = line("2025-01-01T00:00:00Z", "confirm", json!({}));
    assert_eq!(counts(&import(&rig, &[early]).await), [0, 0, 1, 0, 1]);
}

pub async fn the_order_of_lines_is_kept_over_many_chunks(rig: Rig) {
    let mut lines = vec![line("2025-01-01T00:00:00Z", "create", order())];
    lines.extend((0..5_000).map(|n| {
        let note = json!({"text": format!("{n} {}", "x".repeat(200))});
        line(&format!("2025-01-01T01:{:02}:{:02}Z", n / 60 % 60, n % 60), "add-note", note)
    }));
    let truncated = 3_601;
    let outputs = import(&rig, &lines[..truncated]).await;
    assert_eq!(counts(&outputs), [3_601, 0, 0, 3_601, 3_601]);
}

pub async fn a_client_that_breaks_off_loses_nothing_that_was_accepted(rig: Rig) {
    let whole = line("2025-01-01T00:00:00Z", "create", order());
    let chunks: Vec<io::Result<Bytes>> =
        vec![Ok(Bytes::from(format!("{whole}\n{{\"order_id"))), Err(io::Error::other("gone"))];
    let body = Body::from_stream(futures::stream::iter(chunks));
    let request = Request::post("/v1/import").header("content-type", "application/x-ndjson");
    let answer = rig.send(request.body(body).unwrap()).await;
    assert_eq!(answer.status, 400);
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["code"], "malformed-json");
    rig.service.close().await;
    assert_eq!(rig.events().await, 1);
}

pub async fn an_import_ends_when_the_service_drains(rig: Rig) {
    rig.draining.cancel();
    let body = Body::from_stream(futures::stream::pending::<io::Result<Bytes>>());
    let request = Request::post("/v1/import").header("content-type", "application/x-ndjson");
    let answer = rig.send(request.body(body).unwrap()).await;
    assert_eq!(outputs(&answer).pop().unwrap()["problem"]["code"], "unavailable");
}

pub async fn imports_are_bounded_and_their_places_come_back(rig: Rig) {
    let import = || {
        let body = Body::from_stream(futures::stream::pending::<io::Result<Bytes>>());
        let request = Request::post("/v1/import").header("content-type", "application/x-ndjson");
        Box::pin(rig.open(request.body(body).unwrap()))
    };
    let mut running = [import(), import()];
    for import in &mut running {
        assert!(futures::poll!(import).is_pending(), "it waits for its lines");
    }
    let refused = import().await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (503, &"10".parse().unwrap())
    );
    rig.draining.cancel();
    for import in running {
        let response = import.await;
        assert_eq!(response.status(), 200);
        axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    }
    let body = line("2025-01-01T00:00:00Z", "create", order());
    while import_place_is_taken(&rig, &body).await {}
}

/// The place is given back just after the last line is sent.
async fn import_place_is_taken(rig: &Rig, body: &str) -> bool {
    let request = Request::post("/v1/import").header("content-type", "application/x-ndjson");
    let answer = rig.send(request.body(Body::from(body.to_owned())).unwrap()).await;
    tokio::task::yield_now().await;
    answer.status == 503
}

pub async fn more_refusals_than_may_wait_to_be_read_arrive_when_they_are_read(rig: Rig) {
    let mut body = order();
    body["lines"] = (0..120).map(|_| json!({"a": 1})).collect();
    let broken = line("2025-01-01T00:00:00Z", "create", body);
    let lines = vec![broken; 2_500].join("\n");
    let request = Request::post("/v1/import").header("content-type", "application/x-ndjson");
    let response = rig.open(request.body(Body::from(lines)).unwrap()).await;
    let read = axum::body::to_bytes(response.into_body(), 1 << 28).await.unwrap();
    assert!(read.len() > 16 << 20, "{}", read.len());
    let last = read.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap();
    let summary: Value = serde_json::from_slice(last).unwrap();
    assert_eq!(summary["summary"]["failed"], 2_500);
}

pub async fn an_import_is_ndjson_without_parameters(rig: Rig) {
    let answer = rig.post("/v1/import", "{}").await;
    assert_eq!(answer.problem(), (415, "unsupported-media-type".to_owned()));
    let request = Request::post("/v1/import?a=1").header("content-type", "application/x-ndjson");
    let answer = rig.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.problem(), (400, "unknown-parameter".to_owned()));
}
