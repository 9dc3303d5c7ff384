//! What the log keeps of a request with a key says nothing of its texts, and still finds the request again.

use super::personal_tests::{Process, Shop, create, note};
use super::{Key, Pipeline, PipelineLimits, Refusal, Replayed, Reply, Retention};
use domain::order::{OrderAggregate, OrderCommand};
use event_store::{Access, EventStore};
use std::sync::Arc;
use uuid::Uuid;

const ORDER: Uuid = Uuid::from_u128(1);

/// A client's request, a line with a key and a line without one, each with its hash.
fn keys(hash: u8) -> [Key; 3] {
    let hash = |n| [hash + n; 32];
    [
        Key::new("http:7".to_owned(), hash(0), Retention::Retries),
        Key::new("import:7".to_owned(), hash(1), Retention::Forever),
        Key::of_content("import", hash(2), Retention::Forever),
    ]
}

async fn ask(process: &Process, command: OrderCommand, key: Key) -> Reply<OrderAggregate> {
    process.ask_with(ORDER, command, identity::Scope::All, Some(key)).await
}

fn is_replayed(reply: &Reply<OrderAggregate>, version: u64) -> bool {
    let accepted = reply.result.as_ref().unwrap();
    reply.replayed != Replayed::No && accepted.version == version
}

#[tokio::test]
async fn a_hash_of_a_request_is_in_no_file_and_finds_it_again() {
    let shop = Shop::new();
    let process = shop.start(1_000).await;
    process.done(ORDER, create(false)).await;
    for (version, key) in (2..).zip(keys(10)) {
        let text = format!("note {version}");
        assert_eq!(ask(&process, note(&text), key).await.result.unwrap().version, version);
    }
    process.pipeline.close().await;

    // Cold, in another process.
    let process = shop.start(1_000).await;
    for (version, key) in (2..).zip(keys(10)) {
        assert!(is_replayed(&ask(&process, note("again"), key).await, version));
    }
    for (reused, key) in keys(20).into_iter().enumerate() {
        let reply = ask(&process, note("another"), key).await;
        match reused {
            0 | 1 => assert!(matches!(reply.result, Err(Refusal::KeyReused)), "{reused}"),
            // Another content is another line.
            _ => assert_eq!(reply.result.unwrap().version, 5),
        }
    }
    process.pipeline.close().await;
    assert!(shop.holds_bytes(b"import:7"), "the search finds what is there");
    for hash in (10..13).chain(20..23).map(|hash| [hash; 32]) {
        assert!(!shop.holds_bytes(&hash), "{hash:?}");
        assert!(!shop.holds_bytes(hex::encode(hash).as_bytes()), "{hash:?}");
    }
}

#[tokio::test]
async fn what_was_kept_before_texts_were_sealed_is_found() {
    let shop = Shop::new();
    let store = EventStore::open(&shop.url("events.db"), Access::ReadWrite).await.unwrap();
    let clock = Arc::new(server::clock::now);
    let plain = Pipeline::<OrderAggregate>::spawn(store, clock, PipelineLimits::default());
    let sealing = shop.start(1_000).await;
    let process = Process { pipeline: plain, ..shop.start(1_000).await };
    process.done(ORDER, create(false)).await;
    for (version, key) in (2..).zip(keys(10)) {
        let text = format!("note {version}");
        assert_eq!(ask(&process, note(&text), key).await.result.unwrap().version, version);
    }
    process.pipeline.close().await;
    assert!(shop.holds_bytes(hex::encode([12; 32]).as_bytes()));
    for (version, key) in (2..).zip(keys(10)) {
        assert!(is_replayed(&ask(&sealing, note("again"), key).await, version));
    }
    for key in &keys(20)[..2] {
        let reply = ask(&sealing, note("another"), key.clone()).await;
        assert!(matches!(reply.result, Err(Refusal::KeyReused)));
    }
}
