//! A log on SQLite with made-up orders; events go to orders in a fixed, scattered pattern.

use event_store::{
    Access, Append, Entry, EventStore, Metadata, NewEvent, Position, StreamId, StreamType,
    Timestamp,
};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use tempfile::TempDir;
use uuid::Uuid;

/// A log in a folder of its own.
pub struct Log {
    pub store: EventStore,
    orders: Mutex<HashMap<Uuid, u64>>,
    folder: TempDir,
}

/// Orders that a log has.
const ORDERS: u64 = 97;
/// Events in one append.
const BATCH: u64 = 500;

impl Log {
    pub async fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("orderlog-relay-").tempdir().unwrap();
        let store = EventStore::open(&url(folder.path()), Access::ReadWrite).await.unwrap();
        Self { store, orders: Mutex::default(), folder }
    }

    pub fn url(&self) -> String {
        url(self.folder.path())
    }

    /// Appends this many events; gives the head's position.
    pub async fn append(&self, events: u64) -> Position {
        let mut head = self.store.head().await.unwrap().position;
        let target = head + events;
        while head < target {
            let more = BATCH.min(target - head);
            let entries = (head + 1..=head + more).map(|position| self.entry(position)).collect();
            let append = Append { entries, recorded_at: now() };
            head = self.store.append(append).await.unwrap().head;
        }
        assert_eq!(head, target);
        head
    }

    /// Appends one event to an order named by a number.
    pub async fn append_to(&self, order: u64) -> Position {
        let entry = self.entry_of(order_id(order), 0);
        let append = Append { entries: vec![entry], recorded_at: now() };
        self.store.append(append).await.unwrap().head
    }

    /// Appends one event of a new order; false when the log cannot be written now.
    pub async fn try_append(&self) -> bool {
        let entry = self.entry_of(Uuid::now_v7(), 0);
        self.store.append(Append { entries: vec![entry], recorded_at: now() }).await.is_ok()
    }

    fn entry(&self, position: u64) -> Entry {
        let order = position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        self.entry_of(order_id(order % ORDERS), position)
    }

    fn entry_of(&self, order: Uuid, number: u64) -> Entry {
        let mut orders = self.orders.lock().unwrap();
        let version = orders.entry(order).or_default();
        let expected_version = *version;
        *version += 1;
        let event = NewEvent {
            event_id: Uuid::now_v7(),
            event_type: "NoteAdded",
            schema_version: 1,
            occurred_at: now(),
            payload: format!("{{\"text\": \"note {number} of {order} ö\"}}").into_bytes(),
        };
        let correlation_id = Some(format!("request-{number}"));
        Entry {
            stream: StreamId { stream_type: StreamType::new("order"), id: order },
            expected_version,
            partition_key: case_of(order).filter(|_| expected_version == 0),
            events: vec![event],
            metadata: Metadata { correlation_id, ..Metadata::default() },
            answer: None,
            joint: None,
        }
    }
}

/// The order of whose business case it is; every fourth order belongs to the one two before.
fn case_of(order: Uuid) -> Option<Uuid> {
    let order = order.as_u128();
    (order % 4 == 2).then(|| Uuid::from_u128(order - 2))
}

/// The id of an order named by a number.
pub fn order_id(order: u64) -> Uuid {
    Uuid::from_u128((0x018f_2b6e_7c1a_7000 << 64) | 0x8000_0000_0000_0000 | u128::from(order))
}

fn now() -> Timestamp {
    server::clock::now()
}

fn url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("events.db").display())
}
