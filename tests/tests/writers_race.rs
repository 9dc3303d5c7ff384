//! Four command-service processes with sixteen clients each write to one log in PostgreSQL, while a reader follows it
//! by position. The reader misses nothing: no position comes late, and there is no gap. Every answer is in the log at
//! its position.
//!
//! `ORDERLOG_RACE_SECONDS` is the duration (3).

#![allow(clippy::unwrap_used, missing_docs)]

use rig::follower::follow;
use rig::rng::Rng;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use system_tests::load::{Accepted, Load, Unanswered};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use system_tests::{checker, size};
use tokio::time::sleep;

const WRITERS: usize = 4;
const CLIENTS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_follows_four_writing_processes_misses_nothing() {
    let untested = "several command-service processes that write to one log";
    let Some(database) = rig::postgres::database_or_say(untested).await else { return };
    let mut rng = Rng::printed("writers race");
    let mut writers: Vec<Server> = Vec::new();
    // One after another: the first creates the tables.
    for _ in 0..WRITERS {
        let writer = Launch::new(Program::CommandService)
            .env("ORDERLOG_LISTEN", "127.0.0.1:0")
            .env("ORDERLOG_EVENT_STORE", &database.url());
        writers.push(writer.serve().await);
    }
    let over = Arc::new(AtomicBool::new(false));
    let following = tokio::spawn({
        let (url, over) = (database.url(), Arc::clone(&over));
        async move { follow(&url, || over.load(Ordering::SeqCst)).await.unwrap() }
    });
    let loads: Vec<Load> = writers
        .iter()
        .map(|writer| Load::start(writer.base(), CLIENTS, Unanswered::Repeat, &mut rng))
        .collect();
    // The duration is the size of this test, like the number of cycles in others.
    sleep(Duration::from_secs(size("ORDERLOG_RACE_SECONDS", 3) as u64)).await;
    let mut accepted = Vec::new();
    for load in loads {
        accepted.extend(load.finish().await);
    }
    over.store(true, Ordering::SeqCst);
    let followed = following.await.unwrap();
    println!("{} answers, {followed:?}", accepted.len());
    assert!(followed.is_whole(), "{followed:?}");
    assert_eq!(checker::head(&writers[0].client().await).await, followed.last);
    assert_eq!(positions(&accepted).len() as u64, followed.last, "each position is in one answer");
    for writer in writers {
        writer.stop().await;
    }
}

/// The positions in the answers; no two of them share one.
fn positions(accepted: &[Accepted]) -> HashSet<u64> {
    let mut named = HashSet::new();
    for answer in accepted {
        for event in answer.json()["events"].as_array().unwrap() {
            assert!(named.insert(event["position"].as_u64().unwrap()), "two answers name {event}");
        }
    }
    named
}
