//! What other programs may do to the topic: write records that are not events of the log, and delete a consumer group.

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::{Duration, Instant};
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(30);
const PARTITIONS: i32 = 6;
/// A record of a size that brokers refuse by default.
const LARGE: usize = 1024 * 1024;

/// A record to write.
struct Poison {
    key: Option<String>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
}

/// Writes one record of each kind to every partition; returns how many.
pub fn poison(broker: &str, topic: &str) -> usize {
    let like = headers_of_an_event(broker, topic);
    // Positions above those of the log: others would be skipped as repetitions.
    let with = |order: &str, changes: &[(&str, &str)]| {
        let mut headers = like.clone();
        let subject = format!("order/{order}");
        let own =
            [("ce_subject", &*subject), ("ce_partitionkey", order), ("ce_sequence", "1000000000")];
        for (name, value) in own.iter().chain(changes) {
            headers.iter_mut().find(|(key, _)| key == name).unwrap().1 = (*value).into();
        }
        headers
    };
    let mut written = 0;
    let producer: BaseProducer = config(broker)
        .set("enable.idempotence", "true")
        .set("message.max.bytes", (2 * LARGE).to_string())
        .create()
        .unwrap();
    for (value, changes) in [
        (Some(b"not JSON".to_vec()), None),
        (None, None),
        (Some(vec![b'x'; LARGE]), None),
        (json(), Some(("ce_type", "OrderTeleported"))),
        (json(), Some(("ce_streamversion", "0"))),
        (json(), Some(("ce_streamversion", "77"))),
        (json(), Some(("ce_dataschemaversion", "99"))),
        (json(), Some(("ce_source", "/elsewhere"))),
    ] {
        let key = Uuid::new_v4().to_string();
        let headers = with(&key, changes.as_slice());
        // One of the partitions is the order's own.
        written += write(&producer, topic, &Poison { key: Some(key), value, headers });
    }
    for headers in [like.clone(), Vec::new()] {
        written += write(&producer, topic, &Poison { key: None, value: json(), headers });
    }
    producer.flush(LONG).unwrap();
    written
}

fn json() -> Option<Vec<u8>> {
    Some(br#"{"poison":true}"#.to_vec())
}

/// Writes a record to every partition.
fn write(producer: &BaseProducer, topic: &str, poison: &Poison) -> usize {
    let partitions = 0..PARTITIONS;
    let written = partitions.len();
    for partition in partitions {
        let headers = poison.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).headers(headers).partition(partition);
        record.key = poison.key.as_deref().map(str::as_bytes);
        record.payload = poison.value.as_deref();
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    written
}

/// The headers that the relay writes with an event.
fn headers_of_an_event(broker: &str, topic: &str) -> Vec<(String, Vec<u8>)> {
    let client: BaseConsumer = config(broker).set("group.id", "stranger").create().unwrap();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    client.assign(&assignment).unwrap();
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < LONG, "no event comes");
        let Some(message) = client.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        let Some(headers) = message.headers() else { continue };
        let own = |h: Header<'_, &[u8]>| (h.key.to_owned(), h.value.unwrap_or(b"").to_vec());
        let headers: Vec<(String, Vec<u8>)> = headers.iter().map(own).collect();
        if headers.iter().any(|(name, _)| name == "ce_id") {
            return headers;
        }
    }
}

/// Deletes a group with its offsets, once its last member has left.
pub async fn delete_group(broker: &str, group: &str) {
    let admin: AdminClient<DefaultClientContext> = config(broker).create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(LONG));
    let begun = Instant::now();
    while let Err((_, code)) = admin.delete_groups(&[group], &options).await.unwrap().remove(0) {
        assert!(begun.elapsed() < LONG, "{group} cannot be deleted: {code}");
        tokio::task::yield_now().await;
    }
}

fn config(broker: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker).set("enable.auto.commit", "false");
    config
}
