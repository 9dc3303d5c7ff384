//! The topic, read from its beginning to its end of now.

use event_store::RecordedEvent;
use relay::Kafka;
use relay::scan::TopicScan;
use relay::wire::{Content, Record};

/// Every record, with its partition.
pub async fn read_topic(kafka: &Kafka) -> Vec<(i32, Record)> {
    let (mut scan, _) = TopicScan::open(kafka).await.unwrap();
    let read = move || std::iter::from_fn(|| scan.next_record().unwrap()).collect();
    tokio::task::spawn_blocking(read).await.unwrap()
}

/// Only the events.
pub fn events_of(records: &[(i32, Record)]) -> Vec<(i32, &RecordedEvent)> {
    let events = records.iter().filter_map(|(partition, record)| match &record.content {
        Content::Event(event) => Some((*partition, &**event)),
        Content::Mark(_) | Content::Poison(_) => None,
    });
    events.collect()
}
