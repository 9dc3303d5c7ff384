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
    let reported = outputs[..7].iter().map(|output| {
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
    assert_eq!(reported.collect::<Vec<_>>(), expected);
    let pointers = outputs[6]["problem"]["errors"].as_array().unwrap();
    let pointers: Vec<_> =
        pointers.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/at", "/body/order_id", "/body/customer", "/body/currency"]);
    // Refused lines are decided again: by now the order is confirmed and can be shipped.
    assert_eq!(counts(&import(&rig, &lines).await), [1, 2, 6, 1, 3]);
    assert_eq!(counts(&import(&rig, &lines).await), [0, 3, 6, 0, 3]);
}

pub async fn a_line_may_name_its_stream_by_type_and_id(rig: Rig) {
    let at = "2025-01-01T00:00:00Z";
    let named = |mut naming: Value, command: &str, body: Value| {
        let line = json!({"at": at, "command": command, "body": body});
        naming.as_object_mut().unwrap().extend(line.as_object().unwrap().clone());
        naming.to_string()
    };
    let payment = json!({"payment_id": "p", "amount": "25"});
    let lines = [
        named(json!({"stream": "order", "id": ID}), "create", order()),
        named(json!({"id": ID, "key": "confirmed"}), "confirm", json!({})),
        named(json!({"id": ID, "key": "confirmed"}), "confirm", json!({})),
        named(json!({"order_id": ID, "id": "paid"}), "record-payment", payment.clone()),
        named(json!({"stream": "order", "id": ID, "key": "paid"}), "record-payment", payment),
        named(json!({"stream": "parcel", "id": ID}), "create", order()),
        named(json!({"stream": 7, "id": ID}), "confirm", json!({})),
        named(json!({"stream": "order", "order_id": ID}), "confirm", json!({})),
        named(json!({"stream": "order", "id": "o-1"}), "confirm", json!({})),
    ];
    let outputs = import(&rig, &lines).await;
    assert_eq!(counts(&outputs), [3, 1, 5, 3, 3]);
    let reported = outputs[..5].iter().map(|output| {
        let error = &output["problem"]["errors"][0];
        let line = output["line"].as_u64().unwrap();
        (line, output["order_id"].is_null(), error["pointer"].as_str(), error["code"].as_str())
    });
    let expected = [
        (5, false, None, None),
        (6, true, Some("/stream"), Some("unknown-stream")),
        (7, false, Some("/stream"), Some("wrong-type")),
        (8, true, Some("/order_id"), Some("unknown-member")),
        (9, true, Some("/id"), Some("invalid-format")),
    ];
    assert_eq!(reported.collect::<Vec<_>>(), expected);
    assert_eq!(outputs[0]["problem"]["code"], "idempotency-key-reused", "another line had its key");
    assert!(outputs.iter().all(|output| output.get("stream").is_none()));
}

/// Each line is refused alone, and accepted once the lines that it needs come before it.
pub async fn a_refused_line_is_decided_again_when_the_file_is_corrected(rig: Rig) {
    let at = "2025-01-02T00:00:00Z";
    let refund = line(at, "record-refund", json!({"refund_id": "r", "amount": "5"}));
    let ship = line(at, "ship", json!({"shipment_id": "s"}));
    let deliver = line(at, "deliver", json!({"shipment_id": "s"}));
    let create = line("2025-01-01T00:00:00Z", "create", order());
    let broken = [refund.clone(), ship.clone(), deliver.clone()];
    let refused = import(&rig, &[&[create.clone()][..], &broken].concat()).await;
    assert_eq!(counts(&refused), [1, 0, 3, 1, 1]);
    let codes = refused[..3].iter().map(|output| output["problem"]["code"].as_str().unwrap());
    let expected = ["refund-exceeds-captured", "illegal-transition", "validation"];
    assert_eq!(codes.collect::<Vec<_>>(), expected);
    let paid = line(at, "record-payment", json!({"payment_id": "p", "amount": "30"}));
    let confirm = line(at, "confirm", json!({}));
    let mended = [create, paid, refund, confirm, ship, deliver];
    assert_eq!(counts(&import(&rig, &mended).await), [5, 1, 0, 6, 7]);
    assert_eq!(counts(&import(&rig, &mended).await), [0, 6, 0, 0, 7]);

    // Another line may use the same id as long as the first one was refused.
    let named = |at: &str, command: &str, body: Value| {
        let mut line = line(at, command, body);
        line.insert_str(1, r#""id":"seventh","#);
        line
    };
    let late = named(at, "cancel", json!({"reason": "too late"}));
    assert_eq!(import(&rig, &[late]).await[0]["problem"]["code"], "illegal-transition");
    let early = named("2020-01-01T00:00:00Z", "add-note", json!({"text": "before"}));
    assert_eq!(import(&rig, &[early]).await[0]["problem"]["errors"][0]["pointer"], "/at");
    let right = named(at, "add-note", json!({"text": "after"}));
    assert_eq!(counts(&import(&rig, &[right]).await), [1, 0, 0, 1, 8]);
    let other = named(at, "add-note", json!({"text": "another"}));
    assert_eq!(import(&rig, &[other]).await[0]["problem"]["code"], "idempotency-key-reused");
}

pub async fn a_currency_is_taken_that_was_in_use_at_the_lines_time(rig: Rig) {
    for (place, (at, code, taken)) in [
        ("2019-06-01T00:00:00Z", "HRK", true),
        ("2024-01-01T00:00:00Z", "HRK", false),
        ("2014-06-01T00:00:00Z", "LTL", true),
        ("2015-06-01T00:00:00Z", "LTL", false),
        ("2025-06-01T00:00:00Z", "BGN", true),
        ("2026-03-01T00:00:00Z", "BGN", false),
        ("2001-01-01T00:00:00Z", "DEM", true),
        ("2019-06-01T00:00:00Z", "EUR", true),
        ("2019-06-01T00:00:00Z", "XAU", false),
        ("2019-06-01T00:00:00Z", "hrk", false),
    ]
    .into_iter()
    .enumerate()
    {
        let id = uuid::Uuid::from_u128(place as u128 + 1).to_string();
        let mut body = order();
        body["currency"] = json!(code);
        let money = json!({"payment_id": "p", "amount": "25.00", "currency": code});
        let lines = [line(at, "create", body), line(at, "record-payment", money)];
        let lines = lines.map(|line| line.replace(ID, &id));
        let outputs = import(&rig, &lines).await;
        if taken {
            assert_eq!(counts(&outputs)[..3], [2, 0, 0], "{code} {at} {outputs:?}");
            continue;
        }
        let error = &outputs[0]["problem"]["errors"][0];
        let reported = (error["pointer"].as_str(), error["code"].as_str());
        assert_eq!(reported, (Some("/body/currency"), Some("unknown-currency")), "{code} {at}");
    }
    // Refunded long after the currency was withdrawn, by a live command that names it.
    let id = uuid::Uuid::from_u128(1);
    let refund = json!({"refund_id": "r", "amount": "5.00", "currency": "HRK"}).to_string();
    assert_eq!(rig.post(&format!("/v1/orders/{id}/record-refund"), refund).await.status, 200);
}

pub async fn a_leap_second_is_the_moment_that_follows_it(rig: Rig) {
    let lines = [
        line("2016-12-31T23:59:60.5Z", "create", order()),
        line("2017-01-01T05:29:60+05:30", "confirm", json!({})),
        line("2017-01-01T00:00:00Z", "add-note", json!({"text": "a"})),
        line("2016-12-31T23:59:59.999999Z", "add-note", json!({"text": "b"})),
        line("2017-01-01T12:00:60Z", "add-note", json!({"text": "c"})),
    ];
    let outputs = import(&rig, &lines).await;
    assert_eq!(counts(&outputs), [3, 0, 2, 3, 3]);
    let codes = outputs[..2].iter().map(|output| {
        let error = &output["problem"]["errors"][0];
        (error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap())
    });
    assert_eq!(
        codes.collect::<Vec<_>>(),
        [("/at", "before-last-event"), ("/at", "invalid-format")]
    );
    let events = rig.store.read_feed(0, 10).await.unwrap();
    let times = events.iter().map(|event| server::clock::wire(event.occurred_at));
    assert_eq!(times.collect::<Vec<_>>(), ["2017-01-01T00:00:00.000000Z"; 3]);
}

pub async fn a_byte_order_mark_before_the_first_line_is_passed_over(rig: Rig) {
    let create = line("2025-01-01T00:00:00Z", "create", order());
    let confirm = line("2025-01-02T00:00:00Z", "confirm", json!({}));
    let marked = [format!("\u{feff}{create}"), confirm.clone()];
    assert_eq!(counts(&import(&rig, &marked).await), [2, 0, 0, 2, 2]);
    // The mark is no part of the line, so the file without it is the same file.
    assert_eq!(counts(&import(&rig, &[create.clone(), confirm]).await), [0, 2, 0, 0, 2]);
    let inside = [
        create,
        format!("\u{feff}{}", line("2025-01-03T00:00:00Z", "add-note", json!({"text": "a"}))),
    ];
    let outputs = import(&rig, &inside).await;
    assert_eq!(
        (&outputs[0]["line"], &outputs[0]["problem"]["code"]),
        (&json!(2), &json!("malformed-json"))
    );
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

/// The permit is returned just after the last line is sent.
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
