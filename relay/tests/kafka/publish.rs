//! The records that the relay writes to the topic, and their order.

use crate::support::process::{must_equal_the_log, published};
use crate::support::{Log, RelayProcess, events_of, log, read_topic, topic};
use rdkafka::Message;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use relay::partition_of;
use relay::wire::Content;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

const UNTESTED: &str = "what the relay writes to a topic";

#[tokio::test(flavor = "multi_thread")]
async fn every_event_stands_in_its_partition_in_order() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "publish"));
    let head = log.append(5_000).await;
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &[]);
    published(&log, &kafka, head).await;
    let head = log.append(1_000).await;
    published(&log, &kafka, head).await;
    let (status, took) = relay.stop();
    assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");

    let records = read_topic(&kafka).await;
    let (mut versions, mut positions) = (HashMap::new(), BTreeMap::new());
    for (partition, event) in events_of(&records) {
        assert_eq!(partition, partition_of(event.partition_key, 6));
        let version = versions.entry(event.stream.id).or_insert(0);
        assert_eq!(event.version, *version + 1);
        *version += 1;
        assert_eq!(
            positions.insert(event.position, ()),
            None,
            "nothing failed, so nothing repeats"
        );
    }
    assert_eq!(positions.into_keys().collect::<Vec<_>>(), (1..=head).collect::<Vec<_>>());
    must_equal_the_log(&log, &broker.address(), &kafka);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_without_news_are_marked_with_the_position() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "marks"));
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &["--partitions", "4"]);
    let mut head = 0;
    for _ in 0..20 {
        head = log.append_to(1).await;
        published(&log, &kafka, head).await;
    }
    let busy = partition_of(log::order_id(1), 4);
    let begun = Instant::now();
    let marked = loop {
        let mut marked = BTreeMap::new();
        for (partition, record) in read_topic(&kafka).await {
            if let Content::Mark(position) = record.content {
                let before = marked.insert(partition, position);
                assert!(before.is_none_or(|before| before < position), "marks rise");
            }
        }
        let idle = (0..4).filter(|partition| *partition != busy);
        if idle.into_iter().all(|partition| marked.get(&partition) == Some(&head)) {
            break marked;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{marked:?}");
    };
    assert!(!marked.contains_key(&busy), "a partition with news needs no marks");
    relay.stop();
    must_equal_the_log(&log, &broker.address(), &kafka);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_cloud_events_in_binary_mode_for_any_client() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "foreign"));
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &["--partitions", "1"]);
    published(&log, &kafka, log.append_to(7).await).await;
    relay.stop();
    let stored = log.store.read_feed(0, 1).await.unwrap().remove(0);

    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("group.id", "foreign")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    client.subscribe(&[&kafka.topic]).unwrap();
    let begun = Instant::now();
    let message = loop {
        assert!(begun.elapsed() < Duration::from_secs(30), "no message");
        if let Some(message) = client.poll(Duration::from_millis(100)) {
            break message.unwrap();
        }
    };
    assert_eq!(message.key().unwrap(), log::order_id(7).to_string().as_bytes());
    assert_eq!(message.payload().unwrap(), stored.payload);
    let headers: Vec<(String, String)> = message
        .headers()
        .unwrap()
        .iter()
        .map(|h| (h.key.to_owned(), String::from_utf8(h.value.unwrap().to_vec()).unwrap()))
        .collect();
    let wire = server::clock::wire;
    let expected = [
        ("content-type", "application/json".to_owned()),
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", stored.event_id.to_string()),
        ("ce_source", "/orderlog".to_owned()),
        ("ce_type", "NoteAdded".to_owned()),
        ("ce_subject", format!("order/{}", log::order_id(7))),
        ("ce_partitionkey", log::order_id(7).to_string()),
        ("ce_time", wire(stored.occurred_at)),
        ("ce_sequence", "1".to_owned()),
        ("ce_streamversion", "1".to_owned()),
        ("ce_dataschemaversion", "1".to_owned()),
        ("ce_recordedtime", wire(stored.recorded_at)),
        ("ce_correlationid", "request-0".to_owned()),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(headers, expected);
    let document = include_str!("../../../docs/asyncapi.yaml");
    for (name, _) in headers {
        assert!(document.contains(&format!("        {name}:\n")), "{name} is not documented");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kcat_reads_the_topic() {
    if std::process::Command::new("kcat").arg("-V").output().is_err() {
        eprintln!(
            "NOT TESTED: that kcat reads the topic. It is not installed (Debian: apt-get install kcat)"
        );
        return;
    }
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "kcat"));
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &["--partitions", "2"]);
    published(&log, &kafka, log.append(10).await).await;
    relay.stop();
    let output = std::process::Command::new("kcat")
        .args(["-b", &broker.address(), "-t", &kafka.topic, "-C", "-e", "-q", "-f", "%k|%h|%s\n"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<&str> =
        text.lines().filter(|line| line.contains("ce_type=NoteAdded")).collect();
    assert_eq!(events.len(), 10, "{text}");
    for event in events {
        let mut parts = event.splitn(3, '|');
        let (key, headers, value) =
            (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        assert!(headers.contains("ce_subject=order/"), "{headers}");
        assert!(headers.contains(&format!("ce_partitionkey={key}")), "{headers}");
        assert!(serde_json::from_str::<serde_json::Value>(value).unwrap()["text"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_partition_count_is_refused_with_a_remedy() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "recount"));
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &["--partitions", "2"]);
    published(&log, &kafka, log.append(50).await).await;
    relay.stop();
    add_partitions(&broker.address(), &kafka.topic, 3).await;
    log.append(50).await;
    let output = RelayProcess::command(&log, &broker.address(), &kafka, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("has 3 partitions, but events were published to 2"), "{said}");
    assert!(said.contains("--topic NAME"), "{said}");
    let state = log.store.lease(&relay::lease_name(&kafka.topic)).await.unwrap().unwrap();
    assert_eq!((state.checkpoint, state.holder), (50, None));
}

async fn add_partitions(broker: &str, topic: &str, partitions: usize) {
    use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
    use rdkafka::client::DefaultClientContext;
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", broker).create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    let more = NewPartitions::new(topic, partitions);
    admin.create_partitions([&more], &options).await.unwrap().remove(0).unwrap();
    let begun = Instant::now();
    loop {
        let metadata = admin.inner().fetch_metadata(Some(topic), Duration::from_secs(5)).unwrap();
        if metadata.topics()[0].partitions().len() == partitions {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the partitions do not appear");
    }
}
