//! The projection `proofs` and the signer: every event is a leaf, and nothing is signed that does not continue what was.

use crate::shop::Shop;
use projector::projections::PROOFS;
use projector::{LogSigner, Show, SigningError, rebuild};
use rig::views::Views;
use std::collections::HashMap;
use std::path::Path;
use tokio_util::sync::CancellationToken;
use transparency::hash::empty_root;
use transparency::{Checkpoint, Growth, Hash, Node, Plan, Signer, leaf_hash, node_hash};
use uuid::Uuid;

/// RFC 6962's MTH, as it is written.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        leaves => {
            let half = leaves.len().next_power_of_two() / 2;
            node_hash(&mth(&leaves[..half]), &mth(&leaves[half..]))
        }
    }
}

async fn leaves(shop: &Shop) -> Vec<Hash> {
    let events = shop.log.read_feed(0, 1_000).await.unwrap();
    let leaf = |event: &event_store::RecordedEvent| {
        let mut bytes = Vec::new();
        event.fields().write_head(&mut bytes);
        bytes.extend_from_slice(&event.payload);
        leaf_hash([&bytes[..]])
    };
    events.iter().map(leaf).collect()
}

/// The roots of all sizes from the stored hashes are those of the log's events, and no other hash is stored.
async fn assert_whole(shop: &Shop) {
    let leaves = leaves(shop).await;
    for size in 0..=leaves.len() {
        let plan = Plan::root(size as u64);
        let nodes: Vec<Node> = plan.nodes().collect();
        let seen = shop.model.log_hashes(&nodes).await.unwrap();
        assert_eq!(seen.position, leaves.len() as u64);
        assert_eq!(plan.first(&seen.found).unwrap(), mth(&leaves[..size]), "{size} events");
    }
    let mut growth = Growth::of(leaves.iter().enumerate().map(|(at, leaf)| (at as u64, *leaf)));
    growth.grow(growth.wanted(), []);
    let expected: HashMap<Node, Hash> = growth.into_nodes().into_iter().collect();
    let rows: Vec<(i64,)> = shop.rows("SELECT COUNT(*) FROM log_hashes").await;
    assert_eq!(rows, [(i64::try_from(expected.len()).unwrap(),)]);
}

pub async fn every_event_is_a_leaf_whether_others_can_read_it_or_not(views: Views) {
    let mut shop = Shop::on(views).await;
    for round in 0..9 {
        let order = shop.place("ann").await;
        if round % 3 == 0 {
            shop.poison(order, 1).await;
        }
        // Pages of one event and of several.
        if round % 2 == 0 {
            shop.project().await;
        }
    }
    shop.project().await;
    assert_whole(&shop).await;
    let parked: Vec<(i64,)> =
        shop.rows("SELECT COUNT(*) FROM parked_events WHERE projection = 'proofs'").await;
    assert_eq!(parked, [(0,)]);
    shop.tamper("DELETE FROM log_hashes WHERE place > 4").await;
    let report = shop.verify().await;
    assert!(report.differences.iter().any(|its| its.starts_with("proofs: log_hashes 5")));
    let shutdown = CancellationToken::new();
    rebuild(&shop.source(), &shop.model, &[&PROOFS], Show::Log, &shutdown).await.unwrap();
    assert_whole(&shop).await;
}

fn signer(dir: &Path, checkpoints: bool) -> LogSigner {
    let key = dir.join("key");
    std::fs::write(&key, format!("{}\n", secret().secret_text())).unwrap();
    LogSigner::open(&key, checkpoints.then(|| dir.join("checkpoint"))).unwrap()
}

fn secret() -> Signer {
    Signer::new("shop.example/orders", [9; 32]).unwrap()
}

pub async fn checkpoints_follow_the_tree_and_go_to_the_file(views: Views) {
    let mut shop = Shop::on(views).await;
    let signer = signer(shop.dir.path(), true);
    assert_eq!(signer.sign(&shop.model).await.unwrap(), None, "there is nothing to sign");
    let file = shop.dir.path().join("checkpoint");
    for size in 1..=5_u64 {
        shop.place("ann").await;
        shop.project().await;
        let signed = signer.sign(&shop.model).await.unwrap().unwrap();
        let again = signer.sign(&shop.model).await.unwrap().unwrap();
        assert_eq!(again, signed, "one tree is signed once");
        let note = std::fs::read_to_string(&file).unwrap();
        assert_eq!(note, signed.note);
        let opened = Checkpoint::open(&note, secret().verifier()).unwrap();
        assert_eq!((opened.size, opened.root), (size, mth(&leaves(&shop).await)));
    }
    // A file that is lost is written again; the checkpoint stays the same.
    let note = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    signer.sign(&shop.model).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), note);
}

pub async fn a_tree_that_continues_nothing_signed_is_never_signed(views: Views) {
    let mut shop = Shop::on(views).await;
    for _ in 0..6 {
        shop.place("ann").await;
    }
    shop.project().await;
    let without_file = signer(shop.dir.path(), false);
    let signed = without_file.sign(&shop.model).await.unwrap().unwrap();
    // The tree of four is part of the root of six, and its hash has place 6.
    let hash = match &shop.model {
        read_model::ReadModel::Sqlite(_) => {
            "UPDATE log_hashes SET hash = zeroblob(32) WHERE place = 6"
        }
        read_model::ReadModel::Postgres(_) => {
            "UPDATE log_hashes SET hash = decode(repeat('00', 32), 'hex') WHERE place = 6"
        }
    };
    shop.tamper(hash).await;
    shop.place("bob").await;
    shop.project().await;
    let refused = without_file.sign(&shop.model).await.unwrap_err();
    assert!(matches!(refused, SigningError::Forked { size: 6, .. }), "{refused}");
    let kept = shop.model.signed_checkpoint(None).await.unwrap();
    assert_eq!(kept, Some(signed.clone()), "the old one stays");
    // The database forgets what was signed; the file does not.
    let with_file = signer(shop.dir.path(), true);
    std::fs::write(shop.dir.path().join("checkpoint"), &signed.note).unwrap();
    shop.tamper("DELETE FROM log_checkpoints").await;
    let refused = with_file.sign(&shop.model).await.unwrap_err();
    assert!(matches!(refused, SigningError::Forked { size: 6, .. }), "{refused}");
    // A rebuild makes the tree of this log again, which continues what was signed.
    let shutdown = CancellationToken::new();
    rebuild(&shop.source(), &shop.model, &[&PROOFS], Show::Log, &shutdown).await.unwrap();
    assert_eq!(with_file.sign(&shop.model).await.unwrap().unwrap().size, 7);
    // A tree that is shorter than what was signed is no continuation.
    shop.tamper("UPDATE projections SET position = 5 WHERE name = 'proofs'").await;
    let refused = with_file.sign(&shop.model).await.unwrap_err();
    assert!(matches!(refused, SigningError::Behind { position: 5, size: 7 }), "{refused}");
}

pub async fn a_file_that_is_no_checkpoint_of_this_key_stops_the_signer(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    shop.project().await;
    let signer = signer(shop.dir.path(), true);
    let foreign = Signer::new("other.example", [1; 32]).unwrap();
    let other =
        Checkpoint { origin: "other.example".into(), size: 1, root: [0; 32] }.sign(&foreign);
    for text in ["", "hello\n", &other] {
        std::fs::write(shop.dir.path().join("checkpoint"), text).unwrap();
        let refused = signer.sign(&shop.model).await.unwrap_err();
        assert!(matches!(refused, SigningError::File { .. }), "{refused}");
    }
    let bad = shop.dir.path().join(Uuid::now_v7().to_string());
    assert!(LogSigner::open(&bad, None).unwrap_err().to_string().contains("cannot be read"));
    std::fs::write(&bad, "no key").unwrap();
    assert!(LogSigner::open(&bad, None).unwrap_err().to_string().contains("no signer's key"));
}
