//! Commands and their answers: statuses, headers, members.

use crate::rig::{Rig, order};
use serde_json::{Value, json};
use uuid::Uuid;

pub async fn an_order_lives_from_draft_to_completed(rig: Rig) {
    let mut body = order();
    body["draft"] = json!(true);
    body["note"] = json!("ring twice");
    let answer = rig.post("/v1/orders", body.to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.types()), (201, vec!["OrderDrafted".into()]));
    let path = answer.header("location").to_owned();
    let line = json!({"product_id": "cap", "name": "Cap", "quantity": 1, "unit_price": "5"});
    let steps: [(&str, Value, &[&str], &str); 10] = [
        ("add-line", line, &["LineAdded"], "draft"),
        (
            "change-line-quantity",
            json!({"line_id": 1, "quantity": 4}),
            &["LineQuantityChanged"],
            "draft",
        ),
        ("change-line-quantity", json!({"line_id": 1, "quantity": 4}), &[], "draft"),
        ("remove-line", json!({"line_id": 2}), &["LineRemoved"], "draft"),
        ("place", json!({"expected_total": "50.00"}), &["OrderPlaced"], "placed"),
        ("confirm", json!({}), &["OrderConfirmed"], "confirmed"),
        (
            "record-payment",
            json!({"payment_id": "p", "amount": "50"}),
            &["PaymentRecorded"],
            "confirmed",
        ),
        ("record-payment", json!({"payment_id": "p", "amount": "50.00"}), &[], "confirmed"),
        ("ship", json!({"shipment_id": "s"}), &["OrderShipped"], "confirmed"),
        (
            "deliver",
            json!({"shipment_id": "s"}),
            &["ShipmentDelivered", "OrderCompleted"],
            "completed",
        ),
    ];
    let (mut version, mut position) = (1, 1);
    for (command, body, events, status) in steps {
        let answer = rig.post(&format!("{path}/{command}"), body.to_string()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.types()),
            (200, to_strings(events)),
            "{command}"
        );
        version += events.len() as u64;
        position += events.len() as u64;
        let json = answer.json();
        assert_eq!((&json["version"], &json["position"]), (&version.into(), &position.into()));
        assert_eq!(json["status"], status);
        assert_eq!(answer.header("etag"), format!("\"{version}\""));
        assert_eq!(answer.header("consistency-token"), position.to_string());
        assert!(json.get("dry_run").is_none() && json.get("order").is_none());
    }
}

fn to_strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

pub async fn creating_answers_where_the_order_is(rig: Rig) {
    let answer = rig.post("/v1/orders", order().to_string()).await;
    let json = answer.json();
    let id: Uuid = json["order_id"].as_str().unwrap().parse().unwrap();
    assert_eq!((answer.status.as_u16(), id.get_version_num()), (201, 7));
    assert_eq!(answer.header("location"), format!("/v1/orders/{id}"));
    assert_eq!(answer.header("content-type"), "application/json");
    let event = &json["events"][0];
    let expected = json!({"order_id": id, "version": 1, "position": 1, "status": "placed", "events": [
        {"event_id": event["event_id"], "type": "OrderPlaced", "version": 1, "position": 1}]});
    assert_eq!(json, expected);

    let mut named = order();
    named["order_id"] = json!("0190D3C4-7b5e-4cc1-9d5e-0c9f6a3b1e10");
    let answer = rig.post("/v1/orders", named.to_string()).await;
    assert_eq!(answer.header("location"), "/v1/orders/0190d3c4-7b5e-4cc1-9d5e-0c9f6a3b1e10");
    let answer = rig.post("/v1/orders", named.to_string()).await;
    assert_eq!(answer.problem(), (409, "order-already-exists".to_owned()));
}

pub async fn each_broken_rule_has_its_code_and_members(rig: Rig) {
    let path = rig.placed().await;
    let ask = |command: &'static str, body: Value| {
        let path = format!("{path}/{command}");
        let rig = &rig;
        async move { rig.post(&path, body.to_string()).await }
    };
    let answer = ask("ship", json!({"shipment_id": "s"})).await;
    assert_eq!(answer.problem(), (409, "illegal-transition".to_owned()));
    let json = answer.json();
    assert_eq!(json["current_status"], "placed");
    assert!(json["allowed_commands"].as_array().unwrap().contains(&json!("confirm")));
    assert_eq!(json["instance"], format!("{path}/ship"));
    assert_eq!(json["type"], "/problems/illegal-transition");

    ask("confirm", json!({})).await;
    let over = json!({"shipment_id": "s", "lines": [{"line_id": 1, "quantity": 3}]});
    let answer = ask("ship", over).await;
    assert_eq!(answer.problem(), (409, "quantity-exceeds-remaining".to_owned()));
    let unknown = json!({"shipment_id": "s", "lines": [{"line_id": 9, "quantity": 1}]});
    let answer = ask("ship", unknown).await;
    assert_eq!(answer.problem(), (422, "validation".to_owned()));
    assert_eq!(answer.json()["errors"][0]["pointer"], "/lines/0/line_id");
    let other = json!({"payment_id": "p", "amount": "5", "currency": "EUR"});
    let answer = ask("record-payment", other).await;
    assert_eq!(answer.json()["errors"][0]["pointer"], "/currency");
    ask("record-payment", json!({"payment_id": "p", "amount": "5"})).await;
    let conflict = ask("record-payment", json!({"payment_id": "p", "amount": "6"})).await;
    assert_eq!(conflict.problem(), (409, "payment-conflict".to_owned()));
    let too_much = ask("record-refund", json!({"refund_id": "r", "amount": "5.01"})).await;
    assert_eq!(too_much.problem(), (409, "refund-exceeds-captured".to_owned()));
    let late = ask("place", json!({})).await;
    assert_eq!(late.problem(), (409, "illegal-transition".to_owned()));

    let mut draft = order();
    draft["draft"] = json!(true);
    let draft = rig.post("/v1/orders", draft.to_string()).await.header("location").to_owned();
    let answer = rig.post(&format!("{draft}/place"), r#"{"expected_total":"24"}"#).await;
    assert_eq!(answer.problem(), (409, "price-changed".to_owned()));
    assert_eq!(answer.json()["actual_total"], "25.00");
}

pub async fn what_a_refusal_says_is_true_of_orders_that_are_shipped(rig: Rig) {
    let path = rig.placed().await;
    rig.post(&format!("{path}/confirm"), "{}").await;
    // Null means the same as an absent member: all that remains.
    let all = rig.post(&format!("{path}/ship"), r#"{"shipment_id":"s","lines":null}"#).await;
    assert_eq!(all.types(), ["OrderShipped"]);
    let again = rig.post(&format!("{path}/ship"), r#"{"shipment_id":"t"}"#).await;
    assert_eq!(again.problem(), (409, "illegal-transition".to_owned()));
    let detail = "Everything in the order is shipped: nothing remains to ship.";
    assert_eq!(again.json()["detail"], detail);
    let cancel = rig.post(&format!("{path}/cancel"), r#"{"reason":"late"}"#).await;
    let detail = "Units of the order are shipped: it cannot be cancelled any more.";
    assert_eq!(cancel.json()["detail"], detail);
}

pub async fn ids_queries_and_headers_are_read_strictly(rig: Rig) {
    let path = rig.placed().await;
    let unknown = "/v1/orders/0190d3c4-7b5e-4cc1-9d5e-0c9f6a3b1e10/confirm";
    assert_eq!(rig.post(unknown, "{}").await.problem(), (404, "order-not-found".to_owned()));
    let invalid = (400, "invalid-parameter".to_owned());
    for id in ["7", "%ff", "0190d3c47b5e4cc19d5e0c9f6a3b1e10", "%00"] {
        let answer = rig.post(&format!("/v1/orders/{id}/confirm"), "{}").await;
        assert_eq!(answer.problem(), invalid, "{id}");
    }
    for query in ["dry_run=yes", "dry_run=1", "dry_run=", "dry_run=true&dry_run=true"] {
        let answer = rig.post(&format!("{path}/confirm?{query}"), "{}").await;
        assert_eq!(answer.problem(), invalid, "{query}");
    }
    let answer = rig.post(&format!("{path}/confirm?dryrun=true"), "{}").await;
    assert_eq!(answer.problem(), (400, "unknown-parameter".to_owned()));
    let long = "k".repeat(256);
    let cases = [
        ("if-match", "1"),
        ("if-match", ""),
        ("if-match", "\"1"),
        ("if-match", "\"1\" \"2\""),
        ("if-match", "*, \"1\""),
        ("idempotency-key", ""),
        ("idempotency-key", "a b"),
        ("idempotency-key", &long),
        ("x-correlation-id", "a b"),
    ];
    for case in cases {
        let answer = rig.post_with(&format!("{path}/confirm"), &[case], "{}").await;
        assert_eq!(answer.problem(), invalid, "{case:?}");
    }
    let answer = rig.post(&format!("{path}/explode"), "{}").await;
    assert_eq!(answer.problem(), (404, "not-found".to_owned()));
    assert_eq!(rig.events().await, 1);
}

pub async fn if_match_guards_and_the_refusal_says_where_the_order_is(rig: Rig) {
    let path = rig.placed().await;
    let note = format!("{path}/add-note");
    let stale = rig.post_with(&note, &[("if-match", "\"2\"")], r#"{"text":"a"}"#).await;
    assert_eq!(stale.problem(), (412, "precondition-failed".to_owned()));
    assert_eq!(stale.json()["current_version"], 1);
    for (condition, version) in
        [("\"1\"", "\"2\""), ("*", "\"3\""), ("\"9\", \"3\"", "\"4\""), ("W/\"3\",\"4\"", "\"5\"")]
    {
        let answer = rig.post_with(&note, &[("if-match", condition)], r#"{"text":"a"}"#).await;
        assert_eq!(answer.header("etag"), version, "{condition}");
    }
    let several = [("if-match", "\"1\""), ("if-match", "\"5\"")];
    assert_eq!(rig.post_with(&note, &several, r#"{"text":"a"}"#).await.header("etag"), "\"6\"");
    for stale in ["\"9\", \"1\"", "W/\"6\"", "\"06\"", "\"6-customer\"", "\"\"", "\"0\"", "\"-6\""]
    {
        let refused = rig.post_with(&note, &[("if-match", stale)], r#"{"text":"a"}"#).await;
        assert_eq!(refused.problem(), (412, "precondition-failed".to_owned()), "{stale}");
        assert_eq!(refused.json()["current_version"], 6, "{stale}");
    }
    assert_eq!(rig.events().await, 6);
}

pub async fn if_match_guards_the_beginning_of_an_order(rig: Rig) {
    let mut named = order();
    named["order_id"] = json!("0190d3c4-7b5e-4cc1-9d5e-0c9f6a3b1e10");
    for stale in ["*", "\"1\"", "W/\"0\"", "\"3\", \"1\""] {
        let refused = rig.post_with("/v1/orders", &[("if-match", stale)], named.to_string()).await;
        assert_eq!(refused.problem(), (412, "precondition-failed".to_owned()), "{stale}");
        assert_eq!(refused.json()["current_version"], 0, "{stale}");
    }
    let absent = [("if-match", "\"4\", \"0\"")];
    assert_eq!(rig.post_with("/v1/orders", &absent, named.to_string()).await.status, 201);
    let there = rig.post_with("/v1/orders", &absent, named.to_string()).await;
    assert_eq!(there.problem(), (412, "precondition-failed".to_owned()));
    let there = rig.post_with("/v1/orders", &[("if-match", "\"1\"")], named.to_string()).await;
    assert_eq!(there.problem(), (409, "order-already-exists".to_owned()));
    assert_eq!(rig.events().await, 1);
}

pub async fn money_has_the_digits_of_the_orders_currency(rig: Rig) {
    for (currency, fits, shown, too_precise) in [
        ("JPY", "1234", "1234", "1.5"),
        ("USD", "12.3", "12.30", "1.005"),
        ("BHD", "1.234", "1.234", "1.2345"),
        ("CLF", "0.0001", "0.0001", "0.00001"),
    ] {
        let mut body = order();
        body["currency"] = json!(currency);
        body["lines"][0]["unit_price"] = json!(too_precise);
        let refused = rig.post("/v1/orders", body.to_string()).await;
        assert_eq!(refused.problem(), (422, "validation".to_owned()), "{currency}");
        assert_eq!(refused.json()["errors"][0]["pointer"], "/lines/0/unit_price", "{currency}");
        body["lines"][0]["unit_price"] = json!(fits);
        let path = rig.post("/v1/orders", body.to_string()).await.header("location").to_owned();
        for (command, id) in [("record-payment", "payment_id"), ("record-refund", "refund_id")] {
            let money = |amount: &str| json!({id: "m", "amount": amount}).to_string();
            let command = format!("{path}/{command}");
            let refused = rig.post(&command, money(too_precise)).await;
            assert_eq!(refused.problem(), (422, "validation".to_owned()), "{currency}");
            assert_eq!(refused.json()["errors"][0]["code"], "too-precise", "{currency}");
            assert_eq!(rig.post(&command, money(fits)).await.status, 200, "{currency}");
        }
        let dry = rig.post(&format!("{path}/confirm?dry_run=true"), "{}").await.json();
        let order = &dry["order"];
        for amount in [&order["lines"][0]["unit_price"], &order["paid"], &order["refunded"]] {
            assert_eq!(amount, shown, "{currency}");
        }
    }
}

pub async fn a_currency_must_be_in_use_for_new_orders_only(rig: Rig) {
    for code in ["HRK", "BGN", "LTL", "ZWL", "XAU", "eur"] {
        let mut body = order();
        body["currency"] = json!(code);
        let refused = rig.post("/v1/orders", body.to_string()).await;
        assert_eq!(refused.problem(), (422, "validation".to_owned()), "{code}");
        assert_eq!(refused.json()["errors"][0]["code"], "unknown-currency", "{code}");
    }
    let path = rig.placed().await;
    let body = json!({"payment_id": "p", "amount": "1", "currency": "HRK"}).to_string();
    let refused = rig.post(&format!("{path}/record-payment"), body).await;
    assert_eq!(refused.json()["errors"][0]["code"], "currency-mismatch");
}

pub async fn texts_are_kept_byte_for_byte(rig: Rig) {
    let text = "ring\ttwice,\r\nthen \u{645}\u{6cc}\u{200c}\u{62e}\n\u{1f469}\u{200d}\u{1f680}";
    let email = format!("{}@example.org", "x".repeat(242));
    let mut body = order();
    body["note"] = json!(text);
    body["customer"]["name"] = json!("\u{645}\u{6cc}\u{200c}\u{62e}");
    body["customer"]["email"] = json!(email);
    let created = rig.post("/v1/orders", body.to_string()).await;
    assert_eq!(created.status, 201, "{:?}", created.body);
    let path = created.header("location").to_owned();
    let cancel = json!({"reason": text}).to_string();
    let dry = rig.post(&format!("{path}/cancel?dry_run=true"), cancel).await.json();
    assert_eq!(
        (&dry["order"]["notes"][0]["text"], &dry["order"]["cancel_reason"]),
        (&json!(text), &json!(text))
    );
    assert_eq!(dry["order"]["customer"]["email"], email.as_str());
    body["customer"]["email"] = json!(format!("x{email}"));
    body["customer"]["name"] = json!("two\nlines");
    let refused = rig.post("/v1/orders", body.to_string()).await.json();
    let reported = |place: usize| {
        let error = &refused["errors"][place];
        (error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap())
    };
    assert_eq!(reported(0), ("/customer/name", "invalid-characters"));
    assert_eq!(reported(1), ("/customer/email", "too-long"));
    assert_eq!(rig.events().await, 1);
}

pub async fn a_dry_run_shows_the_order_as_it_would_be_and_stores_nothing(rig: Rig) {
    let path = rig.placed().await;
    rig.post(&format!("{path}/add-note"), r#"{"text":"first"}"#).await;
    let key = [("idempotency-key", "k")];
    let dry =
        rig.post_with(&format!("{path}/add-note?dry_run=true"), &key, r#"{"text":"second"}"#).await;
    let json = dry.json();
    assert_eq!((dry.status.as_u16(), &json["dry_run"]), (200, &json!(true)));
    assert_eq!((&json["version"], &json["order"]["version"]), (&json!(3), &json!(3)));
    assert_eq!(json["order"]["notes"][0]["text"], "first");
    assert_eq!(json["order"]["notes"][1]["text"], "second");
    assert_eq!(json["order"]["total"], "25.00");
    assert_eq!((dry.header("etag"), dry.header("consistency-token")), ("\"2\"", "2"));
    let refused = rig.post(&format!("{path}/discard?dry_run=true"), "{}").await;
    assert_eq!(refused.problem(), (409, "illegal-transition".to_owned()));
    let created = rig.post("/v1/orders?dry_run=true", order().to_string()).await;
    assert_eq!(created.status, 200);
    assert_eq!(created.json()["order"]["status"], "placed");
    assert_eq!((created.header("location"), created.header("etag")), ("", "\"0\""));
    let shown = [("if-match", created.header("etag"))];
    assert_eq!(rig.events().await, 2);
    // The dry run did not even use the key.
    let real = rig.post_with(&format!("{path}/add-note"), &key, r#"{"text":"second"}"#).await;
    assert_eq!((real.status.as_u16(), real.header("idempotent-replayed")), (200, ""));
    // The tag in a dry run's answer may guard its command.
    let mut named = order();
    named["order_id"] = json!("0190d3c4-7b5e-4cc1-9d5e-0c9f6a3b1e10");
    let created = rig.post_with("/v1/orders", &shown, named.to_string()).await;
    assert_eq!((created.status.as_u16(), created.header("etag")), (201, "\"1\""));
    let twice = rig.post_with("/v1/orders", &shown, named.to_string()).await;
    assert_eq!(twice.problem(), (412, "precondition-failed".to_owned()));
}

pub async fn events_carry_the_requests_correlation_id_and_trace(rig: Rig) {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("x-correlation-id", "tour-7"), ("traceparent", trace)];
    let answer = rig.post_with("/v1/orders", &headers, order().to_string()).await;
    assert_eq!(answer.header("x-correlation-id"), "tour-7");
    let event = rig.store.read_feed(0, 1).await.unwrap().remove(0);
    assert_eq!(event.metadata.correlation_id.as_deref(), Some("tour-7"));
    assert_eq!(event.metadata.traceparent.as_deref(), Some(trace));
}

pub async fn a_store_that_is_gone_is_503_and_says_when_to_try_again(rig: Rig) {
    let path = rig.placed().await;
    rig.store.close().await;
    let answer = rig.post(&format!("{path}/confirm"), "{}").await;
    assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    assert_eq!(answer.header("retry-after"), "1");
}
