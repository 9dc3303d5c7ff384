//! Keys that rotate, a source that fails, and tokens that name keys which nobody has.

use super::*;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn set(id: &str) -> String {
    let key = Ed25519KeyPair::generate().unwrap();
    let x = BASE64.encode(key.public_key());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x}]}).to_string()
}

fn has(current: &Current, id: &str) -> bool {
    current.keys.candidates(jsonwebtoken::Algorithm::EdDSA, Some(id)).next().is_some()
}

/// An identity provider that publishes what it is given; `None` = it fails.
struct Provider {
    published: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
    url: reqwest::Url,
}

impl Provider {
    async fn start(first: String) -> Self {
        let published = Arc::new(Mutex::new(Some(first)));
        let asked = Arc::new(AtomicUsize::new(0));
        let (shown, count) = (Arc::clone(&published), Arc::clone(&asked));
        let answer = get(async move || {
            count.fetch_add(1, Ordering::Relaxed);
            shown.lock().unwrap().clone().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        tokio::spawn(async move {
            axum::serve(listener, Router::new().route("/keys", answer)).await.unwrap();
        });
        Self { published, asked, url: url.parse().unwrap() }
    }

    fn publish(&self, set: Option<String>) {
        *self.published.lock().unwrap() = set;
    }
}

#[tokio::test]
async fn a_key_that_is_not_known_is_asked_for() {
    let provider = Provider::start(set("first")).await;
    let keys = IssuerKeys::follow(KeySource::Url(provider.url.clone())).await;
    assert!(has(&keys.current(), "first"));
    provider.publish(Some(set("second")));
    tokio::time::sleep(MIN_PAUSE).await;
    let newer = keys.newer().await;
    assert!(has(&newer, "second") && !has(&newer, "first"), "the old key was withdrawn");
    assert_eq!(newer.generation, 2);
}

#[tokio::test]
async fn the_last_good_keys_stay_while_the_issuer_fails() {
    let provider = Provider::start(set("first")).await;
    let keys = IssuerKeys::follow(KeySource::Url(provider.url.clone())).await;
    for failure in [None, Some("no json".to_owned()), Some("{\"keys\": []}".to_owned())] {
        provider.publish(failure);
        tokio::time::sleep(MIN_PAUSE).await;
        let current = keys.newer().await;
        assert!(current.failed.is_some());
        assert!(has(&current, "first"));
    }
}

#[tokio::test]
async fn many_unknown_keys_ask_the_issuer_few_times() {
    let provider = Provider::start(set("first")).await;
    let keys = IssuerKeys::follow(KeySource::Url(provider.url.clone())).await;
    let begun = Instant::now();
    while begun.elapsed() < 2 * MIN_PAUSE {
        futures::future::join_all((0..50).map(|_| keys.newer())).await;
    }
    let asked = provider.asked.load(Ordering::Relaxed);
    assert!(asked <= 4, "{asked} times in {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys.json");
    let keys = IssuerKeys::follow(KeySource::File(file.clone())).await;
    assert!(keys.current().failed.is_some() && keys.current().keys.is_empty());
    std::fs::write(&file, set("first")).unwrap();
    let mut current = keys.current.clone();
    let read = current.wait_for(|current| has(current, "first"));
    timeout(RETRY_EVERY * 2, read).await.expect("it is read").unwrap();
}

#[test]
fn keys_are_not_fetched_over_an_open_wire() {
    for (given, taken) in [
        ("https://id.example/keys", true),
        ("http://127.0.0.1:8080/keys", true),
        ("http://[::1]/keys", true),
        ("http://localhost/keys", true),
        ("http://id.example/keys", false),
        ("http://localhost.example/keys", false),
        ("keys.json", true),
        ("/etc/orderlog/keys.json", true),
    ] {
        assert_eq!(KeySource::parse(given).is_ok(), taken, "{given}");
    }
}
