//! Sealed texts whose keys are not there: no program starts as if all were well, and what is lost is said.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};
use system_tests::client::Client;
use system_tests::orders::{line, new_id};
use system_tests::program::Program;
use system_tests::sealed::SealedFolder;
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use uuid::Uuid;

const NAME: &str = "Ada Markworthy";

async fn run(shop: &SealedFolder, arguments: &[&str]) -> Output {
    let launch = Launch::new(Program::Orderlog).args(arguments).args(["--data-dir"]);
    launch.args([shop.data()]).run().await
}

async fn order(client: &Client, customer: &str) -> Uuid {
    let id = new_id();
    let body = json!({"order_id": id, "customer": {"id": customer, "name": NAME}, "currency": "EUR",
        "lines": [line("tea", 2, "14.50")]});
    client.post("/v1/orders", &body).await.expect(201);
    id
}

async fn name(client: &Client, order: Uuid, position: u64) -> Value {
    let shown = client.get_at(&format!("/v1/orders/{order}"), position).await.ok();
    shown["customer"]["name"].clone()
}

async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn said(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams.map(|stream| String::from_utf8_lossy(stream)).concat()
}

#[tokio::test]
async fn without_its_keys_a_sealed_log_is_served_by_nobody() {
    let shop = SealedFolder::new().await;
    let server = shop.sealing().serve().await;
    let first = order(&server.client().await, "c-ada").await;
    server.stop().await;
    let verified = run(&shop, &["verify"]).await;
    assert!(verified.status.success(), "{}", said(&verified));
    assert!(said(&verified).contains("keys: all 1 keys"), "{}", said(&verified));

    let keys = shop.data().join("keys.db");
    std::fs::rename(&keys, shop.file("keys.db")).unwrap();
    let refused = shop.plain().try_serve().await.unwrap_err();
    assert!(refused.contains("give --personal-data-key-file"), "{refused}");
    let elsewhere = format!("sqlite://{}", shop.file("other.db").display());
    let unused = shop.plain().args(["--key-store", &elsewhere]).try_serve().await.unwrap_err();
    assert!(unused.contains("--key-store is not used"), "{unused}");
    for launch in [shop.sealing(), shop.sealing().args(["--key-store", &elsewhere])] {
        let refused = launch.try_serve().await.unwrap_err();
        assert!(refused.contains("their keys are not at"), "{refused}");
    }
    assert!(!keys.exists() && !shop.file("other.db").exists(), "no new store was made");
    let verified = run(&shop, &["verify"]).await;
    assert!(!verified.status.success());
    assert!(said(&verified).contains("keys: texts in the log are sealed"), "{}", said(&verified));

    // A new store in the place of the lost one, as API keys make it.
    assert!(run(&shop, &["keys", "list"]).await.status.success());
    let refused = shop.sealing().try_serve().await.unwrap_err();
    assert!(refused.contains("keys of another store"), "{refused}");
    assert!(!shop.data().join("keys.db-wal").exists(), "a copy can be put in its place");
    let verified = run(&shop, &["verify"]).await;
    assert!(said(&verified).contains("keys of another store"), "{}", said(&verified));
    let file = shop.file("empty.ndjson");
    std::fs::write(&file, "").unwrap();
    assert!(!run(&shop, &["import", file.to_str().unwrap()]).await.status.success());

    std::fs::rename(shop.file("keys.db"), &keys).unwrap();
    let server = shop.sealing().serve().await;
    assert_eq!(name(&server.client().await, first, 1).await, NAME);
    server.stop().await;
}

#[tokio::test]
async fn a_loss_is_accepted_on_purpose_only_and_said_ever_after() {
    let shop = SealedFolder::new().await;
    let server = shop.sealing().serve().await;
    let lost = order(&server.client().await, "c-ada").await;
    server.stop().await;
    let key = shop.file("master.key");
    let accept = ["keys", "accept-loss", "--personal-data-key-file", key.to_str().unwrap()];
    let refused = run(&shop, &accept).await;
    assert!(said(&refused).contains("nothing is lost"), "{}", said(&refused));
    let plain = SealedFolder::new().await;
    plain.plain().serve().await.stop().await;
    let refused = run(&plain, &accept).await;
    assert!(said(&refused).contains("nothing is lost"), "{}", said(&refused));
    plain.plain().args(["--auth", "keys"]).serve().await.stop().await;

    std::fs::remove_file(shop.data().join("keys.db")).unwrap();
    let accepted = run(&shop, &accept).await;
    assert!(accepted.status.success(), "{}", said(&accepted));
    let server = shop.sealing().serve().await;
    let client = server.client().await;
    let later = order(&client, "c-ada").await;
    assert_eq!(name(&client, lost, 2).await, Value::Null);
    assert_eq!(name(&client, later, 2).await, NAME);
    eventually("readiness says how many keys are missing", async || {
        let ready = client.get("/readyz").await.ok();
        ready["details"]["personal-data"].as_str().unwrap().contains("1 keys that texts")
    })
    .await;
    server.stop().await;
    let verified = run(&shop, &["verify"]).await;
    assert!(!verified.status.success());
    assert!(said(&verified).contains("keys: 1 of the 2 keys"), "{}", said(&verified));
}

#[tokio::test]
async fn an_older_copy_of_the_keys_lacks_some_and_that_is_said() {
    let shop = SealedFolder::new().await;
    let server = shop.sealing().serve().await;
    let first = order(&server.client().await, "c-ada").await;
    server.stop().await;
    let (keys, copy) = (shop.data().join("keys.db"), shop.file("keys.db"));
    std::fs::copy(&keys, &copy).unwrap();
    let server = shop.sealing().serve().await;
    let second = order(&server.client().await, "c-eve").await;
    server.stop().await;
    std::fs::copy(&copy, &keys).unwrap();
    let server = shop.sealing().serve().await;
    let client = server.client().await;
    assert_eq!(name(&client, first, 2).await, NAME);
    assert_eq!(name(&client, second, 2).await, Value::Null);
    eventually("readiness says that a key is missing", async || {
        let ready = client.get("/readyz").await.ok();
        ready["details"]["personal-data"].as_str().unwrap().contains("put back its newest copy")
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn an_older_log_beside_newer_keys_is_followed_from_its_start() {
    let shop = SealedFolder::new().await;
    let server = shop.sealing().serve().await;
    let client = server.client().await;
    let first = order(&client, "c-ada").await;
    server.stop().await;
    let (log, copy) = (shop.data().join("events.db"), shop.file("events.db"));
    std::fs::copy(&log, &copy).unwrap();
    let server = shop.sealing().serve().await;
    let client = server.client().await;
    for number in 0..5 {
        order(&client, &format!("c-{number}")).await;
    }
    client.post("/v1/customers/c-0/erase", &json!({})).await.ok();
    server.stop().await;
    std::fs::copy(&copy, &log).unwrap();
    for file in ["views.db", "views.db-wal", "views.db-shm"] {
        drop(std::fs::remove_file(shop.data().join(file)));
    }

    let server = shop.sealing().serve().await;
    let client = server.client().await;
    let later = order(&client, "c-eve").await;
    for (customer, order) in [("c-ada", first), ("c-eve", later)] {
        assert_eq!(name(&client, order, 2).await, NAME);
        let erased = client.post(&format!("/v1/customers/{customer}/erase"), &json!({})).await.ok();
        assert_eq!(erased["orders"], 1, "{erased}");
        assert_eq!(name(&client, order, 2).await, Value::Null);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_server_ends_when_the_log_is_sealed_under_it() {
    let shop = SealedFolder::new().await;
    let mut server = shop.plain().serve().await;
    order(&server.client().await, "c-plain").await;
    let file = shop.file("orders.ndjson");
    let line = json!({"order_id": new_id(), "at": "2026-03-03T00:00:00Z", "command": "create",
        "body": {"customer": {"id": "c-ada", "name": NAME}, "currency": "EUR", "lines": [line("tea", 1, "1.00")]}});
    std::fs::write(&file, format!("{line}\n")).unwrap();
    let key = shop.file("master.key");
    let import = ["import", file.to_str().unwrap(), "--personal-data-key-file"];
    let imported = run(&shop, &[&import[..], &[key.to_str().unwrap()]].concat()).await;
    assert!(imported.status.success(), "{}", said(&imported));
    assert!(!server.exit(Duration::from_secs(20)).await.success());
    assert!(server.log().text().contains("Start it again"), "{}", server.log().text());
    let refused = shop.plain().try_serve().await.unwrap_err();
    assert!(refused.contains("give --personal-data-key-file"), "{refused}");
}

#[tokio::test]
async fn a_master_key_that_is_changed_under_a_server_hides_nothing() {
    let shop = SealedFolder::new().await;
    let server = shop.sealing().serve().await;
    let first = order(&server.client().await, "c-ada").await;
    name(&server.client().await, first, 1).await;
    server.stop().await;
    let server = shop.sealing().serve().await;
    let (former, next) = (shop.file("master.key"), shop.file("next.key"));
    let (former, next) = (former.to_str().unwrap(), next.to_str().unwrap());
    let made = Launch::new(Program::Orderlog).args(["keys", "create-master", "--out", next]);
    assert!(made.run().await.status.success());
    let typo = Launch::new(Program::Orderlog)
        .args(["keys", "rotate-master", "--from", former, "--to", next, "--data-dir"])
        .args([shop.file("typo")]);
    assert!(!typo.run().await.status.success(), "there is nothing to change");
    let rotated = run(&shop, &["keys", "rotate-master", "--from", former, "--to", next]).await;
    assert!(rotated.status.success(), "{}", said(&rotated));
    let client = server.client().await;
    client.get(&format!("/v1/orders/{first}")).await.problem(503, "unavailable");
    let unready = client.get("/readyz").await.problem(503, "unavailable");
    assert!(unready.to_string().contains("master key was changed"), "{unready}");
    server.stop().await;
    let server = shop.plain().args(["--personal-data-key-file", next]).serve().await;
    assert_eq!(name(&server.client().await, first, 1).await, NAME);
    server.stop().await;
}

#[tokio::test]
async fn a_query_service_without_the_keys_shows_nothing() {
    let shop = SealedFolder::new().await;
    let server = shop.sealing().serve().await;
    let first = order(&server.client().await, "c-ada").await;
    name(&server.client().await, first, 1).await;
    server.stop().await;
    let url = |file: &Path| format!("sqlite://{}", file.display());
    let queries = || {
        let model = url(&shop.data().join("views.db"));
        let listen = ["--listen", "127.0.0.1:0", "--read-model", &model];
        Launch::new(Program::QueryService).args(listen)
    };
    let sealed = |store: &Path| {
        let launch = queries().args(["--key-store", &url(store), "--personal-data-key-file"]);
        launch.args([shop.file("master.key")])
    };
    let refuses = async |server: &Server, why: &str| {
        let client = server.client().await;
        let unready = client.get("/readyz").await.problem(503, "unavailable");
        assert!(unready.to_string().contains(why), "{unready}");
        for path in [&*format!("/v1/orders/{first}"), "/v1/orders", "/v1/customers/c-ada"] {
            let answer = client.get(path).await.problem(503, "unavailable");
            assert!(answer["detail"].as_str().unwrap().contains(why), "{answer}");
        }
    };
    let server = queries().serve().await;
    refuses(&server, "--personal-data-key-file").await;
    server.stop().await;
    let refused = sealed(&shop.file("other.db")).try_serve().await.unwrap_err();
    assert!(refused.contains("name the right one"), "{refused}");
    assert!(!shop.file("other.db").exists());
    let other = TempDir::new().unwrap();
    let made = Launch::new(Program::Orderlog).args(["keys", "list", "--data-dir"]);
    assert!(made.args([other.path()]).run().await.status.success());
    let server = sealed(&other.path().join("keys.db")).serve().await;
    refuses(&server, "--key-store").await;
    server.stop().await;
    let server = sealed(&shop.data().join("keys.db")).serve().await;
    assert_eq!(name(&server.client().await, first, 1).await, NAME);
    server.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn others_on_the_machine_are_kept_out_of_the_data_and_a_readable_key_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let shop = SealedFolder::new().await;
    let server = shop.sealing().serve().await;
    let mode = std::fs::metadata(shop.data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(!server.log().text().contains("chmod 600"));
    server.stop().await;
    let readable = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(shop.file("master.key"), readable).unwrap();
    let server = shop.sealing().serve().await;
    assert!(server.log().text().contains("chmod 600"), "{}", server.log().text());
    server.stop().await;
}
