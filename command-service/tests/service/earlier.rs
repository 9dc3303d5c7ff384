//! Orders stored under earlier rules accept commands like any other.

use crate::rig::Rig;
use event_store::{Append, Entry, EntryOutcome, Metadata, NewEvent, StreamId, StreamType};
use serde_json::json;
use uuid::Uuid;

pub async fn an_order_of_an_earlier_rule_takes_commands(rig: Rig) {
    let id = Uuid::now_v7();
    let placed = json!({
        "customer": {"id": "..", "name": "A\u{ad}da", "email": " "}, "currency": "HRK",
        "lines": [{"line_id": 1, "product_id": "tea/7", "name": "x".repeat(5_000), "quantity": 1,
            "unit_price": "90071992547409.92"}],
        "total": "90071992547409.92", "note": "",
    });
    let event = NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "OrderPlaced",
        schema_version: 1,
        occurred_at: "2020-01-01T00:00:00Z".parse().unwrap(),
        payload: placed.to_string().into_bytes(),
    };
    let entry = Entry {
        stream: StreamId { stream_type: StreamType::new("order"), id },
        expected_version: 0,
        partition_key: None,
        events: vec![event],
        answer: None,
        metadata: Metadata::default(),
        joint: None,
    };
    let recorded_at = "2020-01-01T00:00:00Z".parse().unwrap();
    let appended = rig.store.append(Append { entries: vec![entry], recorded_at }).await.unwrap();
    assert!(matches!(appended.outcomes[..], [EntryOutcome::Written { .. }]));

    let dry = rig.post(&format!("/v1/orders/{id}/add-note?dry_run=true"), r#"{"text":"a"}"#).await;
    let shown = &dry.json()["order"];
    assert_eq!(
        (&shown["customer"]["name"], &shown["currency"]),
        (&json!("A\u{ad}da"), &json!("HRK"))
    );
    assert_eq!(shown["notes"][0]["text"], "");
    for (command, body) in [
        ("confirm", json!({})),
        ("record-payment", json!({"payment_id": "p", "amount": "7.50"})),
        ("record-refund", json!({"refund_id": "r", "amount": "7.50"})),
        ("ship", json!({"shipment_id": "s"})),
    ] {
        let answer = rig.post(&format!("/v1/orders/{id}/{command}"), body.to_string()).await;
        assert_eq!(answer.status, 200, "{command} {:?}", answer.body);
    }
}
