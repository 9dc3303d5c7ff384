//! The feed, in pages and as a stream.

use crate::shop::Shop;
use axum::http::Method;
use event_store::{Append, Entry, Metadata, NewEvent, StreamType};
use futures::StreamExt;
use query_service::Settings;
use rig::views::Views;
use serde_json::{Value, json};
use uuid::Uuid;

/// Reads `count` server-sent events: id and data.
async fn read(body: axum::body::Body, count: usize) -> Vec<(u64, Value)> {
    let mut chunks = body.into_data_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        let chunk = chunks.next().await.expect("the stream goes on").unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let event = |block: &str| {
        let (id, data) = block.split_once('\n').unwrap();
        let id = id.strip_prefix("id: ").unwrap().parse().unwrap();
        (id, serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap())
    };
    text.split_terminator("\n\n").map(event).collect()
}

pub async fn the_feed_is_paged_in_position_order_as_cloud_events(views: Views) {
    let mut shop = Shop::on(views).await;
    for _ in 0..5 {
        shop.place("ann", &[("tea", 1, 100)]).await;
    }
    shop.project().await;
    let mut after = 0;
    let mut sequence = Vec::new();
    for _ in 0..4 {
        let page = shop.ok(&format!("/v1/events?after={after}&limit=2")).await;
        let events = page["data"].as_array().unwrap();
        sequence.extend(events.iter().map(|event| event["sequence"].clone()));
        after = page["next_after"].as_u64().unwrap();
    }
    assert_eq!(json!(sequence), json!(["1", "2", "3", "4", "5"]));
    assert_eq!(after, 5);
    let event = shop.ok("/v1/events?limit=1").await["data"][0].clone();
    let stored = &shop.log.read_feed(0, 1).await.unwrap()[0];
    assert_eq!(event["subject"], format!("order/{}", stored.stream.id));
    assert_eq!(event["type"], "OrderPlaced");
    assert_eq!(event["time"], "2026-03-03T00:37:00.000000Z");
    assert_eq!(event.get("causationid"), None);
    assert_eq!(event["data"], serde_json::from_slice::<Value>(&stored.payload).unwrap());
    for (after, next) in [("0", 2), ("3", 5), ("4", 5), ("5", 5), ("6", 5), ("1000005", 5)] {
        let page = shop.ok(&format!("/v1/events?after={after}&limit=2")).await;
        assert_eq!((&page["next_after"], &page["head"]), (&json!(next), &json!(5)), "{after}");
        assert_eq!(page["data"] == json!([]), after.parse::<u64>().unwrap() >= 5, "{after}");
    }
    let beyond = shop.ok(&format!("/v1/events?after={}", u64::MAX)).await;
    assert_eq!(beyond, json!({"data": [], "next_after": 5, "head": 5}));
}

pub async fn an_event_of_another_business_case_says_which(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 1, 100)]).await;
    let event = NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "VoucherIssued",
        schema_version: 1,
        occurred_at: shop.now,
        payload: b"{}".to_vec(),
    };
    let voucher = StreamType::new("voucher").stream(Uuid::now_v7());
    let entry = Entry {
        stream: voucher,
        expected_version: 0,
        partition_key: Some(order),
        events: vec![event],
        metadata: Metadata::default(),
        answer: None,
        joint: None,
    };
    let append = Append { entries: vec![entry], recorded_at: shop.now };
    shop.log.append(append).await.unwrap();
    shop.project().await;
    let page = shop.ok("/v1/events").await;
    assert_eq!(page["data"][0].get("partitionkey"), None, "an order is a case of its own");
    assert_eq!(page["data"][1]["partitionkey"], json!(order));
    assert_eq!(page["data"][1]["subject"], format!("voucher/{}", voucher.id));
    let response = shop.open_stream(Method::GET, "/v1/events/stream?after=1", &[]).await;
    assert_eq!(read(response.into_body(), 1).await[0].1, page["data"][1]);
}

pub async fn a_stream_goes_on_after_the_last_event_seen_and_follows_new_ones(views: Views) {
    let mut shop = Shop::on(views).await;
    for _ in 0..4 {
        shop.place("ann", &[("tea", 1, 100)]).await;
    }
    shop.project().await;
    let ids = |events: &[(u64, Value)]| events.iter().map(|event| event.0).collect::<Vec<_>>();
    for (path, headers, expected) in [
        ("/v1/events/stream", &[][..], vec![1, 2, 3, 4]),
        ("/v1/events/stream?after=2", &[], vec![3, 4]),
        ("/v1/events/stream?after=1", &[("last-event-id", "3")], vec![4]),
    ] {
        let response = shop.open_stream(Method::GET, path, headers).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let events = read(response.into_body(), expected.len()).await;
        assert_eq!(ids(&events), expected, "{path}");
        let page = shop.ok("/v1/events").await;
        assert_eq!(events.last().unwrap().1, page["data"][3]);
    }
    let response = shop.open_stream(Method::GET, "/v1/events/stream?after=4", &[]).await;
    let reading = tokio::spawn(read(response.into_body(), 2));
    shop.place("ann", &[("tea", 1, 100)]).await;
    shop.project().await;
    shop.place("ann", &[("tea", 1, 100)]).await;
    shop.project().await;
    assert_eq!(ids(&reading.await.unwrap()), [5, 6]);
}

pub async fn a_stream_from_above_the_end_says_where_the_end_is(views: Views) {
    let mut shop = Shop::on(views).await;
    for _ in 0..2 {
        shop.place("ann", &[("tea", 1, 100)]).await;
    }
    shop.project().await;
    for (path, headers) in
        [("/v1/events/stream?after=3", &[][..]), ("/v1/events/stream", &[("last-event-id", "3")])]
    {
        let response = shop.open_stream(Method::GET, path, headers).await;
        let mut chunks = response.into_body().into_data_stream();
        let received = chunks.next().await.unwrap().unwrap();
        assert_eq!(received, "event: head\ndata: {\"head\":2,\"after\":3}\n\n", "{path}");
    }
    // The stream waits for events after the requested position, and reports the log's end once.
    let response = shop.open_stream(Method::GET, "/v1/events/stream?after=3", &[]).await;
    let mut chunks = response.into_body().into_data_stream();
    chunks.next().await.unwrap().unwrap();
    let reading = tokio::spawn(async move { chunks.next().await.unwrap().unwrap() });
    for _ in 0..2 {
        shop.place("ann", &[("tea", 1, 100)]).await;
    }
    shop.project().await;
    assert!(reading.await.unwrap().starts_with(b"id: 4\n"));
}

pub async fn streams_end_when_the_server_drains(views: Views) {
    let shop = Shop::on(views).await;
    let response = shop.open_stream(Method::GET, "/v1/events/stream", &[]).await;
    let reading = tokio::spawn(response.into_body().into_data_stream().count());
    shop.readiness.drain();
    assert_eq!(reading.await.unwrap(), 0);
}

pub async fn one_stream_too_many_is_refused_until_another_ends(views: Views) {
    let shop = Shop::open_with(views, Settings { max_streams: 2 }).await;
    let open = async || shop.open_stream(Method::GET, "/v1/events/stream", &[]).await;
    let (first, _second) = (open().await, open().await);
    let third = shop.get("/v1/events/stream").await;
    assert_eq!(third.code(), (503, "overloaded".into()));
    assert_eq!(third.header("retry-after"), "1");
    drop(first);
    assert_eq!(open().await.status(), 200);
}
