//! The same request twice: the first answer again, byte for byte, and no new event.

use crate::rig::{Rig, order};
use serde_json::json;

const KEY: (&str, &str) = ("idempotency-key", "k-1");

pub async fn a_repeated_request_gets_the_first_answer(rig: Rig) {
    let first = rig.post_with("/v1/orders", &[KEY], order().to_string()).await;
    rig.placed().await;
    let again = rig.post_with("/v1/orders", &[KEY], order().to_string()).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.header("idempotent-replayed"), "");
    for header in ["location", "etag", "consistency-token", "content-type"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_eq!(rig.events().await, 2);
}

pub async fn a_refusal_of_the_domain_is_kept_too(rig: Rig) {
    let path = rig.placed().await;
    let ship = format!("{path}/ship");
    let body = r#"{"shipment_id":"s"}"#;
    let first = rig.post_with(&ship, &[KEY, ("x-correlation-id", "one")], body).await;
    assert_eq!(first.problem(), (409, "illegal-transition".to_owned()));
    rig.post(&format!("{path}/confirm"), "{}").await;
    let again = rig.post_with(&ship, &[KEY, ("x-correlation-id", "two")], body).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("x-correlation-id"), "two");
    assert_eq!((first.header("etag"), again.header("etag")), ("\"1\"", "\"1\""));

    let stale = [("idempotency-key", "k-2"), ("if-match", "\"1\"")];
    let first = rig.post_with(&ship, &stale, body).await;
    assert_eq!(first.problem(), (412, "precondition-failed".to_owned()));
    rig.post(&format!("{path}/add-note"), r#"{"text":"moved on"}"#).await;
    let again = rig.post_with(&ship, &stale, body).await;
    assert_eq!(again.body, first.body);
    assert_eq!((first.header("etag"), again.header("etag")), ("\"2\"", "\"2\""));
    assert_eq!(rig.events().await, 3);
}

pub async fn an_unknown_order_and_a_broken_body_are_not_kept(rig: Rig) {
    let id = "0190d3c4-7b5e-4cc1-9d5e-0c9f6a3b1e10";
    let path = format!("/v1/orders/{id}/add-note");
    let broken = rig.post_with(&path, &[KEY], "{}").await;
    assert_eq!(broken.problem(), (422, "validation".to_owned()));
    let body = r#"{"text":"a"}"#;
    let absent = rig.post_with(&path, &[KEY], body).await;
    assert_eq!(absent.problem(), (404, "order-not-found".to_owned()));
    assert_eq!(absent.header("etag"), "");
    let mut named = order();
    named["order_id"] = json!(id);
    rig.post("/v1/orders", named.to_string()).await;
    assert_eq!(rig.post_with(&path, &[KEY], body).await.status, 200);
}

pub async fn a_broken_field_keeps_no_key_whichever_layer_finds_it(rig: Rig) {
    let mut drafted = order();
    drafted["draft"] = json!(true);
    let draft = rig.post("/v1/orders", drafted.to_string()).await.header("location").to_owned();
    let path = rig.placed().await;
    rig.post(&format!("{path}/confirm"), "{}").await;
    rig.post(&format!("{path}/record-payment"), r#"{"payment_id":"p","amount":"9"}"#).await;
    let line = |price: &str| {
        json!({"product_id": "p", "name": "n", "quantity": 1, "unit_price": price}).to_string()
    };
    // A body that its reader refuses, one that only the order's state refuses, and a correct one.
    let of_draft = [
        ("add-line", [line("x"), line("1.005")], line("1.00")),
        (
            "change-line-quantity",
            [r#"{"line_id":0,"quantity":1}"#, r#"{"line_id":9,"quantity":1}"#].map(str::to_owned),
            r#"{"line_id":1,"quantity":1}"#.to_owned(),
        ),
        (
            "remove-line",
            [r#"{"line_id":"1"}"#, r#"{"line_id":9}"#].map(str::to_owned),
            r#"{"line_id":1}"#.to_owned(),
        ),
        (
            "place",
            [r#"{"expected_total":1}"#, r#"{"expected_total":"1.005"}"#].map(str::to_owned),
            r#"{"expected_total":"1.00"}"#.to_owned(),
        ),
    ];
    let of_placed = [
        (
            "record-payment",
            [r#"{"payment_id":"q","amount":"0"}"#, r#"{"payment_id":"q","amount":"1.005"}"#],
            r#"{"payment_id":"q","amount":"1"}"#,
        ),
        (
            "record-payment",
            [
                r#"{"payment_id":"z","amount":"1","currency":"usd"}"#,
                r#"{"payment_id":"z","amount":"1","currency":"EUR"}"#,
            ],
            r#"{"payment_id":"z","amount":"1"}"#,
        ),
        (
            "record-payment",
            [
                r#"{"payment_id":"y","amount":"1.00001"}"#,
                r#"{"payment_id":"y","amount":"90071992547409.91"}"#,
            ],
            r#"{"payment_id":"y","amount":"1"}"#,
        ),
        (
            "record-refund",
            [r#"{"refund_id":"r","amount":"-1"}"#, r#"{"refund_id":"r","amount":"1.005"}"#],
            r#"{"refund_id":"r","amount":"1"}"#,
        ),
        (
            "ship",
            [
                r#"{"shipment_id":"s","lines":[]}"#,
                r#"{"shipment_id":"s","lines":[{"line_id":7,"quantity":1}]}"#,
            ],
            r#"{"shipment_id":"s"}"#,
        ),
        (
            "deliver",
            [r#"{"shipment_id":""}"#, r#"{"shipment_id":"unknown"}"#],
            r#"{"shipment_id":"s"}"#,
        ),
    ]
    .map(|(command, broken, right)| (command, broken.map(str::to_owned), right.to_owned()));
    let cases =
        of_draft.map(|case| (&draft, case)).into_iter().chain(of_placed.map(|case| (&path, case)));
    for (number, (path, (command, broken, right))) in cases.enumerate() {
        let key = format!("key-{number}");
        let key = [("idempotency-key", key.as_str())];
        let path = format!("{path}/{command}");
        for body in broken {
            let refused = rig.post_with(&path, &key, body.clone()).await;
            assert_eq!(refused.problem(), (422, "validation".to_owned()), "{command} {body}");
            assert_eq!(refused.header("idempotent-replayed"), "");
        }
        let taken = rig.post_with(&path, &key, right.clone()).await;
        assert_eq!(taken.status, 200, "{command} {right} {:?}", taken.body);
        assert_eq!(taken.header("idempotent-replayed"), "");
        let again = rig.post_with(&path, &key, right).await;
        assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &taken.body));
    }
    let mut empty = order();
    empty["lines"] = json!([]);
    let refused = rig.post_with("/v1/orders", &[KEY], empty.to_string()).await;
    assert_eq!(refused.problem(), (422, "validation".to_owned()));
    assert_eq!(rig.post_with("/v1/orders", &[KEY], order().to_string()).await.status, 201);
}

/// A refusal, then a change after which the same request would be accepted.
pub async fn every_refusal_by_a_rule_keeps_its_key(rig: Rig) {
    let mut drafted = order();
    (drafted["draft"], drafted["lines"]) = (json!(true), json!([]));
    let draft = rig.post("/v1/orders", drafted.to_string()).await.header("location").to_owned();
    let line = r#"{"product_id":"p","name":"n","quantity":2,"unit_price":"10"}"#;
    let paid = r#"{"payment_id":"p","amount":"20"}"#;
    let steps = [
        ("place", "{}", 422, "validation", "add-line", line),
        ("place", r#"{"expected_total":"40"}"#, 409, "price-changed", "add-line", line),
        ("confirm", "{}", 409, "illegal-transition", "place", r#"{"expected_total":"40"}"#),
        (
            "record-refund",
            r#"{"refund_id":"r","amount":"5"}"#,
            409,
            "refund-exceeds-captured",
            "record-payment",
            paid,
        ),
        ("ship", r#"{"shipment_id":"s"}"#, 409, "illegal-transition", "confirm", "{}"),
    ];
    for (number, (command, body, status, code, then, with)) in steps.into_iter().enumerate() {
        let key = format!("key-{number}");
        let key = [("idempotency-key", key.as_str())];
        let path = format!("{draft}/{command}");
        let first = rig.post_with(&path, &key, body).await;
        assert_eq!(first.problem(), (status, code.to_owned()), "{command}");
        assert_eq!(rig.post(&format!("{draft}/{then}"), with).await.status, 200, "{then}");
        let again = rig.post_with(&path, &key, body).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{command}");
        assert_eq!(again.header("idempotent-replayed"), "true", "{command}");
    }
    let conflicts = [
        ("record-payment", r#"{"payment_id":"p","amount":"21"}"#, "payment-conflict"),
        (
            "ship",
            r#"{"shipment_id":"s","lines":[{"line_id":1,"quantity":9}]}"#,
            "quantity-exceeds-remaining",
        ),
    ];
    for (command, body, code) in conflicts {
        let key = [("idempotency-key", code)];
        let path = format!("{draft}/{command}");
        for replayed in ["", "true"] {
            let refused = rig.post_with(&path, &key, body).await;
            assert_eq!(refused.problem(), (409, code.to_owned()));
            assert_eq!(refused.header("idempotent-replayed"), replayed);
        }
    }
}

pub async fn a_key_belongs_to_one_request(rig: Rig) {
    let path = rig.placed().await;
    let note = format!("{path}/add-note");
    let body = r#"{"text":"a"}"#;
    rig.post_with(&note, &[KEY], body).await;
    let reused = (422, "idempotency-key-reused".to_owned());
    assert_eq!(rig.post_with(&note, &[KEY], r#"{"text":"b"}"#).await.problem(), reused);
    assert_eq!(rig.post_with(&note, &[KEY], r#"{"text": "a"}"#).await.problem(), reused);
    let guarded = [KEY, ("if-match", "*")];
    assert_eq!(rig.post_with(&note, &guarded, body).await.problem(), reused);
    let other = format!("{path}/cancel");
    assert_eq!(rig.post_with(&other, &[KEY], r#"{"reason":"a"}"#).await.problem(), reused);
    assert_eq!(rig.events().await, 2);
}

pub async fn twins_sent_at_once_append_once(rig: Rig) {
    let path = format!("{}/add-note", rig.placed().await);
    let twins = (0..16).map(|_| rig.post_with(&path, &[KEY], r#"{"text":"once"}"#));
    let answers = futures::future::join_all(twins).await;
    let mut bodies = Vec::new();
    for answer in &answers {
        match answer.status.as_u16() {
            200 => bodies.push(answer.body.clone()),
            _ => {
                assert_eq!(answer.problem(), (409, "request-in-progress".to_owned()));
                assert_eq!(answer.header("retry-after"), "1");
            }
        }
    }
    assert!(!bodies.is_empty() && bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(rig.events().await, 2);
}
