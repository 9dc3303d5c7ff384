//! Tokens of a real identity provider: every algorithm, and keys that rotate while the server runs.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use system_tests::auth::AUDIENCE;
use system_tests::client::Client;
use system_tests::orders::{new_id, placed};
use system_tests::server::Launch;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Longer than the server's pause between two readings that tokens ask for.
const PAUSE: Duration = Duration::from_millis(2_500);

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/identity-provider")
}

/// A running provider; ends when dropped.
struct Provider {
    _child: Child,
    orders: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    issuer: String,
}

impl Provider {
    /// `None`, after saying so, where it cannot be installed.
    async fn start(algorithm: &str) -> Option<Self> {
        let fetched = Command::new(script()).arg("fetch").output().await.unwrap();
        if !fetched.status.success() {
            let why = String::from_utf8_lossy(&fetched.stderr);
            eprintln!("NOT TESTED: tokens of a real identity provider. {}", why.trim());
            return None;
        }
        let mut child = Command::new(script())
            .arg(algorithm)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (orders, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(output).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        let issuer = first.strip_prefix("issuer ").unwrap().to_owned();
        Some(Self { _child: child, orders, lines, issuer })
    }

    /// Makes it sign with a new key. `how` = `keep` or `withdraw` the old ones.
    async fn rotate(&mut self, how: &str) {
        self.orders.write_all(format!("{how}\n").as_bytes()).await.unwrap();
        assert_eq!(self.lines.next_line().await.unwrap().as_deref(), Some("rotated"));
        tokio::time::sleep(PAUSE).await;
    }

    async fn token(&self, client: &str) -> String {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let asked = http.post(format!("{}/token", self.issuer));
        let asked = asked.basic_auth(client, Some(format!("secret%20of%20{client}")));
        let asked = asked.header("Content-Type", "application/x-www-form-urlencoded");
        let scope = if client == "loader" { "&scope=openid%20import" } else { "" };
        let answer =
            asked.body(format!("grant_type=client_credentials{scope}")).send().await.unwrap();
        let answer: serde_json::Value =
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

async fn tokens_are_taken_and_keys_rotate(algorithm: &str) {
    let Some(mut provider) = Provider::start(algorithm).await else { return };
    let data = TempDir::new().unwrap();
    let keys = format!("{}/jwks", provider.issuer);
    let launch = Launch::orderlog(data.path()).args(["--auth", "jwks", "--auth-jwks", &keys]);
    let launch = launch.args(["--auth-issuer", &provider.issuer, "--auth-audience", AUDIENCE]);
    let server = launch.serve().await;
    let nobody = server.client().await.without_token();
    let status = async |client: &Client| client.get("/v1/orders").await.status;

    let (till, ada) = (provider.token("till").await, provider.token("ada").await);
    let (till, ada) = (nobody.bearing(&till), nobody.bearing(&ada));
    assert_eq!((status(&till).await, status(&ada).await, status(&nobody).await), (200, 200, 401));
    ada.post("/v1/orders", &placed(new_id(), "c-ada")).await.expect(201);
    ada.post("/v1/orders", &placed(new_id(), "c-eve")).await.problem(403, "forbidden");
    let loader = nobody.bearing(&provider.token("loader").await);
    assert_eq!(status(&loader).await, 403, "its scope names another role");
    let import = [("Content-Type", "application/x-ndjson")];
    assert_eq!(loader.post_with("/v1/import", &import, &json!({})).await.status, 200);

    provider.rotate("keep").await;
    let newer = nobody.bearing(&provider.token("till").await);
    assert_eq!((status(&newer).await, status(&till).await), (200, 200), "both keys are published");

    provider.rotate("withdraw").await;
    let newest = nobody.bearing(&provider.token("till").await);
    assert_eq!(status(&newest).await, 200);
    assert_eq!((status(&newer).await, status(&till).await), (401, 401), "their keys are withdrawn");

    drop(provider);
    assert_eq!(status(&newest).await, 200, "the last good keys stay");
    server.stop().await;
}

#[tokio::test]
async fn rs256() {
    tokens_are_taken_and_keys_rotate("RS256").await;
}

#[tokio::test]
async fn es256() {
    tokens_are_taken_and_keys_rotate("ES256").await;
}

#[tokio::test]
async fn eddsa() {
    tokens_are_taken_and_keys_rotate("EdDSA").await;
}
