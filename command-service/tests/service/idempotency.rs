//! The same request twice: the first answer again, byte for byte, and nothing appended.

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
