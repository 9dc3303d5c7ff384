//! The suite on each provider.

use crate::doubles::start_or_say;
use crate::suite::every_case;
use crate::world::{Method, START, SandboxWorld, World, http, key, opened, served};
use outside::psp::{MethodToken, Psp, PspId, WebhookSecret};
use outside::{Failure, Secret};
use sandbox::Shared;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const PATIENCE: Duration = Duration::from_secs(20);
const API_KEY: &str = "sk_test_outside";

#[tokio::test]
async fn the_sandbox_in_this_process_passes() {
    let shared = Shared::new(START);
    let psp = Psp::sandbox(shared.clone());
    every_case(&SandboxWorld { shared, psp }).await;
}

#[tokio::test]
async fn the_sandbox_over_http_passes() {
    let shared = Shared::new(START);
    let psp = Psp::stripe(http(served(&shared).await, API_KEY, PATIENCE));
    every_case(&SandboxWorld { shared, psp }).await;
}

#[tokio::test]
async fn a_wrong_api_key_is_refused_for_now() {
    let shared = Shared::new(START);
    let psp = Psp::stripe(http(served(&shared).await, "wrong", PATIENCE));
    let id = PspId::parse("pi_any").unwrap();
    let refused = psp.read(&id).await.unwrap_err();
    assert!(matches!(refused, Failure::Refused { is_final: false, .. }), "{refused:?}");
}

/// localstripe: stateful, without idempotency keys, and it gives back more than it took.
struct LocalStripe {
    psp: Psp,
    client: reqwest::Client,
    base: String,
}

impl LocalStripe {
    async fn post(&self, path: &str, form: &str) -> Value {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(API_KEY);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let answer = request.body(form.to_owned()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    }
}

impl World for LocalStripe {
    fn psp(&self) -> &Psp {
        &self.psp
    }

    fn caps_refunds(&self) -> bool {
        false
    }

    async fn method(&self, method: Method) -> MethodToken {
        MethodToken(Secret::new(match method {
            Method::Pays => "pm_card_visa".to_owned(),
            Method::Declines => "pm_card_chargeCustomerFail".to_owned(),
            Method::AsksTheCustomer => {
                let card = "type=card&card[number]=4000002500003155&card[exp_month]=12\
                    &card[exp_year]=2040&card[cvc]=123";
                let made = self.post("/v1/payment_methods", card).await;
                made["id"].as_str().unwrap().to_owned()
            }
        }))
    }

    async fn customer(&self, id: &PspId, passed: bool) {
        let action = self.psp.action(id).await.unwrap().unwrap();
        let secret = action.client_secret.unwrap();
        let path = format!("/v1/payment_intents/{id}/_authenticate");
        let form = format!("client_secret={}&success={passed}", secret.expose());
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(API_KEY);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.body(form).send().await.unwrap();
    }
}

async fn local_stripe(untested: &str) -> Option<(LocalStripe, crate::doubles::Double)> {
    let double = start_or_say("localstripe", untested).await?;
    let psp = Psp::stripe(http(double.port, API_KEY, PATIENCE));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let base = format!("http://127.0.0.1:{}", double.port);
    Some((LocalStripe { psp, client, base }, double))
}

#[tokio::test]
async fn localstripe_passes() {
    let Some((world, _double)) = local_stripe("payments at localstripe").await else { return };
    every_case(&world).await;
}

#[tokio::test]
async fn a_webhook_of_localstripe_is_genuine() {
    let Some((world, _double)) = local_stripe("webhooks of localstripe").await else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let form = format!("url=http://127.0.0.1:{port}/&secret=whsec_local");
    world.post("/_config/webhooks/ours", &form).await;
    let id = opened(&world.psp, "pm_card_visa").await;
    world.psp.confirm(&key(), &id).await.unwrap();
    world.psp.capture(&key(), &id, crate::world::usd(1000)).await.unwrap();
    let (header, body) = received(&listener).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let secret = WebhookSecret(Secret::new("whsec_local"));
    let notice = secret.verify(&body, &header, now).unwrap();
    assert_eq!(notice.kind, "payment_intent.succeeded");
    assert_eq!(notice.intent.as_deref(), Some(id.as_str()));
}

/// The signature and the body of the next webhook.
async fn received(listener: &TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(count > 0, "the webhook ends early");
        bytes.extend_from_slice(&chunk[..count]);
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let value = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let mut found = lines.filter(|(it, _)| it.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.to_owned())
        };
        let length: usize = value("content-length").unwrap().parse().unwrap();
        let body = &bytes[end + 4..];
        if body.len() >= length {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            return (value("stripe-signature").unwrap(), body[..length].to_vec());
        }
    }
}
