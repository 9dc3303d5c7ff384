//! Marked secrets and marked personal data in every input: none comes back in a log, a metric or the body of an error.
//!
//! Each input has a marker of its own, so that a leak names its way. [`requests`] has the requests.

#![allow(clippy::unwrap_used, missing_docs)]

mod requests;

use requests::{IMPORT, Sent, everything, marker};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use system_tests::auth::{self, AUDIENCE, ISSUER};
use system_tests::program::Program;
use system_tests::raw::{RawAnswer, read_answer};
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What every marker begins with.
pub const CANARY: &str = "cnry7d1f";

/// The markers in a text.
fn markers(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words =
        text.split(|c| !is_word(c)).filter_map(|word| word.find(CANARY).map(|at| &word[at..]));
    words.map(str::to_owned).collect()
}

async fn keys(data: &TempDir, arguments: &[&str]) -> String {
    let launch = Launch::new(Program::Orderlog).args(["keys"]).args(arguments);
    let output = launch.args(["--data-dir"]).args([data.path()]).run().await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn ask(server: &Server, request: &[u8]) -> RawAnswer {
    let mut stream = TcpStream::connect(server.host()).await.unwrap();
    // A server that refuses early has closed.
    let _ = stream.write_all(request).await;
    read_answer(&mut stream).await
}

/// An error's body without what the contract asks for: `instance`, the path of the request, and `pointer`, the place of a
/// broken field. Both are names that the client chose, not values.
fn without_places(answer: &RawAnswer) -> String {
    let lines = answer.body.lines().map(|line| match serde_json::from_str::<Value>(line) {
        Ok(mut body) => {
            remove_places(&mut body);
            body.to_string()
        }
        Err(_) => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn remove_places(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !matches!(name.as_str(), "instance" | "pointer"));
            members.values_mut().for_each(remove_places);
        }
        Value::Array(values) => values.iter_mut().for_each(remove_places),
        _ => {}
    }
}

/// A log without the actors of the audit log: who did something is what that is for.
fn without_actors(log: &str) -> String {
    let lines = log.lines().map(|line| match serde_json::from_str::<Value>(line) {
        Ok(mut entry) if entry["target"] == "audit" => {
            entry.as_object_mut().map(|members| members.remove("actor"));
            entry.to_string()
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn plays(level: &str) {
    let data = TempDir::new().unwrap();
    let key = keys(&data, &["create", "--name", "till", "--role", "admin"]).await;
    let server = Launch::orderlog(data.path())
        .args(["--auth", "hs256,keys", "--auth-issuer", ISSUER, "--auth-audience", AUDIENCE])
        .args(["--auth-secret-file".as_ref(), auth::secret_file().as_os_str()])
        .env("ORDERLOG_LOG", level)
        .env("RUST_BACKTRACE", "1")
        .serve()
        .await;
    let token = auth::token(&marker("subject"), &["admin"], None);
    let (mut leaks, mut statuses) = (Vec::new(), BTreeSet::new());
    for credentials in [&token, &key] {
        for Sent { name, bytes } in everything(credentials) {
            let answer = ask(&server, &bytes).await;
            statuses.insert(answer.status);
            assert_ne!(answer.status, 500, "{name}: {}", answer.body);
            // What an import says of a line that it refuses is an error, too.
            if answer.status >= 400 || name == IMPORT {
                let told = markers(&without_places(&answer));
                leaks.extend(
                    told.iter().map(|it| format!("error body of {name}: {it}: {}", answer.body)),
                );
                let head = markers(&answer.head);
                leaks.extend(head.iter().map(|it| format!("error head of {name}: {it}")));
            }
        }
    }
    for status in [200, 201, 400, 401, 404, 409, 412, 415, 422] {
        assert!(statuses.contains(&status), "no request was answered {status}: {statuses:?}");
    }
    // The views and the metrics have caught up by then.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let metrics = format!(
        "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let metrics = ask(&server, metrics.as_bytes()).await;
    assert!(metrics.status == 200 && metrics.body.contains("http_requests_total"));
    leaks.extend(markers(&metrics.body).iter().map(|it| format!("metrics: {it}")));
    let log = server.log().clone();
    server.stop().await;
    let log = log.text();
    assert!(log.contains("effective settings"), "{log}");
    let log = without_actors(&log);
    leaks.extend(markers(&log).iter().map(|it| {
        let line = log.lines().find(|line| line.contains(it.as_str())).unwrap_or_default();
        format!("log at {level}: {it}: {line}")
    }));
    let secret = key.rsplit('_').next().unwrap();
    for (what, secret) in [("API key", secret), ("token", token.rsplit('.').next().unwrap())] {
        assert!(!log.contains(secret) && !metrics.body.contains(secret), "{what}");
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
}

#[tokio::test]
async fn nothing_comes_back_at_the_usual_level() {
    plays("info").await;
}

#[tokio::test]
async fn nothing_comes_back_at_debug() {
    plays("debug").await;
}

/// Secrets in files, in URLs of flags and of the environment, for programs that start and for those that cannot.
#[tokio::test]
async fn no_program_prints_the_secrets_that_it_was_started_with() {
    let data = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = data.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let short = file("short", &marker("short-secret"));
    let long = file("long", &marker("secret").repeat(3));
    let jwks =
        file("keys.json", &json!({"keys": [{"kty": "oct", "k": marker("jwk")}]}).to_string());
    let broken = file("broken.json", &format!("{{\"keys\": {}", marker("broken-set")));
    let pem = file("key.pem", &format!("-----BEGIN PRIVATE KEY-----\n{}\n", marker("pem")));
    let bad_token = file("token", &format!("{}\u{7}x", marker("token-file")));
    let lines = file(
        "lines",
        &format!("{{\"order_id\": \"{}\"}}\n{}\n", marker("line-id"), marker("line")),
    );
    let secret = |name: &str| format!("postgres://user:{}@127.0.0.1:1/db", marker(name));
    let expected = ["--auth-issuer", ISSUER, "--auth-audience", AUDIENCE];
    let hs256 = |path: &str| {
        [&["--auth", "hs256", "--auth-secret-file", path][..], &expected]
            .concat()
            .iter()
            .map(|s| (*s).to_owned())
            .collect::<Vec<_>>()
    };
    let of_jwks = |place: &str| {
        [&["--auth", "jwks", "--auth-jwks", place][..], &expected]
            .concat()
            .iter()
            .map(|s| (*s).to_owned())
            .collect::<Vec<_>>()
    };
    let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let url = format!("http://user:{}@127.0.0.1:1", marker("import-url"));
    let issuer = format!(
        "https://user:{}@127.0.0.1:1/keys?token={}",
        marker("jwks-password"),
        marker("jwks-query")
    );
    let starts = [
        hs256(&short),
        hs256(&long),
        of_jwks(&jwks),
        of_jwks(&broken),
        of_jwks(&issuer),
        own(&["--tls-cert", &pem, "--tls-key", &pem]),
        own(&["--auth", "keys", "--key-store", &secret("key-store")]),
        own(&["--event-store", &secret("event-store")]),
        own(&["--read-model", &secret("read-model")]),
        own(&["keys", "list", "--key-store", &secret("keys-list")]),
        own(&["import", &lines]),
        own(&["import", &lines, "--url", &url]),
        own(&["import", &lines, "--url", "http://127.0.0.1:1", "--token-file", &bad_token]),
    ];
    for arguments in &starts {
        for level in ["info", "debug"] {
            let folder = data.path().join("data");
            let launch = Launch::new(Program::Orderlog).args(arguments).env("ORDERLOG_LOG", level);
            let launch = launch.env("ORDERLOG_LISTEN", "127.0.0.1:0");
            let launch = launch.env("ORDERLOG_DATA_DIR", &folder.display().to_string());
            let launch = launch.env("ORDERLOG_TEST_PASSWORD", &marker("environment"));
            let running = launch.spawn();
            let log = running.log.clone();
            // Long enough to start, to fail, or to try a server that is not there.
            tokio::time::sleep(Duration::from_millis(700)).await;
            let _ = running.kill().await;
            let text = log.text();
            let told: Vec<_> = markers(&text).into_iter().collect();
            assert!(!text.is_empty(), "{arguments:?} printed nothing");
            assert!(told.is_empty(), "{arguments:?} at {level}: {told:?}\n{text}");
        }
    }
}
