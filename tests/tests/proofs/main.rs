//! The log proves itself to an auditor who keeps one checkpoint and the verifier key, and trusts nothing else.
//!
//! The attacker has the whole data folder: edits the log past its triggers, makes its hash chain fit again, throws the
//! views and the signed checkpoints away, and lets the server, which has the signing key, sign what the log is now. Two
//! programs must notice: the Go program of `docs/verify`, which uses nothing of ours, and `orderlog verify`.

#![allow(clippy::unwrap_used, missing_docs)]

mod attacker;
mod auditor;

use attacker::ATTACKS;
use auditor::{Auditor, verify_log};
use std::path::{Path, PathBuf};
use std::time::Duration;
use system_tests::client::Client;
use system_tests::orders::{new_id, path, placed};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use uuid::Uuid;

const ORIGIN: &str = "shop.example/orders";

/// A folder for keys and data, and the verifier key.
struct Shop {
    dir: TempDir,
    verifier: String,
}

impl Shop {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let made = create_key(&dir.path().join("log.key")).await;
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let verifier = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        assert!(verifier.starts_with("shop.example/orders+"), "{verifier}");
        Self { dir, verifier }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A server over this data folder that signs.
    async fn serve(&self, data: &Path) -> Server {
        let launch = Launch::orderlog(data).args(["--log-key-file"]).args([self.path("log.key")]);
        launch.serve().await
    }

    /// Keeps a text as a file.
    fn keep(&self, name: &str, text: &[u8]) -> PathBuf {
        let file = self.path(name);
        std::fs::write(&file, text).unwrap();
        file
    }
}

async fn create_key(out: &Path) -> std::process::Output {
    let launch = Launch::new(Program::Orderlog).args(["log-key", "create", "--origin", ORIGIN]);
    launch.args(["--out"]).args([out]).run().await
}

/// Places an order, adds notes, and returns the last position.
async fn trade(client: &Client, order: Uuid, notes: usize) -> u64 {
    let mut position = client.post("/v1/orders", &placed(order, "c-1")).await.token();
    for number in 0..notes {
        let note = serde_json::json!({"text": format!("note {number}")});
        position = client.post(&path(order, "add-note"), &note).await.token();
    }
    position
}

/// The checkpoint that covers this position.
async fn checkpoint(client: &Client, position: u64) -> Vec<u8> {
    let answer = client.get_at("/v1/log/checkpoint", position).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body.to_vec()
}

/// A log of several orders in `data`, and its checkpoint in a file.
async fn honest(shop: &Shop, data: &Path) -> PathBuf {
    let server = shop.serve(data).await;
    let client = server.client().await;
    let mut position = 0;
    for _ in 0..5 {
        position = trade(&client, new_id(), 2).await;
    }
    let old = shop.keep("old", &checkpoint(&client, position).await);
    server.stop().await;
    old
}

/// What the attacker leaves: a log that is whole in itself, and no views.
fn without_views(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["events.db", "events.db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_the_past_is_noticed_with_one_older_checkpoint() {
    let shop = Shop::new().await;
    let data = shop.path("data");
    let old = honest(&shop, &data).await;
    let go = Auditor::build(shop.dir.path(), &shop.verifier);

    // The honest log goes on.
    let server = shop.serve(&data).await;
    let client = server.client().await;
    trade(&client, new_id(), 1).await;
    let position = trade(&client, new_id(), 1).await;
    let newer = shop.keep("newer", &checkpoint(&client, position).await);
    if let Some(go) = &go {
        go.proves(&["consistency"], &[&old], &[server.base()]);
        go.proves(&["checkpoint"], &[&newer], &[]);
    }
    server.stop().await;
    let (code, text) = verify_log(&data, &[&old, &newer], &shop.verifier).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("the log continues its 15 events"), "{text}");

    for (number, attack) in ATTACKS.iter().enumerate() {
        let name = attack.name;
        let copy = shop.path(&format!("attack-{number}"));
        without_views(&data, &copy);
        attacker::strike(&copy.join("events.db"), attack).await;
        // The attacker's work is good: without the checkpoint, everything is sound.
        let (code, text) = verify_log(&copy, &[], &shop.verifier).await;
        assert_eq!(code, Some(0), "{name}: {text}");
        let (code, text) = verify_log(&copy, &[&old], &shop.verifier).await;
        assert_eq!(code, Some(1), "{name}: {text}");
        let found = text.lines().find(|line| line.starts_with("checkpoint "));
        let found = found.unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(found.contains(attack.finding), "{name}: {found}");
        println!("{name}: {found}");
        let Some(go) = &go else { continue };
        let server = shop.serve(&copy).await;
        let client = server.client().await;
        if !attack.cuts {
            let position = trade(&client, new_id(), 1).await;
            checkpoint(&client, position).await;
        }
        checkpoint(&client, 1).await;
        let refused = go.refuses(&["consistency"], &[&old], &[server.base()]);
        assert!(refused.contains(attack.refusal), "{name}: {refused}");
        println!("{name}: {refused}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_logs_of_one_size_are_noticed_when_their_checkpoints_meet() {
    let shop = Shop::new().await;
    let (data, fork) = (shop.path("data"), shop.path("fork"));
    honest(&shop, &data).await;
    without_views(&data, &fork);
    let mut notes = Vec::new();
    for (folder, name) in [(&data, "one"), (&fork, "two")] {
        let server = shop.serve(folder).await;
        let client = server.client().await;
        let position = trade(&client, new_id(), 3).await;
        notes.push(shop.keep(name, &checkpoint(&client, position).await));
        server.stop().await;
    }
    let [one, two] = &notes[..] else { panic!("two") };
    let size =
        |file: &Path| std::fs::read_to_string(file).unwrap().lines().nth(1).unwrap().to_owned();
    assert_eq!(size(one), size(two));
    let (code, text) = verify_log(&data, &[one, two], &shop.verifier).await;
    assert_eq!(code, Some(1), "{text}");
    let (code, text) = verify_log(&data, &[one], &shop.verifier).await;
    assert_eq!(code, Some(0), "{text}");
    if let Some(go) = Auditor::build(shop.dir.path(), &shop.verifier) {
        let refused = go.refuses(&["consistency"], &[one, two, one], &[]);
        assert!(refused.contains("forked: two different logs of 19 events"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_signs_no_other_log_and_says_so() {
    let shop = Shop::new().await;
    let data = shop.path("data");
    honest(&shop, &data).await;
    attacker::strike(&data.join("events.db"), &ATTACKS[0]).await;
    // The views know the log that they were made from. The attacker makes new ones.
    let rebuilt =
        Launch::new(Program::Orderlog).args(["--rebuild", "--data-dir"]).args([&data]).run().await;
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    let server = shop.serve(&data).await;
    let client = server.client().await.without_token();
    let mut problem = client.get("/readyz").await;
    for _ in 0..100 {
        if problem.status == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        problem = client.get("/readyz").await;
    }
    assert_eq!(problem.status, 503);
    let problem = server.client().await.get("/readyz").await.text();
    assert!(
        problem.contains("log-signature") && problem.contains("not a continuation"),
        "{problem}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_proved_to_its_customer() {
    let shop = Shop::new().await;
    let data = shop.path("data");
    let server = shop.serve(&data).await;
    let client = server.client().await;
    let (order, other) = (new_id(), new_id());
    trade(&client, other, 1).await;
    let position = trade(&client, order, 3).await;
    checkpoint(&client, position).await;
    let proof = client.get_at(&path(order, "proof"), position).await;
    assert_eq!(proof.status, 200, "{}", proof.text());
    let Some(go) = Auditor::build(shop.dir.path(), &shop.verifier) else { return };
    let file = shop.keep("proof.json", &proof.body);
    let id = order.to_string();
    let said = go.proves(&["order", &id], &[&file], &[]);
    assert!(
        said.contains(&format!("versions 1 to 4 of order {id} are in the log of 6 events")),
        "{said}"
    );
    go.refuses(&["order", &other.to_string()], &[&file], &[]);
    let value: serde_json::Value = serde_json::from_slice(&proof.body).unwrap();
    type Change = fn(&mut serde_json::Value);
    let changes: [(&str, Change); 5] = [
        ("an event left out", |value| drop(value["events"].as_array_mut().unwrap().remove(1))),
        ("another event's bytes", |value| {
            value["events"][1]["stored"] = value["events"][2]["stored"].clone()
        }),
        ("another version", |value| value["events"][1]["version"] = 9.into()),
        ("a proof without its end", |value| {
            value["events"][0]["proof"]["hashes"].as_array_mut().unwrap().pop();
        }),
        ("a checkpoint of another size", |value| {
            let note = value["checkpoint"].as_str().unwrap().replacen("\n6\n", "\n7\n", 1);
            value["checkpoint"] = note.into();
        }),
    ];
    for (what, change) in changes {
        let mut changed = value.clone();
        change(&mut changed);
        let file = shop.keep("changed.json", &serde_json::to_vec(&changed).unwrap());
        println!("{what}: {}", go.refuses(&["order", &id], &[&file], &[]));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_made_once_and_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let shop = Shop::new().await;
    let file = shop.path("log.key");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("PRIVATE+KEY+shop.example/orders+"), "another form");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = create_key(&file).await;
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("cannot make the file"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}
