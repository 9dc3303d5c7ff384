//! Vouchers together with orders: over HTTP, in imports, through a topic, parked, rebuilt; under the ids of orders.

#![allow(clippy::unwrap_used, missing_docs)]

mod shop;

use domain::Aggregate;
use event_store::{Append, Entry, EntryOutcome, Metadata, NewEvent, StreamType};
use projector::{Show, rebuild, retry_parked};
use relay::scan::TopicScan;
use relay::wire::Content;
use rig::views::Views;
use serde_json::{Value, json};
use shop::Shop;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voucher::aggregate::VoucherAggregate;
use voucher::projection::registry;

fn order(id: Uuid) -> Value {
    json!({"order_id": id, "customer": {"id": "ann"}, "currency": "EUR", "lines": [
        {"product_id": "tea", "name": "Tea", "quantity": 2, "unit_price": "4.50"}]})
}

fn shown(id: Uuid, version: u64, status: &str) -> Value {
    json!({"voucher_id": id, "version": version, "status": status, "amount": 2_500})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voucher_is_issued_and_redeemed_once() {
    let shop = Shop::open(Views::sqlite()).await;
    let issued = shop.post("/v1/vouchers", &json!({"amount": 2_500})).await;
    assert_eq!((issued.status, issued.header("etag")), (201, "\"1\""));
    let id: Uuid = issued.body["voucher_id"].as_str().unwrap().parse().unwrap();
    let path = format!("/v1/vouchers/{id}");
    assert_eq!(issued.header("location"), path);
    assert_eq!(shop.get(&path).await.body, shown(id, 1, "open"));

    let redeem = format!("{path}/redeem");
    let tried = shop.post(&format!("{redeem}?dry_run=true"), &json!({})).await;
    assert_eq!(tried.body["voucher"]["status"], "redeemed");
    assert_eq!(shop.post(&redeem, &json!({"now": true})).await.problem(), (422, "validation"));
    let keyed = [("idempotency-key", "k-1")];
    let redeemed = shop.post_with(&redeem, &keyed, &json!({})).await;
    assert_eq!(
        (redeemed.status, &redeemed.body["events"][0]["type"]),
        (200, &json!("VoucherRedeemed"))
    );
    let again = shop.post_with(&redeem, &keyed, &json!({})).await;
    assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &redeemed.body));
    let refused = shop.post(&format!("{path}/expire"), &json!({})).await;
    assert_eq!(refused.problem(), (409, "voucher-not-open"));
    assert_eq!(refused.body["current_status"], "redeemed");
    let missing_path = format!("/v1/vouchers/{}/redeem", Uuid::nil());
    assert_eq!(shop.post(&missing_path, &json!({})).await.problem(), (404, "voucher-not-found"));

    assert_eq!(shop.get(&path).await.body, shown(id, 2, "redeemed"));
    assert_eq!(shop.get(&format!("{path}?version=1")).await.body, shown(id, 1, "open"));
    let missing = shop.get(&format!("/v1/vouchers/{}", Uuid::nil())).await;
    assert_eq!(missing.problem(), (404, "voucher-not-found"));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_import_takes_lines_of_orders_and_vouchers() {
    let shop = Shop::open(Views::sqlite()).await;
    let (id, at) = (Uuid::now_v7(), "2025-01-01T00:00:00Z");
    let mut body = order(id);
    body.as_object_mut().unwrap().remove("order_id");
    let voucher = |command, body| json!({"stream": "voucher", "id": id, "at": at, "command": command, "body": body});
    let lines = [
        json!({"order_id": id, "at": at, "command": "create", "body": body}),
        voucher("issue", json!({"amount": 2_500})),
        voucher("confirm", json!({})),
        voucher("expire", json!({})),
    ];
    let lines = lines.map(|line| line.to_string()).join("\n");
    let answer = shop.import(&lines).await;
    let refused = &answer[0];
    assert_eq!((&refused["line"], &refused["stream"]), (&json!(3), &json!("voucher")));
    assert_eq!((&refused["id"], &refused["order_id"]), (&json!(id), &Value::Null));
    let summary = &answer[1]["summary"];
    assert_eq!((&summary["applied"], &summary["failed"]), (&json!(3), &json!(1)));
    assert_eq!(shop.import(&lines).await[1]["summary"]["unchanged"], 3);
    assert_eq!(shop.get(&format!("/v1/vouchers/{id}")).await.body, shown(id, 2, "expired"));
    assert_eq!(shop.get(&format!("/v1/orders/{id}")).await.body["version"], 1);
    shop.close().await;
}

/// An event of a voucher that no build can read.
async fn poison(shop: &Shop, id: Uuid, expected_version: u64) {
    let event = NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "VoucherTorn",
        schema_version: 1,
        occurred_at: server::clock::now(),
        payload: b"{}".to_vec(),
    };
    let entry = Entry {
        stream: StreamType::new(VoucherAggregate::STREAM_TYPE).stream(id),
        expected_version,
        partition_key: None,
        events: vec![event],
        metadata: Metadata::default(),
        answer: None,
        joint: None,
    };
    let append = Append { entries: vec![entry], recorded_at: server::clock::now() };
    let appended = shop.log.append(append).await.unwrap();
    assert!(matches!(appended.outcomes[..], [EntryOutcome::Written { .. }]));
}

/// Places an order, issues a voucher for it and redeems that, and issues another for nothing: four events.
async fn order_with_a_voucher(shop: &Shop) -> (Uuid, Uuid) {
    let [order_id, voucher_id, other] = [(); 3].map(|()| Uuid::now_v7());
    assert_eq!(shop.post("/v1/orders", &order(order_id)).await.status, 201);
    let issue = json!({"voucher_id": voucher_id, "amount": 2_500, "order_id": order_id});
    assert_eq!(shop.post("/v1/vouchers", &issue).await.status, 201);
    let redeem = format!("/v1/vouchers/{voucher_id}/redeem");
    assert_eq!(shop.post(&redeem, &json!({})).await.status, 200);
    let issue = json!({"voucher_id": other, "amount": 2_500});
    assert_eq!(shop.post("/v1/vouchers", &issue).await.status, 201);
    (order_id, voucher_id)
}

async fn a_voucher_of_an_order(views: Views) {
    let shop = Shop::open(views).await;
    let (order_id, voucher_id) = order_with_a_voucher(&shop).await;
    let bad = json!({"amount": 2_500, "order_id": "the last one"});
    assert_eq!(shop.post("/v1/vouchers", &bad).await.problem(), (422, "validation"));
    let path = format!("/v1/vouchers/{voucher_id}");
    for rebuilt in [false, true] {
        assert_eq!(shop.get(&path).await.body, shown(voucher_id, 2, "redeemed"), "{rebuilt}");
        assert_eq!(shop.get(&format!("{path}?version=1")).await.body["status"], "open");
        let events = shop.get("/v1/events").await.body;
        let cases = events["data"].as_array().unwrap().iter().map(|its| its.get("partitionkey"));
        let order_id = json!(order_id);
        assert!(cases.eq([None, Some(&order_id), Some(&order_id), None]), "{rebuilt}: {events}");
        assert_eq!(events["data"][1]["data"], json!({"amount": 2_500, "order_id": order_id}));
        if !rebuilt {
            let (registry, shutdown) = (registry(), CancellationToken::new());
            let all = registry.projections();
            rebuild(&shop.source(), &shop.model, all, Show::Log, &shutdown).await.unwrap();
        }
    }
    assert!(shop.verify().await.is_sound());
    assert_eq!(shop.log.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voucher_of_an_order_belongs_to_its_business_case() {
    a_voucher_of_an_order(Views::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_does_so_where_views_are_in_postgres() {
    if let Some(views) = Views::postgres("vouchers of orders kept in PostgreSQL").await {
        a_voucher_of_an_order(views).await;
    }
}

/// Where each event of the topic lies, by position: partition, stream type, partition key.
async fn places(shop: &Shop) -> BTreeMap<u64, (i32, String, Uuid)> {
    let (mut scan, _) = TopicScan::open(shop.topic.as_ref().unwrap()).await.unwrap();
    let read = move || {
        let mut places = BTreeMap::new();
        while let Some((partition, record)) = scan.next_record().unwrap() {
            if let Content::Event(event) = record.content {
                let kind = event.stream.stream_type.to_string();
                places.insert(event.position, (partition, kind, event.partition_key));
            }
        }
        places
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voucher_of_an_order_lies_in_its_partition_of_the_topic() {
    let Some(broker) = rig::kafka::shared_or_say("vouchers in their orders' partitions") else {
        return;
    };
    const ORDERS: usize = 10;
    let shop = Shop::over(&broker).await;
    let mut vouchers = Vec::new();
    for _ in 0..ORDERS {
        vouchers.push(order_with_a_voucher(&shop).await);
    }
    for (_, voucher) in &vouchers {
        let path = format!("/v1/vouchers/{voucher}");
        assert_eq!(shop.get(&path).await.body, shown(*voucher, 2, "redeemed"));
    }
    let places = places(&shop).await;
    assert_eq!(places.len(), 4 * ORDERS);
    let events: Vec<_> = places.into_values().collect();
    let mut elsewhere = 0;
    for (events, (order_id, voucher_id)) in events.chunks(4).zip(&vouchers) {
        let (home, _, _) = events[0];
        for (event, kind) in events.iter().zip(["order", "voucher", "voucher"]) {
            assert_eq!(*event, (home, kind.to_owned(), *order_id));
        }
        assert_ne!(events[3].2, *order_id, "it is a case of its own");
        elsewhere += usize::from(relay::partition_of(*voucher_id, 6) != home);
    }
    assert!(elsewhere > 0, "by its own id, some voucher would lie in another partition");
    let report = shop.verify().await;
    assert!(report.is_sound(), "{report:?}");
    shop.close().await;
}

async fn parked(shop: &Shop) -> Vec<(String, u64)> {
    let statuses = shop.model.projection_statuses().await.unwrap();
    let parked = statuses.into_iter().filter(|its| its.parked_streams > 0);
    parked.map(|its| (its.name, its.parked_streams)).collect()
}

async fn an_order_and_a_voucher_of_one_id(views: Views) {
    let shop = Shop::open(views).await;
    let id = Uuid::now_v7();
    let (order_path, voucher_path) = (format!("/v1/orders/{id}"), format!("/v1/vouchers/{id}"));
    assert_eq!(shop.post("/v1/orders", &order(id)).await.status, 201);
    let issue = json!({"voucher_id": id, "amount": 2_500});
    assert_eq!(shop.post("/v1/vouchers", &issue).await.status, 201);
    poison(&shop, id, 1).await;
    let noted = shop.post(&format!("{order_path}/add-note"), &json!({"text": "gift"})).await;
    assert_eq!((noted.status, &noted.body["version"]), (200, &json!(2)));

    for rebuilt in [false, true] {
        assert_eq!(shop.get(&voucher_path).await.body, shown(id, 1, "open"), "{rebuilt}");
        assert_eq!(shop.get(&order_path).await.body["notes"][0]["text"], "gift", "{rebuilt}");
        let history = shop.get(&format!("{order_path}/history")).await.body;
        assert_eq!(history["data"].as_array().unwrap().len(), 2, "{rebuilt}: {history}");
        assert_eq!(parked(&shop).await, [("vouchers".to_owned(), 1)], "{rebuilt}");
        let report = shop.verify().await;
        assert!(report.differences.is_empty() && report.unfoldable.len() == 1, "{report:?}");
        if !rebuilt {
            let (registry, shutdown) = (registry(), CancellationToken::new());
            let all = registry.projections();
            rebuild(&shop.source(), &shop.model, all, Show::Log, &shutdown).await.unwrap();
        }
    }
    let retried = retry_parked(&registry(), &shop.model, registry().projections()).await.unwrap();
    assert_eq!((retried.folded, retried.parked), (0, 1));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_and_a_voucher_of_one_id_have_nothing_to_do_with_each_other() {
    an_order_and_a_voucher_of_one_id(Views::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_where_views_are_in_postgres() {
    if let Some(views) = Views::postgres("vouchers kept in PostgreSQL").await {
        an_order_and_a_voucher_of_one_id(views).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vouchers_go_through_a_topic_as_orders_do() {
    let Some(broker) = rig::kafka::shared_or_say("vouchers through Kafka") else { return };
    let shop = Shop::over(&broker).await;
    let id = Uuid::now_v7();
    assert_eq!(shop.post("/v1/orders", &order(id)).await.status, 201);
    let issue = json!({"voucher_id": id, "amount": 2_500});
    assert_eq!(shop.post("/v1/vouchers", &issue).await.status, 201);
    let redeem = format!("/v1/vouchers/{id}/redeem");
    assert_eq!(shop.post(&redeem, &json!({})).await.status, 200);
    assert_eq!(shop.get(&format!("/v1/vouchers/{id}")).await.body, shown(id, 2, "redeemed"));
    assert_eq!(shop.get(&format!("/v1/orders/{id}")).await.body["version"], 1);
    assert_eq!(parked(&shop).await, []);
    let report = shop.verify().await;
    assert!(report.is_sound(), "{report:?}");
    shop.close().await;
}
