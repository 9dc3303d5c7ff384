//! A topic that was filled by a relay, copied record by record into another one, with something planted on the way.

use super::{Log, topic};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use relay::{Kafka, lease_name};
use rig::kafka::Broker;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(30);

/// A record as it lies in a topic.
#[derive(Debug, Clone)]
pub struct Raw {
    pub partition: i32,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Raw {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(value).ok()
    }

    pub fn set_header(&mut self, name: &str, value: &str) {
        self.headers.iter_mut().find(|(key, _)| key == name).unwrap().1 = value.into();
    }

    pub fn position(&self) -> Option<u64> {
        self.header("ce_sequence")?.parse().ok()
    }
}

/// Reads everything raw.
pub fn read_raw(broker: &Broker, kafka: &Kafka, partitions: i32) -> Vec<Raw> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("group.id", "raw")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut assignment = TopicPartitionList::new();
    let mut left = 0;
    for partition in 0..partitions {
        let marks = client.fetch_watermarks(&kafka.topic, partition, LONG).unwrap();
        left += marks.1 - marks.0;
        assignment.add_partition_offset(&kafka.topic, partition, Offset::Beginning).unwrap();
    }
    client.assign(&assignment).unwrap();
    let (mut records, begun) = (Vec::new(), Instant::now());
    while left > 0 {
        assert!(begun.elapsed() < LONG, "{left} records do not come");
        if let Some(message) = client.poll(Duration::from_millis(100)) {
            records.push(raw(message.unwrap().detach()));
            left -= 1;
        }
    }
    records
}

fn raw(message: OwnedMessage) -> Raw {
    let headers = message.headers().map(|headers| {
        headers.iter().map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect()
    });
    Raw {
        partition: message.partition(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}

/// Makes a topic of these records, and a lease as if a relay had filled it up to `checkpoint`.
pub async fn plant(
    log: &Log,
    broker: &Broker,
    partitions: i32,
    records: &[Raw],
    checkpoint: u64,
) -> Kafka {
    let kafka = topic(broker, "planted");
    make_topic(broker, &kafka, partitions).await;
    write_raw(broker, &kafka, records);
    let name = lease_name(&kafka.topic);
    let lease = log.store.take_lease(&name, "test", None).await.unwrap().unwrap();
    let offsets = vec![0; usize::try_from(partitions).unwrap()];
    let note = serde_json::json!({"partitions": partitions, "offsets": offsets}).to_string();
    assert!(log.store.advance_checkpoint(&lease, checkpoint, &note).await.unwrap());
    kafka
}

pub async fn make_topic(broker: &Broker, kafka: &Kafka, partitions: i32) {
    let options = AdminOptions::new().operation_timeout(Some(LONG));
    let new = NewTopic::new(&kafka.topic, partitions, TopicReplication::Fixed(1));
    let new = new.set("max.message.bytes", "8388608");
    admin(broker).create_topics([&new], &options).await.unwrap().remove(0).unwrap();
}

/// Appends the records, in this order.
pub fn write_raw(broker: &Broker, kafka: &Kafka, records: &[Raw]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("enable.idempotence", "true")
        .set("message.max.bytes", "8388608")
        .create()
        .unwrap();
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

/// Removes the records before these offsets.
pub async fn trim(broker: &Broker, kafka: &Kafka, before: &[(i32, i64)]) {
    let mut offsets = TopicPartitionList::new();
    for (partition, offset) in before {
        let offset = Offset::Offset(*offset);
        offsets.add_partition_offset(&kafka.topic, *partition, offset).unwrap();
    }
    let options = AdminOptions::new().operation_timeout(Some(LONG));
    admin(broker).delete_records(&offsets, &options).await.unwrap();
}

fn admin(broker: &Broker) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", broker.address()).create().unwrap()
}
