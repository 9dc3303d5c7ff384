//! A process killed at each named point of an append leaves the append whole or absent, never a part of it.
//!
//! The test starts itself again as the process that is to be killed.

#![allow(clippy::unwrap_used)]

use event_store::{
    Access, Append, Entry, EventStore, Metadata, NewEvent, StreamId, StreamType, Timestamp,
};
use rig::log::Log;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use uuid::Uuid;

const SIGABRT: i32 = 6;
/// Says to the process that is to be killed where its log is.
const VICTIM: &str = "EVENT_STORE_CRASH_URL";
/// Where the third append is killed, and how many are stored then.
const POINTS: [(&str, u64); 5] = [
    ("before-begin", 2),
    ("after-lock", 2),
    ("after-events", 2),
    ("before-commit", 2),
    ("after-commit", 3),
];

#[tokio::test]
async fn an_append_that_is_killed_is_whole_or_absent() {
    if let Ok(url) = std::env::var(VICTIM) {
        append_until_killed(&url).await;
    }
    for (point, stored) in POINTS {
        let log = Log::sqlite();
        is_whole_or_absent(&log, point, stored).await;
        if let Some(log) = Log::postgres("crashes of an append to PostgreSQL").await {
            is_whole_or_absent(&log, point, stored).await;
        }
    }
}

async fn is_whole_or_absent(log: &Log, point: &str, stored: u64) {
    let url = log.url();
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "an_append_that_is_killed_is_whole_or_absent"])
        .env(VICTIM, &url)
        .env("ORDERLOG_CRASH_AT", format!("{point}:3"))
        .output()
        .unwrap();
    assert_eq!(ended.status.signal(), Some(SIGABRT), "{url} {point}: {ended:?}");
    let store = EventStore::open(&url, Access::ReadWrite).await.unwrap();
    // Waits for the lock that a killed process may hold until its connection is seen to be gone.
    let next = store.append(batch(stored)).await.unwrap();
    assert_eq!(next.head, (stored + 1) * 100, "{url} {point}");
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0], "{url} {point}");
}

/// Never returns: the third append dies.
async fn append_until_killed(url: &str) {
    let store = EventStore::open(url, Access::ReadWrite).await.unwrap();
    for number in 0..3 {
        store.append(batch(number)).await.unwrap();
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
        events: vec![NewEvent {
            event_id: Uuid::now_v7(),
            event_type: "NoteAdded",
            schema_version: 1,
            occurred_at: Timestamp::UNIX_EPOCH,
            payload: b"{}".to_vec(),
        }],
        metadata: Metadata::default(),
        answer: None,
    };
    Append { entries: (0..100).map(entry).collect(), recorded_at: Timestamp::UNIX_EPOCH }
}
