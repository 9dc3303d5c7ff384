//! Stock over HTTP: bodies, answers, refusals, keys, conditions, dry runs.

use crate::rig::Rig;
use ::rig::log::Log;
use serde_json::{Value, json};
use uuid::Uuid;

async fn rig() -> Rig {
    Rig::selling(Log::sqlite()).await
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

async fn receive(rig: &Rig, product: &str, receipt: u128, quantity: u32) -> Value {
    let body = json!({"receipt_id": id(receipt), "quantity": quantity});
    let answer = rig.post(&format!("/v1/stock/{product}/receive"), body.to_string()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.json()
}

fn wish(reservation: u128, lines: &[(&str, u32)]) -> String {
    let lines: Vec<_> = lines
        .iter()
        .map(|(id, quantity)| json!({"product_id": id, "quantity": quantity}))
        .collect();
    json!({"reservation_id": id(reservation), "lines": lines}).to_string()
}

async fn settle(rig: &Rig, reservation: u128, command: &str) -> (u16, String) {
    let path = format!("/v1/stock/reservations/{}/{command}", id(reservation));
    let answer = rig.post(&path, "{}").await;
    let body = answer.json();
    let said = if answer.status == 200 { &body["status"] } else { &body["code"] };
    (answer.status.as_u16(), said.as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_receipt_is_recorded_once_and_its_item_counts() {
    let rig = rig().await;
    let first = receive(&rig, "tea", 1, 10).await;
    assert_eq!(
        (&first["version"], &first["status"], &first["position"]),
        (&1.into(), &"in_stock".into(), &2.into())
    );
    assert_eq!(first["events"][0]["type"], "StockReceived");
    let again = receive(&rig, "tea", 1, 10).await;
    assert_eq!((&again["events"], &again["version"]), (&json!([]), &1.into()));
    let other = json!({"receipt_id": id(1), "quantity": 11}).to_string();
    let conflict = rig.post("/v1/stock/tea/receive", other).await;
    assert_eq!(conflict.problem(), (409, "movement-conflict".into()));
    let elsewhere = json!({"receipt_id": id(1), "quantity": 10}).to_string();
    let conflict = rig.post("/v1/stock/cup/receive", elsewhere).await;
    assert_eq!(conflict.problem(), (409, "movement-conflict".into()));
    assert_eq!(rig.events().await, 2);
}

#[tokio::test]
async fn an_adjustment_may_leave_less_than_is_promised_but_not_less_than_nothing() {
    let rig = rig().await;
    receive(&rig, "tea", 1, 10).await;
    assert_eq!(rig.post("/v1/stock/reservations", wish(5, &[("tea", 8)])).await.status, 201);
    let adjust = |number: u128, delta: i32| {
        json!({"adjustment_id": id(number), "delta": delta, "reason": "counted"}).to_string()
    };
    let answer = rig.post("/v1/stock/tea/adjust", adjust(2, -5)).await;
    assert_eq!(answer.json()["status"], "short");
    assert_eq!(answer.types(), ["StockAdjusted", "StockShortfallFound"]);
    let over = rig.post("/v1/stock/tea/adjust", adjust(3, -6)).await;
    assert_eq!(
        (over.problem().1.as_str(), over.json()["on_hand"].as_u64()),
        ("adjustment-exceeds-stock", Some(5))
    );
    let sold_out = rig.post("/v1/stock/reservations", wish(6, &[("tea", 1)])).await;
    assert_eq!(sold_out.problem(), (409, "out-of-stock".into()));
    let back = json!({"return_id": id(4), "quantity": 4}).to_string();
    assert_eq!(rig.post("/v1/stock/tea/return", back).await.json()["status"], "in_stock");
}

#[tokio::test]
async fn several_products_are_held_together_or_not_at_all() {
    let rig = rig().await;
    receive(&rig, "tea", 1, 3).await;
    receive(&rig, "cup", 2, 1).await;
    let before = rig.events().await;
    let refused = rig.post("/v1/stock/reservations", wish(5, &[("tea", 2), ("cup", 2)])).await;
    assert_eq!(refused.problem(), (409, "out-of-stock".into()));
    assert_eq!(refused.json()["reservation_id"], id(5).to_string());
    assert_eq!(rig.events().await, before + 1, "the refusal alone is recorded");
    let held =
        rig.post("/v1/stock/reservations", wish(6, &[("tea", 1), ("cup", 1), ("tea", 2)])).await;
    assert_eq!((held.status.as_u16(), held.json()["status"].as_str()), (201, Some("soft")));
    assert_eq!(held.header("location"), format!("/v1/stock/reservations/{}", id(6)));
    // The token covers the items, whose events come first.
    assert_eq!(held.header("consistency-token"), (before + 4).to_string());
    let repeated = rig.post("/v1/stock/reservations", wish(5, &[("cup", 2), ("tea", 2)])).await;
    assert_eq!(repeated.problem(), (409, "out-of-stock".into()));
    let other = rig.post("/v1/stock/reservations", wish(6, &[("tea", 1)])).await;
    assert_eq!(other.problem(), (409, "reservation-conflict".into()));
    assert_eq!(rig.events().await, before + 4);
}

#[tokio::test]
async fn a_reservation_goes_through_its_life_and_ends_once() {
    let rig = rig().await;
    receive(&rig, "tea", 1, 5).await;
    for reservation in [5, 6] {
        rig.post("/v1/stock/reservations", wish(reservation, &[("tea", 2)])).await;
    }
    let conflict = |code: &str| (409, code.to_owned());
    let done = |status: &str| (200, status.to_owned());
    assert_eq!(settle(&rig, 5, "commit").await, conflict("reservation-not-firm"));
    assert_eq!(settle(&rig, 5, "firm").await, done("firm"));
    assert_eq!(settle(&rig, 5, "firm").await, done("firm"));
    assert_eq!(settle(&rig, 5, "commit").await, done("committed"));
    assert_eq!(settle(&rig, 5, "release").await, conflict("reservation-committed"));
    assert_eq!(settle(&rig, 6, "release").await, done("released"));
    assert_eq!(settle(&rig, 6, "firm").await, conflict("reservation-lost"));
    assert_eq!(settle(&rig, 7, "firm").await, conflict("reservation-unknown"));
    assert_eq!(settle(&rig, 7, "release").await, done("released"));
    let late = rig.post("/v1/stock/reservations", wish(7, &[("tea", 1)])).await;
    assert_eq!(late.problem(), (409, "reservation-lost".into()));
}

#[tokio::test]
async fn keys_conditions_and_dry_runs_work_as_on_orders() {
    let rig = rig().await;
    receive(&rig, "tea", 1, 5).await;
    let dry = rig.post("/v1/stock/reservations?dry_run=true", wish(5, &[("tea", 9)])).await;
    let body = dry.json();
    assert_eq!(
        (dry.status.as_u16(), &body["dry_run"], &body["status"]),
        (200, &true.into(), &"refused".into())
    );
    assert_eq!(
        body["reservation"]["short"],
        json!([{"product_id": "tea", "wanted": 9, "available": 5}])
    );
    assert_eq!(rig.events().await, 2);
    let keyed = [("idempotency-key", "r-5")];
    let first = rig.post_with("/v1/stock/reservations", &keyed, wish(5, &[("tea", 9)])).await;
    let again = rig.post_with("/v1/stock/reservations", &keyed, wish(5, &[("tea", 9)])).await;
    assert_eq!(first.problem(), (409, "out-of-stock".into()));
    assert_eq!((again.status, again.header("idempotent-replayed")), (first.status, "true"));
    let members = |answer: &crate::rig::Answer| {
        let mut members = answer.json();
        members["correlation_id"].take();
        members
    };
    assert_eq!(members(&again), members(&first));
    let body = json!({"receipt_id": id(9), "quantity": 1}).to_string();
    let stale =
        rig.post_with("/v1/stock/tea/receive", &[("if-match", "\"7\"")], body.clone()).await;
    assert_eq!(stale.problem(), (412, "precondition-failed".into()));
    let met = rig.post_with("/v1/stock/tea/receive", &[("if-match", "\"1\"")], body).await;
    assert_eq!((met.status.as_u16(), met.header("etag")), (200, "\"2\""));
}

#[tokio::test]
async fn every_broken_field_is_named() {
    let rig = rig().await;
    let refused = async |path: &str, body: Value| {
        let answer = rig.post(path, body.to_string()).await;
        assert_eq!(answer.problem(), (422, "validation".into()), "{path} {body}");
        let body = answer.json();
        let errors = body["errors"].as_array().unwrap().iter();
        errors.map(|error| error["pointer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let receipt = json!({"receipt_id": "x", "quantity": 0, "warehouse": "a b", "note": 1});
    let pointers = refused("/v1/stock/tea/receive", receipt).await;
    assert_eq!(pointers, ["/note", "/receipt_id", "/warehouse", "/quantity"]);
    let adjustment = json!({"adjustment_id": id(1), "delta": 0, "reason": ""});
    assert_eq!(refused("/v1/stock/tea/adjust", adjustment).await, ["/delta", "/reason"]);
    let wish = json!({"lines": [], "warehouses": ["a", "b", "c", "d", "e"]});
    assert_eq!(refused("/v1/stock/reservations", wish).await, ["/lines", "/warehouses"]);
    let wish = json!({"lines": [{"product_id": "tea", "quantity": 1_000_001}], "expires_at": null});
    assert_eq!(refused("/v1/stock/reservations", wish).await, ["/expires_at", "/lines/0/quantity"]);
    let bad = rig.post("/v1/stock/a%20b/receive", "{}").await;
    assert_eq!(bad.problem(), (400, "invalid-parameter".into()));
    assert_eq!(rig.events().await, 0);
}

#[tokio::test]
async fn a_second_warehouse_helps_out_and_an_order_has_its_own_case() {
    let rig = rig().await;
    receive(&rig, "tea", 1, 2).await;
    let east = json!({"receipt_id": id(2), "quantity": 2, "warehouse": "east"}).to_string();
    assert_eq!(rig.post("/v1/stock/tea/receive", east).await.status, 200);
    let body = json!({"reservation_id": id(5), "order_id": id(77),
        "lines": [{"product_id": "tea", "quantity": 3}]});
    let held = rig.post("/v1/stock/reservations", body.to_string()).await;
    assert_eq!(held.status, 201);
    let log = rig.store.read_feed(4, 10).await.unwrap();
    let written: Vec<_> = log.iter().map(|event| &*event.event_type).collect();
    assert_eq!(written, ["StockReserved", "StockReserved", "ReservationMade"]);
    assert_eq!(log[2].partition_key, id(77));
    let only_east =
        json!({"lines": [{"product_id": "tea", "quantity": 1}], "warehouses": ["east"]});
    assert_eq!(rig.post("/v1/stock/reservations", only_east.to_string()).await.status, 201);
}

#[tokio::test]
async fn a_shop_that_does_not_sell_from_stock_has_no_such_routes() {
    let rig = Rig::on(Log::sqlite()).await;
    for path in ["/v1/stock/tea/receive", "/v1/stock/reservations"] {
        assert_eq!(rig.post(path, "{}").await.status, 404);
    }
}
