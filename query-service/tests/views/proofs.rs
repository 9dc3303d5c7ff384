//! The log proves itself: checkpoints, inclusion, consistency, and an order's proof.

use crate::shop::Shop;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::order::OrderCommand;
use projector::LogSigner;
use rig::views::Views;
use serde_json::Value;
use transparency::{Checkpoint, Hash, Signer, leaf_hash, proof};
use uuid::Uuid;

fn key() -> Signer {
    Signer::new("shop.example/orders", [5; 32]).unwrap()
}

/// Signs the tree as it is.
async fn sign(shop: &Shop) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, key().secret_text()).unwrap();
    LogSigner::open(&file, None).unwrap().sign(&shop.model).await.unwrap();
}

/// The signed checkpoint, as a client with the verifier key reads it.
async fn checkpoint(shop: &Shop) -> Checkpoint {
    let answer = shop.get("/v1/log/checkpoint").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let checkpoint =
        Checkpoint::open(std::str::from_utf8(&answer.body).unwrap(), key().verifier()).unwrap();
    assert_eq!(answer.header("consistency-token"), checkpoint.size.to_string());
    checkpoint
}

fn hash(value: &Value) -> Hash {
    STANDARD.decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

async fn busy_shop(views: Views) -> (Shop, Uuid) {
    let mut shop = Shop::on(views).await;
    for customer in ["ann", "bob", "cid"] {
        shop.place(customer, &[("tea", 1, 450)]).await;
    }
    let order = shop.place("dan", &[("tea", 2, 450)]).await;
    shop.place("eve", &[("pot", 1, 900)]).await;
    shop.must(order, OrderCommand::Confirm).await;
    shop.project().await;
    (shop, order)
}

pub async fn every_event_is_in_every_later_tree(views: Views) {
    let (shop, _) = busy_shop(views).await;
    let head = shop.head().await;
    sign(&shop).await;
    let signed = checkpoint(&shop).await;
    assert_eq!((signed.size, signed.origin.as_str()), (head, "shop.example/orders"));
    let events = shop.log.read_feed(0, 100).await.unwrap();
    for size in 1..=head {
        let all = shop.ok(&format!("/v1/log/consistency?from={size}&to={head}")).await;
        assert_eq!((&all["from"], &all["to"]), (&size.into(), &head.into()));
        for event in events.iter().filter(|event| event.position <= size) {
            let position = event.position;
            let found = shop.ok(&format!("/v1/log/proof?position={position}&size={size}")).await;
            let mut stored = Vec::new();
            event.fields().write_head(&mut stored);
            let leaf = leaf_hash([&stored[..], &event.payload[..]]);
            assert_eq!(hash(&found["leaf_hash"]), leaf);
            if size == head {
                let path = hashes(&found["hashes"]);
                assert!(proof::includes(&path, position - 1, &leaf, head, &signed.root));
            }
        }
    }
}

pub async fn one_checkpoint_continues_another(views: Views) {
    let (mut shop, order) = busy_shop(views).await;
    sign(&shop).await;
    let before = checkpoint(&shop).await;
    for reason in ["late", "lost"] {
        let text = domain::Note::parse(reason).unwrap();
        shop.must(order, OrderCommand::AddNote { text }).await;
    }
    shop.project().await;
    assert_eq!(checkpoint(&shop).await, before, "nobody has signed since");
    let token = shop.head().await.to_string();
    let waits = [("consistency-token", token.as_str()), ("prefer", "wait=0")];
    let behind = shop.get_with("/v1/log/checkpoint", &waits).await;
    assert_eq!(behind.code(), (503, "read-model-behind".into()));
    sign(&shop).await;
    assert_eq!(shop.get_with("/v1/log/checkpoint", &waits).await.status, 200);
    let after = checkpoint(&shop).await;
    assert_eq!(after.size, before.size + 2);
    let path = format!("/v1/log/consistency?from={}&to={}", before.size, after.size);
    let found = hashes(&shop.ok(&path).await["hashes"]);
    let trees = ((before.size, &before.root), (after.size, &after.root));
    assert!(proof::continues(&found, trees.0, trees.1));
    let same = format!("/v1/log/consistency?from={0}&to={0}", after.size);
    assert_eq!(shop.ok(&same).await["hashes"], serde_json::json!([]));
}

pub async fn an_order_is_proved_by_its_stored_bytes(views: Views) {
    let (mut shop, order) = busy_shop(views).await;
    let path = format!("/v1/orders/{order}/proof");
    assert_eq!(shop.get(&path).await.code(), (404, "no-checkpoint".into()));
    assert_eq!(shop.get("/v1/log/checkpoint").await.code(), (404, "no-checkpoint".into()));
    let nobody = format!("/v1/orders/{}/proof", Uuid::now_v7());
    assert_eq!(shop.get(&nobody).await.code(), (404, "order-not-found".into()));
    sign(&shop).await;
    let text = domain::Note::parse("later").unwrap();
    shop.must(order, OrderCommand::AddNote { text }).await;
    shop.project().await;
    let answer = shop.ok(&path).await;
    let note = answer["checkpoint"].as_str().unwrap();
    let signed = Checkpoint::open(note, key().verifier()).unwrap();
    let events = answer["events"].as_array().unwrap();
    assert_eq!((events.len(), &answer["not_yet_covered"]), (2, &1.into()));
    let history = shop.ok(&format!("/v1/orders/{order}/history")).await;
    for (event, shown) in events.iter().zip(history["data"].as_array().unwrap()) {
        for member in ["position", "version", "event_id", "type"] {
            assert_eq!(event[member], shown[member]);
        }
        let stored = STANDARD.decode(event["stored"].as_str().unwrap()).unwrap();
        let payload = shown["data"].to_string();
        assert!(stored.starts_with(b"orderlog event 1\n"));
        assert_eq!(
            serde_json::from_slice::<Value>(&stored[stored.len() - payload.len()..]).unwrap(),
            shown["data"]
        );
        let (leaf, its) = (leaf_hash([&stored[..]]), &event["proof"]);
        assert_eq!(hash(&its["leaf_hash"]), leaf);
        assert_eq!(its["size"], signed.size);
        let index = event["position"].as_u64().unwrap() - 1;
        let path = hashes(&its["hashes"]);
        assert!(proof::includes(&path, index, &leaf, signed.size, &signed.root));
    }
    let first = shop.ok(&format!("{path}?limit=1")).await;
    assert_eq!(first["events"], serde_json::json!([events[0]]));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = shop.ok(&format!("{path}?limit=1&cursor={cursor}")).await;
    assert_eq!(second["events"], serde_json::json!([events[1]]));
    let third = shop
        .ok(&format!("{path}?limit=1&cursor={}", second["next_cursor"].as_str().unwrap()))
        .await;
    assert_eq!((&third["events"], &third["not_yet_covered"]), (&serde_json::json!([]), &1.into()));
    assert_eq!(third["next_cursor"], Value::Null);
    sign(&shop).await;
    assert_eq!(shop.ok(&path).await["events"].as_array().unwrap().len(), 3);
}

pub async fn a_tree_that_is_not_there_yet_is_refused_by_name(views: Views) {
    let (shop, _) = busy_shop(views).await;
    let over = shop.head().await + 1;
    for (path, parameter) in [
        ("/v1/log/proof?position=0&size=1".to_owned(), "position"),
        ("/v1/log/proof?position=3&size=2".to_owned(), "size"),
        (format!("/v1/log/proof?position=1&size={over}"), "size"),
        ("/v1/log/proof?position=1&size=18446744073709551615".to_owned(), "size"),
        ("/v1/log/proof?position=1".to_owned(), "size"),
        ("/v1/log/consistency?from=0&to=1".to_owned(), "from"),
        ("/v1/log/consistency?from=3&to=2".to_owned(), "to"),
        (format!("/v1/log/consistency?from=1&to={over}"), "to"),
        ("/v1/log/consistency?to=2".to_owned(), "from"),
    ] {
        let answer = shop.get(&path).await;
        assert_eq!(answer.code(), (400, "invalid-parameter".into()), "{path}");
        assert_eq!(answer.json()["parameter"], parameter, "{path}");
    }
}
