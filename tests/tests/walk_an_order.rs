//! An order from draft to completion: every command once, every answer compared member by member. Then what the views
//! show of it, at present and at every version.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::{Value, json};
use system_tests::client::{Answer, Client};
use system_tests::orders::{self, line, new_id, path};
use system_tests::server::Server;
use tempfile::TempDir;
use uuid::Uuid;

/// Every member of an order document.
const ORDER_MEMBERS: [&str; 25] = [
    "order_id",
    "status",
    "payment_status",
    "fulfillment_status",
    "version",
    "position",
    "customer",
    "currency",
    "lines",
    "total",
    "paid",
    "refunded",
    "balance_due",
    "payments",
    "refunds",
    "shipments",
    "notes",
    "cancel_reason",
    "created_at",
    "placed_at",
    "confirmed_at",
    "completed_at",
    "cancelled_at",
    "updated_at",
    "allowed_commands",
];

/// The command, its body, its expected events, and the status after it.
type Step = (&'static str, Value, &'static [&'static str], &'static str);

fn life() -> Vec<Step> {
    let partly = json!([{"line_id": 1, "quantity": 1}]);
    vec![
        ("add-line", line("tea", 3, "14.5"), &["LineAdded"], "draft"),
        (
            "change-line-quantity",
            json!({"line_id": 1, "quantity": 2}),
            &["LineQuantityChanged"],
            "draft",
        ),
        ("change-line-quantity", json!({"line_id": 1, "quantity": 2}), &[], "draft"),
        ("add-line", line("junk", 1, "1"), &["LineAdded"], "draft"),
        ("add-line", line("cup", 1, "5.00"), &["LineAdded"], "draft"),
        ("remove-line", json!({"line_id": 2}), &["LineRemoved"], "draft"),
        ("add-note", json!({"text": "ring twice"}), &["NoteAdded"], "draft"),
        ("place", json!({"expected_total": "34.00"}), &["OrderPlaced"], "placed"),
        (
            "record-payment",
            json!({"payment_id": "p-1", "amount": "30", "method": "card"}),
            &["PaymentRecorded"],
            "placed",
        ),
        (
            "record-payment",
            json!({"payment_id": "p-1", "amount": "30.00", "method": "card"}),
            &[],
            "placed",
        ),
        ("confirm", json!({}), &["OrderConfirmed"], "confirmed"),
        (
            "ship",
            json!({"shipment_id": "s-1", "carrier": "post", "tracking_number": "T1", "lines": partly}),
            &["OrderShipped"],
            "confirmed",
        ),
        (
            "ship",
            json!({"shipment_id": "s-1", "carrier": "post", "tracking_number": "T1", "lines": partly}),
            &[],
            "confirmed",
        ),
        ("ship", json!({"shipment_id": "s-2"}), &["OrderShipped"], "confirmed"),
        ("deliver", json!({"shipment_id": "s-1"}), &["ShipmentDelivered"], "confirmed"),
        ("deliver", json!({"shipment_id": "s-1"}), &[], "confirmed"),
        ("deliver", json!({"shipment_id": "s-2"}), &["ShipmentDelivered"], "confirmed"),
        (
            "record-payment",
            json!({"payment_id": "p-2", "amount": "4.00", "currency": "USD"}),
            &["PaymentRecorded", "OrderCompleted"],
            "completed",
        ),
        (
            "record-refund",
            json!({"refund_id": "r-1", "amount": "5.00", "reason": "chipped"}),
            &["RefundRecorded"],
            "completed",
        ),
        (
            "record-refund",
            json!({"refund_id": "r-1", "amount": "5.00", "reason": "chipped"}),
            &[],
            "completed",
        ),
    ]
}

struct Walk {
    client: Client,
    order: Uuid,
    version: u64,
    position: u64,
}

impl Walk {
    /// Drafts an order and checks the 201.
    async fn begin(client: Client) -> Self {
        let order = new_id();
        let body = json!({"order_id": order, "draft": true, "currency": "USD", "lines": [],
            "customer": {"id": "c-1", "name": "Ada", "email": "ada@example.org"}, "note": "first"});
        let answer = client.post("/v1/orders", &body).await;
        answer.expect(201);
        assert_eq!(answer.header("Location"), Some(format!("/v1/orders/{order}").as_str()));
        let mut walk = Self { client, order, version: 0, position: 0 };
        walk.check(&answer, &["OrderDrafted"], "draft");
        walk
    }

    async fn step(&mut self, (name, body, events, status): Step) {
        let dry =
            self.client.post(&format!("{}?dry_run=true", path(self.order, name)), &body).await;
        self.check_dry(&dry, events, status);
        let answer = self.client.post(&path(self.order, name), &body).await;
        answer.ok();
        self.check(&answer, events, status);
    }

    /// Checks the exact answer to an applied command.
    fn check(&mut self, answer: &Answer, events: &[&str], status: &str) {
        let body = answer.json();
        let said = body["events"].as_array().unwrap();
        let expected: Vec<Value> = events
            .iter()
            .zip(1..)
            .map(|(name, n)| {
                let id = &said[n as usize - 1]["event_id"];
                assert!(Uuid::parse_str(id.as_str().unwrap()).is_ok(), "{body}");
                json!({"event_id": id, "type": name, "version": self.version + n, "position": self.position + n})
            })
            .collect();
        self.version += events.len() as u64;
        self.position += events.len() as u64;
        let whole = json!({"order_id": self.order, "version": self.version, "position": self.position,
            "status": status, "events": expected});
        assert_eq!(body, whole, "{}", answer.asked);
        assert_eq!(answer.header("ETag"), Some(format!("\"{}\"", self.version).as_str()));
        assert_eq!(answer.token(), self.position, "{}", answer.asked);
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
    }

    /// A dry run's answer has the same shape, shows the result, and appends nothing.
    fn check_dry(&self, answer: &Answer, events: &[&str], status: &str) {
        let body = answer.ok();
        assert_eq!(body["dry_run"], true);
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["version"], self.version + events.len() as u64, "{body}");
        assert_eq!(body["order"]["status"], status);
        assert_eq!(body["order"]["version"], body["version"]);
        let types: Vec<_> =
            body["events"].as_array().unwrap().iter().map(|e| e["type"].clone()).collect();
        assert_eq!(json!(types), json!(events));
        assert_eq!(answer.token(), self.position, "a dry run appends nothing");
    }
}

#[tokio::test]
async fn a_draft_becomes_a_completed_order_and_every_answer_has_its_exact_shape() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let mut walk = Walk::begin(server.client().await).await;
    let mut shown = vec![view(&walk).await];
    for step in life() {
        let before = walk.version;
        walk.step(step).await;
        if walk.version > before {
            shown.push(view(&walk).await);
        }
    }
    assert_eq!(walk.version, 17);
    the_order_reads_as_expected(shown.last().unwrap());
    replays_equal_what_was_shown_live(&walk, &shown).await;
    let history = the_history_names_every_event(&walk).await;
    differences_lead_from_one_version_to_another(&walk).await;
    moments_show_the_versions_of_then(&walk, &history).await;
    server.stop().await;
}

async fn view(walk: &Walk) -> Value {
    let answer = walk.client.get_at(&format!("/v1/orders/{}", walk.order), walk.position).await;
    let body = answer.ok();
    assert_eq!(answer.header("ETag"), Some(format!("\"{}\"", walk.version).as_str()));
    assert!(answer.token() >= walk.position);
    let members = body.as_object().unwrap();
    for member in ORDER_MEMBERS {
        assert!(members.contains_key(member), "no {member} in {body}");
    }
    assert_eq!(members.len(), ORDER_MEMBERS.len(), "{body}");
    body
}

fn the_order_reads_as_expected(order: &Value) {
    for (member, value) in [
        ("status", json!("completed")),
        ("payment_status", json!("partially_refunded")),
        ("fulfillment_status", json!("delivered")),
        ("version", json!(17)),
        ("customer", json!({"id": "c-1", "name": "Ada", "email": "ada@example.org"})),
        ("currency", json!("USD")),
        ("total", json!("34.00")),
        ("paid", json!("34.00")),
        ("refunded", json!("5.00")),
        ("balance_due", json!("5.00")),
        ("cancel_reason", Value::Null),
        ("cancelled_at", Value::Null),
    ] {
        assert_eq!(order[member], value, "{member}");
    }
    let expected = json!([
        {"line_id": 1, "product_id": "tea", "name": "Product tea", "quantity": 2, "unit_price": "14.50",
            "line_total": "29.00", "shipped": 2, "delivered": 2},
        {"line_id": 3, "product_id": "cup", "name": "Product cup", "quantity": 1, "unit_price": "5.00",
            "line_total": "5.00", "shipped": 1, "delivered": 1}]);
    assert_eq!(order["lines"], expected);
    let payments = &order["payments"];
    assert_eq!(payments[0]["payment_id"], "p-1");
    assert_eq!(payments[0]["method"], "card");
    assert_eq!(payments[1]["amount"], "4.00");
    assert_eq!(payments[1]["method"], Value::Null);
    assert_eq!(order["refunds"][0]["refund_id"], "r-1");
    assert_eq!(order["shipments"][0]["tracking_number"], "T1");
    assert_eq!(order["shipments"][0]["lines"], json!([{"line_id": 1, "quantity": 1}]));
    assert_eq!(order["shipments"][1]["carrier"], Value::Null);
    let rest = json!([{"line_id": 1, "quantity": 1}, {"line_id": 3, "quantity": 1}]);
    assert_eq!(order["shipments"][1]["lines"], rest);
    assert_eq!(order["notes"][0]["text"], "first");
    assert_eq!(order["notes"][1]["text"], "ring twice");
    for member in ["created_at", "placed_at", "confirmed_at", "completed_at", "updated_at"] {
        is_wire_time(&order[member]);
    }
    is_wire_time(&order["shipments"][0]["shipped_at"]);
    is_wire_time(&order["shipments"][0]["delivered_at"]);
}

/// `2026-03-03T00:00:00.000000Z`
fn is_wire_time(time: &Value) {
    let text = time.as_str().unwrap_or_else(|| panic!("no time: {time}"));
    assert!(text.len() == 27 && text.ends_with('Z') && text.as_bytes()[19] == b'.', "{text}");
}

async fn replays_equal_what_was_shown_live(walk: &Walk, shown: &[Value]) {
    for order in shown {
        let version = &order["version"];
        let replayed =
            walk.client.get(&format!("/v1/orders/{}?version={version}", walk.order)).await;
        assert_eq!(&replayed.ok(), order, "version {version}");
        assert!(replayed.header("Memento-Datetime").is_some());
        assert_eq!(replayed.header("ETag"), Some(format!("\"{version}\"").as_str()));
    }
    for version in [0, walk.version + 1] {
        let path = format!("/v1/orders/{}?version={version}", walk.order);
        walk.client.get(&path).await.problem(400, "invalid-parameter");
    }
}

async fn the_history_names_every_event(walk: &Walk) -> Vec<Value> {
    let (mut events, mut cursor) = (Vec::new(), String::new());
    for _ in 0..walk.version {
        let path = format!("/v1/orders/{}/history?limit=4{cursor}", walk.order);
        let page = walk.client.get(&path).await.ok();
        events.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(events.len() as u64, walk.version);
    for (event, version) in events.iter().zip(1_u64..) {
        assert_eq!(event["version"], version);
        assert_eq!(event["position"], version, "the only order of this log");
        is_wire_time(&event["occurred_at"]);
        is_wire_time(&event["recorded_at"]);
        assert!(event["data"].is_object() && event["type"].is_string(), "{event}");
        let members = event.as_object().unwrap();
        assert!(members.contains_key("actor") && members.contains_key("correlation_id"));
        assert!(Uuid::parse_str(event["event_id"].as_str().unwrap()).is_ok());
    }
    events
}

async fn differences_lead_from_one_version_to_another(walk: &Walk) {
    let order = format!("/v1/orders/{}", walk.order);
    for (from, to) in [(1, 17), (3, 9), (9, 3), (17, 17)] {
        let patch = walk.client.get(&format!("{order}/diff?from={from}&to={to}")).await.ok();
        let patch: json_patch::Patch = serde_json::from_value(patch).expect("an RFC 6902 patch");
        let mut patched = walk.client.get(&format!("{order}?version={from}")).await.ok();
        json_patch::patch(&mut patched, &patch).unwrap();
        assert_eq!(patched, walk.client.get(&format!("{order}?version={to}")).await.ok());
    }
    walk.client.get(&format!("{order}/diff?from=0&to=3")).await.problem(400, "invalid-parameter");
    walk.client.get(&format!("{order}/diff?from=1&to=99")).await.problem(400, "invalid-parameter");
}

async fn moments_show_the_versions_of_then(walk: &Walk, history: &[Value]) {
    let order = format!("/v1/orders/{}", walk.order);
    for event in [&history[0], &history[6], &history[16]] {
        for (parameter, member) in [("as_of", "occurred_at"), ("known_at", "recorded_at")] {
            let moment = event[member].as_str().unwrap();
            let last = history.iter().filter(|e| e[member].as_str().unwrap() <= moment).count();
            let then = walk.client.get(&format!("{order}?{parameter}={moment}")).await.ok();
            assert_eq!(then["version"], last, "{parameter}={moment}");
        }
    }
    for parameter in ["as_of", "known_at"] {
        let before = format!("{order}?{parameter}=2001-01-01T00:00:00Z");
        walk.client.get(&before).await.problem(404, "not-yet-created");
        let future = format!("{order}?{parameter}=2999-01-01T00:00:00Z");
        walk.client.get(&future).await.problem(400, "invalid-parameter");
        let nonsense = format!("{order}?{parameter}=yesterday");
        walk.client.get(&nonsense).await.problem(400, "invalid-parameter");
    }
}

#[tokio::test]
async fn orders_can_be_discarded_cancelled_and_paid_late() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let draft = new_id();
    let body = json!({"order_id": draft, "draft": true, "currency": "JPY", "customer": {"id": "c"},
        "lines": [line("fan", 2, "120")]});
    client.post("/v1/orders", &body).await.expect(201);
    assert_eq!(
        orders::command(&client, draft, "discard", json!({})).await.ok()["status"],
        "discarded"
    );

    let (order, _) = orders::place(&client, "c").await;
    let cancelled =
        orders::command(&client, order, "cancel", json!({"reason": "changed my mind"})).await;
    assert_eq!(cancelled.ok()["status"], "cancelled");
    let late = json!({"payment_id": "late", "amount": "34.00"});
    let paid = orders::command(&client, order, "record-payment", late).await;
    assert_eq!(paid.ok()["events"][0]["type"], "PaymentRecorded");
    let shown = client.get_at(&format!("/v1/orders/{order}"), paid.token()).await.ok();
    assert_eq!(shown["cancel_reason"], "changed my mind");
    assert_eq!(shown["payment_status"], "paid");
    assert_eq!(shown["balance_due"], "0.00");
    is_wire_time(&shown["cancelled_at"]);

    let draft = client.get_at(&format!("/v1/orders/{draft}"), paid.token()).await.ok();
    assert_eq!(draft["total"], "240");
    assert_eq!(draft["lines"][0]["unit_price"], "120");
    server.stop().await;
}

#[tokio::test]
async fn a_server_makes_ids_of_its_own_and_composes_on_request() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let body = json!({"customer": {"id": "c-9", "name": "Bo"}, "currency": "BHD",
        "lines": [line("oil", 3, "1.5")]});
    let made = client.post("/v1/orders", &body).await;
    let id = made.expect(201)["order_id"].as_str().unwrap().to_owned();
    assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 7);
    let path = format!("/v1/orders/{id}?include=customer,products,timeline");
    let order = client.get_at(&path, made.token()).await.ok();
    assert_eq!(order["total"], "4.500");
    assert_eq!(order["lines"][0]["unit_price"], "1.500");
    let whole = order.to_string();
    assert!(whole.contains("lifetime") && whole.contains("OrderPlaced"), "{whole}");
    client
        .get(&format!("/v1/orders/{id}?include=everything"))
        .await
        .problem(400, "invalid-parameter");
    server.stop().await;
}
