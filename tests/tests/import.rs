//! Import: lines of NDJSON with their own times, refused line by line, idempotent, over HTTP and on the command line.

#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::client::{Answer, Client};
use system_tests::orders::{line, new_id};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use uuid::Uuid;

async fn import(client: &Client, lines: &[String]) -> Answer {
    let body = Bytes::from(lines.join("\n"));
    let typed = [("Content-Type", "application/x-ndjson")];
    client.ask(Method::POST, "/v1/import", &typed, Some(body)).await
}

fn answers(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn create(order: Uuid, at: &str) -> String {
    let body =
        json!({"customer": {"id": "old"}, "currency": "EUR", "lines": [line("lamp", 1, "9.99")]});
    json!({"order_id": order, "at": at, "command": "create", "body": body}).to_string()
}

fn note(order: Uuid, at: &str) -> String {
    let body = json!({"text": "ring twice"});
    json!({"order_id": order, "at": at, "command": "add-note", "body": body}).to_string()
}

fn cancel(order: Uuid, at: &str) -> String {
    let body = json!({"reason": "lost"});
    json!({"order_id": order, "at": at, "command": "cancel", "body": body}).to_string()
}

#[tokio::test]
async fn lines_keep_their_own_times_and_a_second_import_appends_nothing() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let order = new_id();
    let lines = [create(order, "2017-10-02T10:56:33Z"), cancel(order, "2017-10-03T00:00:00Z")];
    let first = answers(&import(&client, &lines).await);
    let summary = &first.last().unwrap()["summary"];
    for (member, value) in [
        ("lines", 2),
        ("applied", 2),
        ("unchanged", 0),
        ("failed", 0),
        ("events", 2),
        ("position", 2),
    ] {
        assert_eq!(summary[member], value, "{member}: {summary}");
    }
    assert!(summary["seconds"].is_number());
    let shown = client.get_at(&format!("/v1/orders/{order}"), 2).await.ok();
    assert_eq!(shown["placed_at"], "2017-10-02T10:56:33.000000Z");
    assert_eq!(shown["cancelled_at"], "2017-10-03T00:00:00.000000Z");
    let again = answers(&import(&client, &lines).await);
    let summary = &again.last().unwrap()["summary"];
    for (member, value) in [("applied", 0), ("unchanged", 2), ("failed", 0), ("events", 0)] {
        assert_eq!(summary[member], value, "{member}: {summary}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_refused_line_is_named_and_stops_no_other() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let (order, other) = (new_id(), new_id());
    let lines = [
        create(order, "2017-10-02T10:56:33Z"),
        "{not json".to_owned(),
        cancel(order, "2017-10-01T00:00:00Z"),
        cancel(other, "2017-10-01T00:00:00Z"),
        create(other, "2999-01-01T00:00:00Z"),
        cancel(order, "2017-10-04T00:00:00Z").replace("cancel", "abolish"),
        create(other, "2017-10-05T00:00:00Z"),
    ];
    let answers = answers(&import(&client, &lines).await);
    let refused: Vec<u64> = answers.iter().filter_map(|answer| answer["line"].as_u64()).collect();
    assert_eq!(refused, [2, 3, 4, 5, 6], "{answers:?}");
    for answer in &answers[..answers.len() - 1] {
        assert!(answer["problem"]["code"].is_string(), "{answer}");
    }
    let summary = &answers.last().unwrap()["summary"];
    assert_eq!((&summary["applied"], &summary["failed"]), (&json!(2), &json!(5)));
    server.stop().await;
}

/// An order placed in the last leap second and cancelled three days later; then every view must show the same times.
#[tokio::test]
async fn a_leap_second_is_one_instant_in_every_view() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let (order, begun) = (new_id(), "2017-01-01T00:00:00.000000Z");
    let lines = [
        create(order, "2016-12-31T23:59:60.5Z"),
        note(order, "2017-01-01T01:00:00+01:00"),
        note(order, "2016-12-31T23:59:59.999999Z"),
        note(order, "2017-01-01T12:00:60Z"),
        cancel(order, "2017-01-03T10:00:00Z"),
    ];
    let reported = answers(&import(&client, &lines).await);
    let refused: Vec<_> = reported.iter().filter_map(|answer| answer["line"].as_u64()).collect();
    assert_eq!(refused, [3, 4], "before the last event, and no time: {reported:?}");
    for answer in &reported[..2] {
        assert_eq!(answer["problem"]["code"], "validation");
        assert_eq!(answer["problem"]["errors"][0]["pointer"], "/at");
    }
    let path = format!("/v1/orders/{order}");
    let shown = client.get_at(&path, 3).await.ok();
    assert_eq!((&shown["placed_at"], &shown["created_at"]), (&json!(begun), &json!(begun)));
    let replayed = client.get(&format!("{path}?as_of=2016-12-31T23:59:60Z")).await.ok();
    assert_eq!((&replayed["placed_at"], &replayed["version"]), (&json!(begun), &json!(2)));
    let before = client.get(&format!("{path}?as_of=2016-12-31T23:59:59.999999Z")).await;
    before.problem(404, "not-yet-created");
    let bad = client.get(&format!("{path}?as_of=2016-12-31T12:00:60Z")).await;
    bad.problem(400, "invalid-parameter");
    let history = client.get(&format!("{path}/history")).await.ok();
    let history = history["data"].as_array().unwrap().clone();
    assert_eq!(
        (&history[0]["occurred_at"], &history[1]["occurred_at"]),
        (&json!(begun), &json!(begun))
    );
    assert_eq!(history[2]["data"]["placed_at"], begun);
    for from in ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"] {
        let listed = client.get(&format!("/v1/orders?placed_from={from}")).await.ok();
        assert_eq!(listed["data"][0]["placed_at"], begun, "{from}");
    }
    let earlier = client.get("/v1/orders?placed_to=2016-12-31T23:59:60Z").await.ok();
    assert_eq!(earlier["data"], json!([]));
    let report = "/v1/reports/sales?interval=day";
    let sold = client.get(&format!("{report}&as_of=2017-01-02T00:00:00Z")).await.ok();
    assert_eq!(sales(&sold), [("2017-01-01".to_owned(), 1, 0)]);
    let sold = client.get(report).await.ok();
    assert_eq!(sales(&sold), [("2017-01-01".to_owned(), 0, 1)]);
    server.stop().await;
    let verified =
        Launch::new(Program::Orderlog).args(["verify", "--data-dir"]).args([data.path()]);
    let verified = verified.run().await;
    assert!(verified.status.success(), "{verified:?}");
}

/// Day, orders and cancelled orders of each row of a sales report.
fn sales(report: &Value) -> Vec<(String, i64, i64)> {
    let count = |row: &Value, name: &str| row[name].as_i64().unwrap();
    let rows = report["data"].as_array().unwrap().iter();
    rows.map(|row| {
        let period = row["period"].as_str().unwrap().to_owned();
        (period, count(row, "orders"), count(row, "cancelled_orders"))
    })
    .collect()
}

#[tokio::test]
async fn the_command_line_imports_into_a_server_and_into_a_folder() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("orders.ndjson");
    let (order, other) = (new_id(), new_id());
    std::fs::write(&file, create(order, "2017-10-02T10:56:33Z")).unwrap();
    let folder = data.path().join("folder");
    let server = Server::start(&folder).await;
    let through = |url: String| {
        Launch::new(Program::Orderlog)
            .args(["import"])
            .args([&file])
            .args(["--url".to_owned(), url])
    };
    let imported = through(server.base().to_owned()).run().await;
    assert!(imported.status.success(), "{imported:?}");
    let client = server.client().await;
    client.get_at(&format!("/v1/orders/{order}"), 1).await.ok();
    server.stop().await;

    std::fs::write(&file, [create(other, "2017-10-02T10:56:33Z"), "{}".to_owned()].join("\n"))
        .unwrap();
    let alone = Launch::new(Program::Orderlog)
        .args(["import"])
        .args([&file])
        .args(["--data-dir"])
        .args([&folder]);
    let refused = alone.run().await;
    assert_eq!(refused.status.code(), Some(1), "one line was refused: {refused:?}");
    let server = Server::start(&folder).await;
    let client = server.client().await;
    client.get_at(&format!("/v1/orders/{other}"), 2).await.ok();
    server.stop().await;
}
