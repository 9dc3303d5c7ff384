//! The feed for other systems: CloudEvents in position order by page, and the same as server-sent events that can
//! resume.

#![allow(clippy::unwrap_used, missing_docs)]

use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;
use system_tests::client::{Client, Headers};
use system_tests::events::EventStream;
use system_tests::server::Server;
use system_tests::{checker, orders};
use tempfile::TempDir;
use tokio::time::timeout;

/// The longest time from an event's commit to an open stream.
const ARRIVAL: Duration = Duration::from_secs(20);

async fn completed_order(client: &Client) -> (uuid::Uuid, u64) {
    let (order, _) = orders::place(client, "feed").await;
    orders::apply(client, order, &orders::until_delivery()).await;
    let last = orders::command(client, order, "deliver", json!({"shipment_id": "ship-1"})).await;
    last.ok();
    (order, last.token())
}

#[tokio::test]
async fn events_are_cloud_events_in_position_order() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let (order, head) = completed_order(&client).await;
    let events = checker::read_log(&client, head).await;
    checker::is_whole(&events);
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "OrderPlaced",
        "OrderConfirmed",
        "PaymentRecorded",
        "OrderShipped",
        "ShipmentDelivered",
        "OrderCompleted",
    ];
    assert_eq!(types, expected);
    for event in &events {
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["source"], "/orderlog");
        assert_eq!(event["subject"], format!("order/{order}"));
        assert_eq!(event["datacontenttype"], "application/json");
        assert_eq!(event["dataschemaversion"], 1);
        assert!(event["data"].is_object(), "{event}");
        for member in ["time", "recordedtime", "correlationid", "id"] {
            assert!(event[member].is_string(), "no {member} in {event}");
        }
    }
    let page = client.get("/v1/events?after=2&limit=3").await.ok();
    assert_eq!(page["data"], json!(events[2..5]));
    assert_eq!(page["next_after"], 5);
    let end = client.get(&format!("/v1/events?after={head}")).await.ok();
    assert_eq!(end["data"], json!([]));
    for bad in ["after=-1", "after=x", "limit=0", "limit=1000001"] {
        client.get(&format!("/v1/events?{bad}")).await.problem(400, "invalid-parameter");
    }
    server.stop().await;
}

/// Reads this many events from an open stream: (id, data).
async fn take(
    client: &Client,
    path: &str,
    headers: Headers<'_>,
    count: usize,
) -> Vec<(u64, Value)> {
    let response = client.open(path, headers).await;
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let (mut stream, mut events) = (EventStream::new(response), Vec::new());
    while events.len() < count {
        let event = timeout(ARRIVAL, stream.next()).await.expect("the next event arrives");
        events.push(event.unwrap().expect("the stream goes on"));
    }
    events
}

#[tokio::test]
async fn a_stream_resumes_where_it_was_left_and_shows_what_happens_next() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let (_, head) = completed_order(&client).await;
    let paged = checker::read_log(&client, head).await;
    let all = take(&client, "/v1/events/stream?after=0", &[], 6).await;
    for ((id, event), (position, page)) in all.iter().zip((1..).zip(&paged)) {
        assert_eq!(*id, position);
        assert_eq!(event, page);
    }
    let resumed = take(&client, "/v1/events/stream", &[("Last-Event-ID", "4")], 2).await;
    assert_eq!(resumed, all[4..]);
    let by_parameter = take(&client, "/v1/events/stream?after=5", &[], 1).await;
    assert_eq!(by_parameter, all[5..]);

    let path = format!("/v1/events/stream?after={head}");
    let (next, placed) =
        tokio::join!(take(&client, &path, &[], 1), orders::place(&client, "while-listening"));
    assert_eq!(next[0].0, head + 1);
    assert_eq!(next[0].1["subject"], format!("order/{}", placed.0));
    server.stop().await;
}

#[tokio::test]
async fn an_open_stream_ends_when_the_server_stops() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    completed_order(&client).await;
    let stream = client.open("/v1/events/stream?after=0", &[]).await;
    let mut pieces = stream.bytes_stream();
    let first = timeout(ARRIVAL, pieces.next()).await.expect("an event arrives");
    first.expect("the stream is open").unwrap();
    let reading = tokio::spawn(async move { pieces.count().await });
    server.stop().await;
    timeout(ARRIVAL, reading).await.expect("the stream ends").unwrap();
}
