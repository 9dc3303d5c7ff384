//! What readers see of an erasure: `erased_at`, past states, tags, differences, proofs, and who may ask for what is held.

#![allow(clippy::unwrap_used, missing_docs)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use system_tests::auth::{self, AUDIENCE, ISSUER, token};
use system_tests::client::{Answer, Client};
use system_tests::orders::{line, new_id, path};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use uuid::Uuid;

const ADA: &str = "Ada Markworthy";
const NOTE: &str = "ring twice, markworthy";
const ERASE: &str = "/v1/customers/c-ada/erase";
const HELD: &str = "/v1/customers/c-ada/personal-data";

struct Shop {
    folder: TempDir,
}

impl Shop {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for (words, file) in [
            (&["keys", "create-master"][..], "master.key"),
            (&["log-key", "create", "--origin", "shop.example/orders"], "log.key"),
        ] {
            let made = Launch::new(Program::Orderlog).args(words).args(["--out"]);
            assert!(made.args([folder.path().join(file)]).run().await.status.success());
        }
        Self { folder }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn launch(&self) -> Launch {
        Launch::orderlog(&self.data())
            .args(["--personal-data-key-file"])
            .args([self.folder.path().join("master.key")])
            .args(["--log-key-file"])
            .args([self.folder.path().join("log.key")])
    }
}

/// Places an order of Ada's; returns its id and position.
async fn order(client: &Client, draft: bool) -> (Uuid, u64) {
    let id = new_id();
    let body = json!({"order_id": id, "customer": {"id": "c-ada", "name": ADA}, "currency": "EUR",
        "lines": [line("tea", 2, "14.50")], "note": NOTE, "draft": draft});
    let answer = client.post("/v1/orders", &body).await;
    answer.expect(201);
    (id, answer.token())
}

/// The answers about an order and its customer that say when they were erased.
async fn answers(client: &Client, order: Uuid) -> Vec<(String, Value)> {
    let mut answers = Vec::new();
    for path in [
        format!("/v1/orders/{order}"),
        format!("/v1/orders/{order}?version=1"),
        format!("/v1/orders/{order}?include=customer,timeline"),
        format!("/v1/orders/{order}/history"),
        "/v1/customers/c-ada".to_owned(),
        HELD.to_owned(),
    ] {
        answers.push((path.clone(), client.get(&path).await.ok()));
    }
    for path in ["/v1/orders?status=draft,placed", "/v1/customers/c-ada/orders?status=draft,placed"]
    {
        let page = client.get(path).await.ok();
        let mut rows = page["data"].as_array().unwrap().iter();
        let row = rows.find(|row| row["order_id"] == json!(order)).unwrap().clone();
        answers.push((path.to_owned(), row));
    }
    answers
}

/// Waits until the views show what was stored by now: another customer's order comes after it. Returns its position.
async fn caught_up(client: &Client) -> u64 {
    let body = json!({"order_id": new_id(), "customer": {"id": "c-eve"}, "currency": "EUR",
        "lines": [line("tea", 1, "14.50")]});
    let position = client.post("/v1/orders", &body).await.token();
    for view in ["/v1/orders", "/v1/customers/c-eve", "/v1/events"] {
        client.get_at(view, position).await.ok();
    }
    position
}

/// Checks that each event of an order's proof is what the tree has; returns the stored events as text.
async fn proven(client: &Client, order: Uuid, position: u64) -> String {
    let proof = client.get_at(&path(order, "proof"), position).await.ok();
    let mut texts = String::new();
    assert_eq!(proof["not_yet_covered"], 0);
    for event in proof["events"].as_array().unwrap() {
        let stored = STANDARD.decode(event["stored"].as_str().unwrap()).unwrap();
        let leaf = Sha256::new().chain_update([0]).chain_update(&stored).finalize();
        let leaf = STANDARD.encode(leaf);
        assert_eq!(event["proof"]["leaf_hash"], leaf);
        let at = &event["position"];
        let size = &event["proof"]["size"];
        let found = client.get(&format!("/v1/log/proof?position={at}&size={size}")).await.ok();
        assert_eq!(found["leaf_hash"], leaf, "as the tree has it");
        texts.push_str(&String::from_utf8_lossy(&stored));
    }
    texts
}

#[tokio::test]
async fn an_erasure_is_seen_in_every_answer_and_in_no_tag_from_before() {
    let shop = Shop::new().await;
    let server = shop.launch().serve().await;
    let client = server.client().await;
    let (id, _) = order(&client, true).await;
    client.post(&path(id, "place"), &json!({})).await.ok();
    client.post(&path(id, "add-note"), &json!({"text": NOTE})).await.ok();
    let position = caught_up(&client).await;
    for (path, answer) in answers(&client, id).await {
        assert!(answer.get("erased_at").is_none(), "{path}: {answer}");
    }

    // The customer's name is sealed in two events, and did not change between them.
    let stored = proven(&client, id, position).await;
    let sealed: Vec<&str> = stored.split("\"name\":\"\\u001a").skip(1).collect();
    assert_eq!(sealed.len(), 2, "{stored}");
    assert_ne!(sealed[0][..60], sealed[1][..60], "sealed twice");
    assert!(!stored.contains(ADA));
    let diff = format!("/v1/orders/{id}/diff?from=1&to=2");
    let patch = client.get(&diff).await.ok();
    let paths: Vec<_> = patch.as_array().unwrap().iter().map(|step| step["path"].clone()).collect();
    assert!(
        paths.contains(&json!("/status")) && !paths.contains(&json!("/customer/name")),
        "{patch}"
    );

    let views = [
        format!("/v1/orders/{id}"),
        format!("/v1/orders/{id}?version=2"),
        format!("/v1/orders/{id}?include=timeline"),
    ];
    let mut kept = Vec::new();
    for view in &views {
        let answer = client.get(view).await;
        assert!(answer.text().contains(ADA), "{view}");
        kept.push((view.clone(), answer.header("ETag").unwrap().to_owned()));
    }

    let erased = client.post(ERASE, &json!({})).await.ok();
    let at = &erased["erased_at"];
    let position = caught_up(&client).await;
    for (path, answer) in answers(&client, id).await {
        assert_eq!(answer["erased_at"], *at, "{path}: {answer}");
        assert!(!answer.to_string().contains("arkworthy"), "{path}: {answer}");
    }
    for (view, tag) in kept {
        let answer = client.get_with(&view, &[("If-None-Match", &tag)]).await;
        assert_eq!(answer.status, 200, "{view}");
        let newer = answer.header("ETag").unwrap();
        let again = client.get_with(&view, &[("If-None-Match", newer)]).await;
        assert_eq!(again.status, 304, "{view}");
    }
    assert_eq!(client.get(&diff).await.ok(), patch, "two erased texts are equal");
    let held = client.get(HELD).await.ok();
    let texts = &held["orders"][0]["notes"];
    assert!(texts.as_array().unwrap().iter().all(|note| note["text"].is_null()), "{held}");
    assert_eq!((texts.as_array().unwrap().len(), &held["orders"][0]["name"]), (2, &Value::Null));
    assert_eq!(proven(&client, id, position).await, stored, "the log is as it was");

    // The order goes on, by the tag that it has now; the customer comes back.
    let tag = client.get(&format!("/v1/orders/{id}")).await.header("ETag").unwrap().to_owned();
    let confirm = path(id, "confirm");
    client.post_with(&confirm, &[("If-Match", &tag)], &json!({})).await.ok();
    let (again, _) = order(&client, false).await;
    caught_up(&client).await;
    let new = client.get(&format!("/v1/orders/{again}")).await.ok();
    assert_eq!((&new["customer"]["name"], new.get("erased_at")), (&json!(ADA), None));
    let customer = client.get("/v1/customers/c-ada").await.ok();
    assert_eq!((&customer["name"], &customer["erased_at"]), (&json!(ADA), at));
    let old = client.get(&format!("/v1/orders/{id}")).await.ok();
    assert_eq!((&old["customer"]["name"], &old["erased_at"]), (&Value::Null, at));
    assert_eq!((&old["status"], &old["total"]), (&json!("confirmed"), &json!("29.00")));

    // From position 1 once more, and compared with what the log says.
    let shown = client.get("/v1/orders").await.ok();
    let rebuilt = Launch::on_storage(&shop.data(), "--rebuild").run().await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert_eq!(client.get("/v1/orders").await.ok(), shown);
    assert_eq!(client.get(&format!("/v1/orders/{id}")).await.ok(), old);
    let verified = Launch::on_storage(&shop.data(), "verify").run().await;
    assert!(verified.status.success(), "{verified:?}");
    server.stop().await;
}

fn same(left: &Answer, right: &Answer) {
    let without = |answer: &Answer| {
        let mut body = answer.json();
        let members = body.as_object_mut().unwrap();
        members.remove("instance");
        members.remove("correlation_id");
        (answer.status, body)
    };
    assert_eq!(without(left), without(right));
}

#[tokio::test]
async fn what_is_held_is_for_the_customer_and_for_admins() {
    let shop = Shop::new().await;
    let server: Server = shop
        .launch()
        .args(["--auth", "hs256", "--auth-issuer", ISSUER, "--auth-audience", AUDIENCE])
        .args(["--auth-secret-file"])
        .args([auth::secret_file()])
        .serve()
        .await;
    let nobody = server.client().await.without_token();
    let caller = |roles: &[&str], customer| nobody.bearing(&token("eve", roles, customer));
    let ada = caller(&["customer"], Some("c-ada"));
    let admin = caller(&["admin"], None);
    let (_, position) = order(&ada, false).await;
    ada.get_at(HELD, position).await.ok();
    for (roles, customer) in
        [(&["customer"][..], Some("c-ada")), (&["admin"], None), (&["admin"], Some("c-eve"))]
    {
        let held = caller(roles, customer).get(HELD).await.ok();
        assert_eq!(held["orders"][0]["name"], ADA, "{roles:?}");
        assert_eq!(held["orders"][0]["notes"][0]["text"], NOTE, "{roles:?}");
    }
    nobody.get(HELD).await.problem(401, "unauthorized");
    for roles in [&["staff"][..], &["operator"], &["import"], &[]] {
        caller(roles, Some("c-ada")).get(HELD).await.problem(403, "forbidden");
    }
    // To others there is no such customer; nor to staff that is another customer.
    for (roles, customer) in [
        (&["customer"][..], Some("c-eve")),
        (&["customer"], None),
        (&["customer", "staff"], Some("c-eve")),
        (&["customer", "staff"], None),
    ] {
        let eve = caller(roles, customer);
        let foreign = eve.get(HELD).await;
        foreign.problem(404, "not-found");
        same(&foreign, &eve.get("/v1/customers/c-none/personal-data").await);
    }

    // The feed of a customer has its orders' events; the erasure is for those who work with the log.
    admin.post(ERASE, &json!({})).await.ok();
    let position = caught_up(&admin).await;
    let types = async |caller: &Client| {
        let page = caller.get_at("/v1/events", position).await.ok();
        let events = page["data"].as_array().unwrap().iter();
        events.map(|event| event["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(types(&ada).await, ["OrderPlaced"]);
    assert_eq!(types(&admin).await, ["OrderPlaced", "PersonalDataErased", "OrderPlaced"]);
    let held = ada.get_at(HELD, position).await.ok();
    assert!(held["erased_at"].is_string() && held["orders"][0]["name"].is_null(), "{held}");
    server.stop().await;
}
