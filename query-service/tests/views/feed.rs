//! The feed, in pages and as a stream.

use crate::shop::Shop;
use axum::http::Method;
use futures::StreamExt;
use query_service::Settings;
use rig::views::Views;
use serde_json::{Value, json};

/// Reads server-sent events until so many have come: id and data.
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
    let beyond = shop.ok("/v1/events?after=77").await;
    assert_eq!(beyond, json!({"data": [], "next_after": 77}));
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
