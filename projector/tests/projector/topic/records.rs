//! Records as they lie in a topic: read, written and removed by hand.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use relay::Kafka;
use relay::wire::{MARK_HEADER, MARK_KEY};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(30);

/// A record.
#[derive(Debug, Clone)]
pub struct Raw {
    pub partition: i32,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Raw {
    pub fn is_event(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == "ce_id")
    }

    pub fn header(&self, header: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == header)?;
        Some(std::str::from_utf8(value).unwrap())
    }

    pub fn mark(partition: i32, position: u64) -> Self {
        let headers = vec![(MARK_HEADER.to_owned(), position.to_string().into_bytes())];
        Self { partition, key: Some(MARK_KEY.into()), value: None, headers }
    }

    pub fn set(mut self, header: &str, value: &str) -> Self {
        self.headers.iter_mut().find(|(name, _)| name == header).unwrap().1 = value.into();
        self
    }
}

/// Everything in a topic, partition after partition.
pub fn read(broker: &str, kafka: &Kafka, partitions: i32) -> Vec<Raw> {
    let client: BaseConsumer = config(broker).set("group.id", "raw").create().unwrap();
    let (mut assignment, mut left) = (TopicPartitionList::new(), 0);
    for number in 0..partitions {
        let (low, high) = client.fetch_watermarks(&kafka.topic, number, LONG).unwrap();
        left += high - low;
        assignment.add_partition_offset(&kafka.topic, number, Offset::Beginning).unwrap();
    }
    client.assign(&assignment).unwrap();
    let (mut records, begun) = (Vec::new(), Instant::now());
    while left > 0 {
        assert!(begun.elapsed() < LONG, "{left} records do not come");
        let Some(message) = client.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        let headers = message.headers().map(|headers| {
            let own = |h: Header<'_, &[u8]>| (h.key.to_owned(), h.value.unwrap_or(b"").to_vec());
            headers.iter().map(own).collect()
        });
        records.push(Raw {
            partition: message.partition(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
        });
        left -= 1;
    }
    records.sort_by_key(|record| record.partition);
    records
}

/// Appends records, in this order.
pub fn write(broker: &str, kafka: &Kafka, records: &[Raw]) {
    let producer: BaseProducer = config(broker).set("enable.idempotence", "true").create().unwrap();
    for raw in records {
        let headers = raw.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let mut record = BaseRecord::<[u8], [u8]>::to(&kafka.topic).headers(headers);
        record.partition = Some(raw.partition);
        record.key = raw.key.as_deref();
        record.payload = raw.value.as_deref();
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(LONG).unwrap();
}

/// Removes all records that are there now.
pub async fn trim(broker: &str, kafka: &Kafka, partitions: i32) {
    let mut all = TopicPartitionList::new();
    for number in 0..partitions {
        all.add_partition_offset(&kafka.topic, number, Offset::End).unwrap();
    }
    let done = admin(broker).delete_records(&all, &options()).await.unwrap();
    done.elements().iter().for_each(|one| one.error().unwrap());
}

/// Deletes the topic and creates it again, empty.
pub async fn remake(broker: &str, kafka: &Kafka, partitions: i32) {
    let admin = admin(broker);
    admin.delete_topics(&[&kafka.topic], &options()).await.unwrap().remove(0).unwrap();
    let new = NewTopic::new(&kafka.topic, partitions, TopicReplication::Fixed(1));
    let begun = Instant::now();
    // The broker frees the name a moment after it has confirmed the deletion.
    while admin.create_topics([&new], &options()).await.unwrap().remove(0).is_err() {
        assert!(begun.elapsed() < LONG, "the topic cannot be created again");
        tokio::task::yield_now().await;
    }
}

/// Deletes a group that has no members.
pub async fn delete_group(broker: &str, group: &str) {
    admin(broker).delete_groups(&[group], &options()).await.unwrap().remove(0).unwrap();
}

fn config(broker: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker).set("enable.auto.commit", "false");
    config
}

fn admin(broker: &str) -> AdminClient<DefaultClientContext> {
    config(broker).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(LONG))
}
