//! Personal data are sealed wherever they are stored, shown while their key is there, and gone when it was destroyed.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::{Value, json};
use std::path::Path;
use system_tests::client::Client;
use system_tests::orders::{line, new_id, path};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use uuid::Uuid;

/// Texts about Ada, marked so that nothing else holds them.
const ADA: [&str; 6] = [
    "Ada Markworthy",
    "ada.markworthy@example.org",
    "ring \"twice\", markworthy",
    "second note, markworthy",
    "reason: markworthy broke it",
    "TRACK-MARKWORTHY-1",
];
const EVE: &str = "Eve Unmarked";

struct Shop {
    folder: TempDir,
    server: Server,
    client: Client,
}

impl Shop {
    async fn open(folder: TempDir) -> Self {
        let key = folder.path().join("master.key");
        if !key.exists() {
            let made = Launch::new(Program::Orderlog).args(["keys", "create-master", "--out"]);
            assert!(made.args([&key]).run().await.status.success());
        }
        let server = Launch::orderlog(&folder.path().join("data"))
            .args(["--personal-data-key-file"])
            .args([&key])
            .serve()
            .await;
        let client = server.client().await;
        Self { folder, server, client }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    async fn order(&self, customer: Value, note: &str) -> Uuid {
        let id = new_id();
        let lines = [line("tea", 2, "14.50")];
        let body = json!({"order_id": id, "customer": customer, "currency": "EUR", "lines": lines, "note": note});
        self.client.post("/v1/orders", &body).await.expect(201);
        id
    }

    /// All that any view says of the customer and its orders.
    async fn everything(&self, orders: &[Uuid], customer: &str) -> String {
        let mut all = String::new();
        let mut views: Vec<String> = vec![
            format!("/v1/customers/{customer}"),
            format!("/v1/customers/{customer}/orders"),
            "/v1/orders".to_owned(),
            "/v1/events?limit=1000".to_owned(),
        ];
        for id in orders {
            views.push(format!("/v1/orders/{id}"));
            views.push(format!("/v1/orders/{id}?version=1"));
            views.push(format!("/v1/orders/{id}?include=customer,timeline"));
            views.push(format!("/v1/orders/{id}/history"));
            views.push(format!("/v1/orders/{id}/diff?from=1&to=2"));
        }
        for view in views {
            let answer = self.client.get(&view).await;
            assert_eq!(answer.status, 200, "{view}: {}", answer.text());
            assert!(
                !answer.text().contains("\\u001a"),
                "{view} shows a sealed text: {}",
                answer.text()
            );
            all.push_str(&answer.text());
        }
        all
    }
}

/// Which of these texts are in a file of the folder, or of one in it.
fn found(folder: &Path, texts: &[&'static str]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(self::found(&path, texts));
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        let holds =
            |text: &&str| content.windows(text.len()).any(|window| window == text.as_bytes());
        found.extend(texts.iter().copied().filter(holds));
    }
    found
}

#[tokio::test]
async fn an_erased_customers_texts_are_in_no_view_and_no_file() {
    let shop = Shop::open(TempDir::new().unwrap()).await;
    let ada = json!({"id": "c-ada", "name": ADA[0], "email": ADA[1]});
    let first = shop.order(ada.clone(), ADA[2]).await;
    let second = shop.order(ada, ADA[2]).await;
    let eve = shop.order(json!({"id": "c-eve", "name": EVE}), "hers").await;
    let post = async |order, command, body: Value| {
        shop.client.post(&path(order, command), &body).await.ok();
    };
    post(first, "add-note", json!({"text": ADA[3]})).await;
    post(first, "confirm", json!({})).await;
    post(first, "ship", json!({"shipment_id": "s-1", "tracking_number": ADA[5]})).await;
    post(second, "cancel", json!({"reason": ADA[4]})).await;
    let position = shop.client.post(&path(eve, "add-note"), &json!({"text": "x"})).await.token();
    shop.client.get_at("/v1/orders", position).await.ok();

    let orders = [first, second];
    let before = shop.everything(&orders, "c-ada").await;
    let escaped = |text: &str| text.replace('"', "\\\"");
    for text in ADA {
        assert!(before.contains(&escaped(text)), "{text} is shown");
    }
    assert_eq!(found(&shop.data(), &ADA), Vec::<&str>::new(), "stored sealed");
    assert!(!found(&shop.data(), &["OrderPlaced"]).is_empty(), "the search finds what is there");

    let would = shop.client.post("/v1/customers/c-ada/erase?dry_run=true", &json!({})).await.ok();
    assert_eq!(would, json!({"customer_id": "c-ada", "orders": 2, "erased_at": null}));
    assert!(shop.everything(&orders, "c-ada").await.contains(ADA[0]), "nothing was erased yet");
    let erased = shop.client.post("/v1/customers/c-ada/erase", &json!({})).await.ok();
    assert_eq!((&erased["customer_id"], &erased["orders"]), (&json!("c-ada"), &json!(2)));
    let again = shop.client.post("/v1/customers/c-ada/erase", &json!({})).await.ok();
    assert_eq!(again, erased, "once");
    shop.client.post("/v1/customers/c-none/erase", &json!({})).await.problem(404, "not-found");

    let after = shop.everything(&orders, "c-ada").await;
    for text in ADA {
        assert!(!after.contains(&escaped(text)), "{text} is still shown");
    }
    let order = shop.client.get(&format!("/v1/orders/{first}")).await.ok();
    assert_eq!(order["customer"], json!({"id": "c-ada", "name": null, "email": null}));
    assert_eq!((&order["total"], &order["version"]), (&json!("29.00"), &json!(4)));
    let others = shop.client.get(&format!("/v1/orders/{eve}")).await.ok();
    assert_eq!(others["customer"]["name"], EVE);

    // From position 1 once more, and in another process.
    let rebuilt = Launch::on_storage(&shop.data(), "--rebuild").run().await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let Shop { folder, server, .. } = shop;
    server.stop().await;
    let shop = Shop::open(folder).await;
    let later = shop.everything(&orders, "c-ada").await;
    assert!(ADA.iter().all(|text| !later.contains(&escaped(text))));
    assert!(shop.everything(&[eve], "c-eve").await.contains(EVE));
    assert_eq!(found(&shop.data(), &ADA), Vec::<&str>::new());

    // The customer comes back, as anybody may.
    let third = shop.order(json!({"id": "c-ada", "name": ADA[0]}), "again").await;
    let order = shop.client.get_with(&format!("/v1/orders/{third}"), &[]).await;
    assert!(order.status == 200 || order.status == 404);
    shop.server.stop().await;
}

#[tokio::test]
async fn a_server_starts_with_the_master_key_in_force_only() {
    let shop = Shop::open(TempDir::new().unwrap()).await;
    let order = shop.order(json!({"id": "c-ada", "name": ADA[0]}), ADA[2]).await;
    let (data, Shop { folder, server, .. }) = (shop.data(), shop);
    server.stop().await;
    let (former, next) = (folder.path().join("master.key"), folder.path().join("next.key"));
    let keys = async |arguments: &[&str]| {
        let launch = Launch::new(Program::Orderlog).args(["keys"]).args(arguments);
        launch.args(["--data-dir"]).args([&data]).run().await
    };
    let path = |file: &Path| file.display().to_string();
    let (former, next) = (path(&former), path(&next));
    assert!(keys(&["create-master", "--out", &next]).await.status.success());
    let launch = || Launch::orderlog(&data).args(["--personal-data-key-file", &next]);
    let refused = launch().try_serve().await.unwrap_err();
    assert!(refused.contains("rotate-master"), "{refused}");
    assert!(!keys(&["rotate-master", "--from", &former, "--to", &former]).await.status.success());
    let third = path(&folder.path().join("third.key"));
    assert!(keys(&["create-master", "--out", &third]).await.status.success());
    let wrong = keys(&["rotate-master", "--from", &third, "--to", &next]).await;
    assert!(!wrong.status.success(), "it wraps no key");
    for _ in 0..2 {
        let rotated = keys(&["rotate-master", "--from", &former, "--to", &next]).await;
        assert!(rotated.status.success(), "and once more");
    }
    let server = launch().serve().await;
    let shown = server.client().await.get_at(&format!("/v1/orders/{order}"), 1).await.ok();
    assert_eq!(shown["customer"]["name"], ADA[0]);
    server.stop().await;
}

#[tokio::test]
async fn an_erasure_takes_no_member_that_it_does_not_know() {
    let shop = Shop::open(TempDir::new().unwrap()).await;
    let order = shop.order(json!({"id": "c-ada", "name": ADA[0]}), ADA[2]).await;
    let erase = "/v1/customers/c-ada/erase";
    for body in [json!({"dry_run": true}), json!({"x": 1}), json!([]), json!("all")] {
        shop.client.post(erase, &body).await.problem(422, "validation");
    }
    let shown = shop.client.get_at(&format!("/v1/orders/{order}"), 1).await.ok();
    assert_eq!(shown["customer"]["name"], ADA[0], "nothing was erased");
    shop.client.post(erase, &json!({})).await.ok();
    shop.server.stop().await;
}

#[tokio::test]
async fn where_texts_are_sealed_nothing_is_stored_plain() {
    let shop = Shop::open(TempDir::new().unwrap()).await;
    shop.order(json!({"id": "c-ada", "name": ADA[0]}), ADA[2]).await;
    let (data, Shop { folder, server, .. }) = (shop.data(), shop);
    server.stop().await;
    let refused = Launch::orderlog(&data).try_serve().await.unwrap_err();
    assert!(refused.contains("--personal-data-key-file"), "{refused}");
    let file = folder.path().join("orders.ndjson");
    let order = json!({"order_id": new_id(), "at": "2026-03-03T00:00:00Z", "command": "create",
        "body": {"customer": {"id": "c-ada", "name": ADA[0]}, "currency": "EUR", "lines": [line("tea", 1, "1.00")]}});
    std::fs::write(&file, format!("{order}\n")).unwrap();
    let import = || {
        let launch = Launch::new(Program::Orderlog).args(["import"]).args([&file]);
        launch.args(["--data-dir"]).args([&data])
    };
    let refused = import().run().await;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--personal-data-key-file"));
    let key = folder.path().join("master.key");
    let imported = import().args(["--personal-data-key-file"]).args([&key]).run().await;
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    assert_eq!(found(&data, &ADA), Vec::<&str>::new(), "imported sealed");
    let shop = Shop::open(folder).await;
    let customer = shop.client.get_at("/v1/customers/c-ada", 2).await.ok();
    assert_eq!(customer["name"], ADA[0], "the imported order is the older one");
    shop.server.stop().await;
}

#[tokio::test]
async fn a_store_of_keys_from_before_an_erasure_brings_nothing_back() {
    let shop = Shop::open(TempDir::new().unwrap()).await;
    let order = shop.order(json!({"id": "c-ada", "name": ADA[0]}), ADA[2]).await;
    let other = shop.order(json!({"id": "c-eve", "name": EVE}), "hers").await;
    let (data, Shop { folder, server, .. }) = (shop.data(), shop);
    server.stop().await;
    let copy = folder.path().join("keys.db");
    let wal = data.join("keys.db-wal");
    assert!(!wal.exists(), "a copy of the file alone lacks what is in its WAL");
    std::fs::copy(data.join("keys.db"), &copy).unwrap();
    let shop = Shop::open(folder).await;
    shop.client.post("/v1/customers/c-ada/erase", &json!({})).await.ok();
    let later = shop.order(json!({"id": "c-eve", "name": EVE}), "more").await;
    let Shop { folder, server, .. } = shop;
    server.stop().await;
    assert!(!wal.exists(), "the newer WAL would be put over the older file");
    std::fs::copy(&copy, data.join("keys.db")).unwrap();
    let shop = Shop::open(folder).await;
    let name = async |order: &Uuid| {
        let order = shop.client.get_at(&format!("/v1/orders/{order}"), 4).await.ok();
        order["customer"]["name"].clone()
    };
    // From the first answer on.
    for view in ["", "?version=1", "/history"] {
        let shown = shop.client.get(&format!("/v1/orders/{order}{view}")).await;
        assert!(!shown.text().contains(ADA[0]), "{view}: {}", shown.text());
    }
    assert_eq!(name(&order).await, Value::Null);
    assert_eq!(name(&other).await, EVE, "others keep theirs");
    assert_eq!(name(&later).await, Value::Null, "the copy lacks its key");
    let log = shop.server.log().text();
    assert!(log.contains("destroyed again"), "{log}");
    shop.server.stop().await;
}
