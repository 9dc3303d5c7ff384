//! A process killed at each named point of an append leaves the append whole or absent, never a part of it.
//!
//! The test starts itself again as the process that is to be killed. Each round is one append by itself and then some
//! that share a transaction.

#![allow(clippy::unwrap_used)]

use event_store::{
    Access, Append, Entry, EventStore, Metadata, NewEvent, StreamId, StreamType, Timestamp,
};
use futures::future::join_all;
use rig::log::Log;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use uuid::Uuid;

const SIGABRT: i32 = 6;
/// Says to the process that is to be killed where its log is.
const VICTIM: &str = "EVENT_STORE_CRASH_URL";
/// Where a transaction is killed, and whether it is stored then.
const POINTS: [(&str, bool); 5] = [
    ("before-begin", false),
    ("after-lock", false),
    ("after-events", false),
    ("before-commit", false),
    ("after-commit", true),
];
/// Appends in a round, of which the first has a transaction of its own and the others share one.
const ROUND: u64 = 4;
/// Events of an append.
const EVENTS: u64 = 100;
/// The transaction that is killed, and how many appends those before it and it bring.
const VICTIMS: [(u64, u64, u64); 2] = [(3, ROUND, 1), (4, ROUND + 1, ROUND - 1)];

#[tokio::test]
async fn an_append_that_is_killed_is_whole_or_absent() {
    if let Ok(url) = std::env::var(VICTIM) {
        append_until_killed(&url).await;
    }
    for (point, is_stored) in POINTS {
        for (transaction, before, own) in VICTIMS {
            let stored = before + if is_stored { own } else { 0 };
            let point = format!("{point}:{transaction}");
            let log = Log::sqlite();
            is_whole_or_absent(&log, &point, before, stored).await;
            if let Some(log) = Log::postgres("crashes of an append to PostgreSQL").await {
                is_whole_or_absent(&log, &point, before, stored).await;
            }
        }
    }
}

async fn is_whole_or_absent(log: &Log, point: &str, answered: u64, stored: u64) {
    let url = log.url();
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "an_append_that_is_killed_is_whole_or_absent"])
        .env(VICTIM, &url)
        .env("ORDERLOG_CRASH_AT", point)
        .output()
        .unwrap();
    assert_eq!(ended.status.signal(), Some(SIGABRT), "{url} {point}: {ended:?}");
    let said = String::from_utf8(ended.stdout).unwrap();
    let heard = said.matches("answered ").count() as u64;
    assert!(heard <= answered, "{url} {point}: {said}");
    let store = EventStore::open(&url, Access::ReadWrite).await.unwrap();
    // Waits for the lock that a killed process may hold until its connection is seen to be gone.
    let next = store.append(batch(stored)).await.unwrap();
    assert_eq!(next.head, (stored + 1) * EVENTS, "{url} {point}");
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0], "{url} {point}");
}

/// Never returns: a transaction dies.
async fn append_until_killed(url: &str) {
    let store = EventStore::open(url, Access::ReadWrite).await.unwrap();
    for round in 0..2 {
        // Polled in their order, so they arrive in it.
        join_all((ROUND * round..ROUND * (round + 1)).map(async |number| {
            let appended = store.append_staying(batch(number)).await.unwrap();
            assert_eq!(appended.head, (number + 1) * EVENTS);
            println!("answered {number}");
        }))
        .await;
    }
    panic!("not killed");
}

fn batch(number: u64) -> Append {
    let entry = |nth: u64| Entry {
        stream: StreamId {
            stream_type: StreamType::new("order"),
            id: Uuid::from_u64_pair(number, nth),
        },
        expected_version: 0,
        partition_key: None,
        events: vec![NewEvent {
            event_id: Uuid::now_v7(),
            event_type: "NoteAdded",
            schema_version: 1,
            occurred_at: Timestamp::UNIX_EPOCH,
            payload: b"{}".to_vec(),
        }],
        metadata: Metadata::default(),
        answer: None,
        joint: None,
    };
    Append { entries: (0..EVENTS).map(entry).collect(), recorded_at: Timestamp::UNIX_EPOCH }
}
