//! The sandbox over HTTP: faults as a client sees them, webhooks as a receiver gets them, the routes that steer it, and
//! the program.

#![allow(clippy::unwrap_used, missing_docs)]

use sandbox::Shared;
use sandbox::shell::{self, Receiver};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const PATIENCE: Duration = Duration::from_secs(20);

/// A client of one sandbox.
struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    fn of(base: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, base }
    }

    async fn serving(shared: &Shared, receiver: Option<Receiver>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(shell::serve(listener, shared.clone(), receiver));
        Self::of(base)
    }

    async fn post(
        &self,
        path: &str,
        form: &str,
        patience: Duration,
    ) -> Result<(u16, Value), reqwest::Error> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth("sk_test");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let answer = request.timeout(patience).body(form.to_owned()).send().await?;
        let status = answer.status().as_u16();
        Ok((status, serde_json::from_slice(&answer.bytes().await?).unwrap_or_default()))
    }

    async fn steer(&self, path: &str, body: Value) -> u16 {
        let request = self.http.post(format!("{}/sandbox/{path}", self.base));
        request.body(body.to_string()).send().await.unwrap().status().as_u16()
    }

    async fn shown(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}/sandbox/{path}", self.base)).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// An intent whose money is held.
    async fn held(&self) -> String {
        let form = "amount=1000&currency=usd&capture_method=manual&payment_method=pm_card_visa";
        let (_, intent) = self.post("/v1/payment_intents", form, PATIENCE).await.unwrap();
        let id = intent["id"].as_str().unwrap().to_owned();
        self.post(&format!("/v1/payment_intents/{id}/confirm"), "", PATIENCE).await.unwrap();
        id
    }
}

#[tokio::test]
async fn faults_as_a_client_sees_them() {
    let client = Client::serving(&Shared::new(1), None).await;
    let short = Duration::from_millis(300);
    for (fault, timeout) in
        [(json!({ "kind": "silence_after" }), true), (json!({ "kind": "reset" }), false)]
    {
        let id = client.held().await;
        let rule = json!({ "call": "capture", "fault": fault, "times": 1 });
        assert_eq!(client.steer("plan", json!({ "rules": [rule] })).await, 204);
        let path = format!("/v1/payment_intents/{id}/capture");
        let error = client.post(&path, "", short).await.unwrap_err();
        assert_eq!(error.is_timeout(), timeout, "{fault}: {error:?}");
        let (status, _) = client.post(&path, "", PATIENCE).await.unwrap();
        assert_eq!(
            status,
            if timeout { 400 } else { 200 },
            "captured already only if it was silent"
        );
    }
    let ledger = client.shown("ledger").await;
    assert_eq!(
        ledger["balances"]["usd"],
        json!({ "customer": -2000, "held": 0, "merchant": 2000 })
    );
    assert_eq!(ledger["balances_out"], true);
    assert_eq!(client.shown("requests").await, json!({ "open": 2, "confirm": 2, "capture": 4 }));
}

#[tokio::test]
async fn the_routes_that_steer_refuse_what_they_do_not_know() {
    let client = Client::serving(&Shared::new(1), None).await;
    for plan in [json!({ "colour": "red" }), json!({ "rules": [{ "fault": { "kind": "rain" } }] })]
    {
        assert_eq!(client.steer("plan", plan).await, 400);
    }
    assert_eq!(client.steer("nothing", json!({})).await, 404);
    assert_eq!(client.steer("intents/pi_none/authenticate", json!({ "passed": true })).await, 404);
    assert_eq!(client.steer("bookings/none/move", json!({ "state": "arrived" })).await, 404);
    assert_eq!(client.steer("bookings/none/move", json!({ "state": "lost" })).await, 400);
    assert_eq!(client.shown("plan").await["keys"], true);
    let answer = client.http.get(format!("{}/v1/payment_intents/pi_none", client.base));
    assert_eq!(answer.send().await.unwrap().status(), 401, "without a key");
}

/// A receiver of webhooks that refuses the first ones; the types it took, and the signatures.
async fn receiver(refuses: usize) -> (Receiver, Arc<Mutex<Vec<(String, String)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let noted = taken.clone();
    tokio::spawn(async move {
        for number in 0_usize.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 64 * 1024];
            let mut length = 0;
            // The head and the body of one webhook: a JSON object ends it.
            while !bytes[..length].ends_with(b"}") {
                length += stream.read(&mut bytes[length..]).await.unwrap();
            }
            let text = String::from_utf8(bytes[..length].to_vec()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let signature = head.lines().find_map(|it| it.strip_prefix("stripe-signature: "));
            let event: Value = serde_json::from_str(body).unwrap();
            let code = if number < refuses { 500 } else { 200 };
            if code == 200 {
                let kind = event["type"].as_str().unwrap().to_owned();
                noted.lock().unwrap().push((kind, signature.unwrap().to_owned()));
            }
            let answer =
                format!("HTTP/1.1 {code} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    (Receiver { url, secret: b"whsec".to_vec(), http }, taken)
}

#[tokio::test]
async fn early_webhooks_come_before_the_answer() {
    let (receiver, taken) = receiver(0).await;
    let client = Client::serving(&Shared::new(1), Some(receiver)).await;
    client.steer("plan", json!({ "webhooks": { "early": true, "copies": 2 } })).await;
    client.held().await;
    let taken = taken.lock().unwrap().clone();
    let kinds: Vec<&str> = taken.iter().map(|(kind, _)| kind.as_str()).collect();
    let held = "payment_intent.amount_capturable_updated";
    assert_eq!(kinds, ["payment_intent.created", "payment_intent.created", held, held]);
    assert!(taken.iter().all(|(_, it)| it.starts_with("t=") && it.contains(",v1=")), "{taken:?}");
}

#[tokio::test]
async fn a_webhook_that_is_not_taken_is_sent_again() {
    let (receiver, taken) = receiver(1).await;
    let shared = Shared::new(1);
    let client = Client::serving(&shared, None).await;
    tokio::spawn(shell::deliver(shared.clone(), Some(receiver)));
    client.held().await;
    let both = async {
        while taken.lock().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, both).await.unwrap();
}

#[tokio::test]
async fn the_program_answers_where_it_says() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(["--listen", "127.0.0.1:0", "--smtp", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let second = lines.next().unwrap().unwrap();
    let client = Client::of(first.strip_prefix("listening on ").unwrap().to_owned());
    client.held().await;
    let ledger = client.shown("ledger").await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(second.starts_with("taking mail on 127.0.0.1:"), "{second}");
    assert_eq!(ledger["balances"]["usd"]["held"], 1000);
}
