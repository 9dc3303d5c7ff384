//! Erasures while commands of the customer run: no text that was accepted before one began is ever shown after it.

use super::personal_tests::{CUSTOMER, Process, SECRETS, Shop, create, note};
use chrono::Utc;
use domain::Aggregate;
use domain::order::{OrderAggregate, OrderCommand};
use rig::rng::Rng;
use std::time::{Duration, Instant};
use uuid::Uuid;

const ROUNDS: usize = 12;

/// Follows the log to its end, and erases.
async fn erase(process: &Process) {
    process.follow().await;
    process.keyring.erase(CUSTOMER, Utc::now()).await.unwrap();
}

fn change(quantity: u64) -> OrderCommand {
    let quantity = u32::try_from(quantity).unwrap();
    OrderCommand::ChangeLineQuantity { line_id: 1, quantity }
}

/// Placing a draft repeats the customer's name, from a state in memory.
fn place() -> OrderCommand {
    OrderCommand::Place { expected_total: None }
}

async fn shows_no_secret(process: &Process, ids: &[Uuid]) {
    for id in ids {
        let shown = process.shown(*id).await;
        for secret in &SECRETS[..3] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_at_any_moment_leaves_no_text_from_before_it() {
    let mut rng = Rng::printed("erasures among commands");
    for _ in 0..ROUNDS {
        let shop = Shop::new();
        let drafts: Vec<Uuid> = (1..=8).map(Uuid::from_u128).collect();
        let before = shop.start(1_000).await;
        for id in &drafts {
            before.done(*id, create(true)).await;
        }
        before.pipeline.close().await;
        drop(before);
        // This process has no key of the customer, so what it seals is not known to be the customer's until it is followed.
        let process = shop.start(3).await;
        let pause = Duration::from_micros(rng.below(30_000));
        let commands = async {
            for (number, id) in drafts.iter().enumerate() {
                process.done(*id, change(2 + number as u64)).await;
                process.done(*id, place()).await;
                process.done(*id, note(&format!("later {number}"))).await;
            }
        };
        let erasing = async {
            tokio::time::sleep(pause).await;
            erase(&process).await;
            shows_no_secret(&process, &drafts).await;
        };
        tokio::join!(commands, erasing);
        shows_no_secret(&process, &drafts).await;
        process.pipeline.close().await;
        drop(process);
        let later = shop.start(1_000).await;
        shows_no_secret(&later, &drafts).await;
    }
}

#[tokio::test]
async fn what_another_process_seals_before_it_learns_of_an_erasure_is_erased_too() {
    let shop = Shop::new();
    let (used, kept) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let there = shop.start(1_000).await;
    there.done(used, create(true)).await;
    there.done(kept, create(true)).await;
    let here = shop.start(1_000).await;
    here.done(used, change(5)).await;
    here.done(kept, change(5)).await;
    erase(&there).await;
    // With a key that no event has used before.
    here.done(used, place()).await;
    let erased = Instant::now();
    while there.shown(used).await.contains(SECRETS[0])
        || here.shown(used).await.contains(SECRETS[0])
    {
        assert!(erased.elapsed() < Duration::from_secs(5), "it is still shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    here.done(kept, place()).await;
    here.done(kept, note("after it")).await;
    here.follow().await;
    shows_no_secret(&here, &[used, kept]).await;
    shows_no_secret(&there, &[used, kept]).await;
    assert!(there.shown(kept).await.contains("after it"), "what came later stays");
    assert!(here.shown(kept).await.contains("after it"));
}

#[tokio::test]
async fn a_snapshot_brings_nothing_back_that_was_erased_while_nobody_ran() {
    let shop = Shop::new();
    let draft = Uuid::from_u128(1);
    let first = shop.start(1_000).await;
    first.done(draft, create(true)).await;
    first.pipeline.close().await;
    drop(first);
    // Snapshots of this process are sealed with a key that no event uses.
    let second = shop.start(3).await;
    for quantity in 2..12 {
        second.done(draft, change(quantity)).await;
    }
    second.pipeline.close().await;
    let stream = second.log(draft).await[0].stream;
    let loaded = second.store.load(&[stream], OrderAggregate::SNAPSHOT_VERSION).await.unwrap();
    assert!(loaded[0].snapshot.is_some());
    drop(second);
    erase(&shop.start(1_000).await).await;
    let third = shop.start(1_000).await;
    third.done(draft, place()).await;
    shows_no_secret(&third, &[draft]).await;
}
