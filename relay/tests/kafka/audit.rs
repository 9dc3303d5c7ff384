//! The audit finds each planted difference, and none in an unchanged topic.

use crate::support::copy::{Raw, plant, read_raw, trim};
use crate::support::log::order_id;
use crate::support::process::{audit, must_equal_the_log, published};
use crate::support::{Log, RelayProcess, topic};
use relay::partition_of;
use rig::kafka::Broker;
use std::sync::Arc;

const UNTESTED: &str = "that the audit finds a topic that differs from the log";
const PARTITIONS: i32 = 2;
const EVENTS: u64 = 60;

/// A log, and the records that a relay made of it.
struct Given {
    broker: Arc<Broker>,
    log: Log,
    records: Vec<Raw>,
}

async fn given() -> Option<Given> {
    let broker = rig::kafka::shared_or_say(UNTESTED)?;
    let (log, kafka) = (Log::new().await, topic(&broker, "original"));
    log.append(EVENTS).await;
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &["--partitions", "2"]);
    published(&log, &kafka, EVENTS).await;
    relay.stop();
    let records = read_raw(&broker, &kafka, PARTITIONS);
    Some(Given { broker, log, records })
}

impl Given {
    /// What the audit says of a topic with these records.
    async fn audited(&self, records: &[Raw]) -> (Option<i32>, String) {
        let kafka = plant(&self.log, &self.broker, PARTITIONS, records, EVENTS).await;
        audit(&self.log, &self.broker.address(), &kafka)
    }

    async fn must_find(&self, records: &[Raw], expected: &str) {
        let (code, said) = self.audited(records).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("DIFFERS FROM") && said.contains(expected), "{expected}: {said}");
    }

    fn at(&self, position: u64) -> usize {
        self.records.iter().position(|record| record.position() == Some(position)).unwrap()
    }

    /// The places of all events of a partition.
    fn events_in(&self, partition: i32) -> Vec<usize> {
        let places = 0..self.records.len();
        let events = places.filter(|place| {
            let record = &self.records[*place];
            record.partition == partition && record.position().is_some()
        });
        events.collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faithful_copy_and_repeats_are_sound() {
    let Some(given) = given().await else { return };
    let (code, said) = given.audited(&given.records).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("equals the log, positions 1 to 60") && said.contains(" 0 repeats"),
        "{said}"
    );
    let mut repeated = given.records.clone();
    repeated.extend(given.records.iter().filter(|record| record.position().is_some()).cloned());
    let (code, said) = given.audited(&repeated).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("60 repeats"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn skips_reorderings_and_changes_are_found() {
    let Some(given) = given().await else { return };
    let mut skipped = given.records.clone();
    skipped.remove(given.at(17));
    given.must_find(&skipped, "position 17 (").await;

    let mut cut = given.records.clone();
    cut.remove(given.at(EVENTS));
    given.must_find(&cut, "position 60 (").await;

    let mut swapped = given.records.clone();
    let events = given.events_in(0);
    swapped.swap(events[4], events[5]);
    let first = given.records[events[4]].position().unwrap();
    given.must_find(&swapped, &format!("position {first} (")).await;

    let mut changed = given.records.clone();
    let value = changed[given.at(9)].value.as_mut().unwrap();
    *value = String::from_utf8(value.clone()).unwrap().replace("note", "nope").into_bytes();
    given.must_find(&changed, "has another data than the log").await;

    let mut renamed = given.records.clone();
    renamed[given.at(9)].set_header("ce_type", "OrderPlaced");
    renamed[given.at(9)].set_header("ce_streamversion", "99");
    given.must_find(&renamed, "has another version, type than the log").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_where_they_do_not_belong_are_found() {
    let Some(given) = given().await else { return };
    let mut moved = given.records.clone();
    let place = given.at(30);
    moved[place].partition = 1 - moved[place].partition;
    given.must_find(&moved, "does not belong there").await;

    let mut rekeyed = given.records.clone();
    rekeyed[given.at(30)].key = Some(b"someone".to_vec());
    given.must_find(&rekeyed, "its key is not an id").await;

    let mut other_case = given.records.clone();
    let record = &mut other_case[given.at(30)];
    let count = PARTITIONS.unsigned_abs();
    let mut cases =
        (1_000..).map(order_id).filter(|id| partition_of(*id, count) == record.partition);
    let case = cases.next().unwrap().to_string();
    record.set_header("ce_partitionkey", &case);
    given.must_find(&other_case, "its key is not its partition key").await;
    other_case[given.at(30)].key = Some(case.into_bytes());
    given.must_find(&other_case, "has another partition key than the log").await;

    let mut foreign = given.records.clone();
    foreign.push(Raw { partition: 0, key: None, value: Some(b"?".to_vec()), headers: vec![] });
    given.must_find(&foreign, "not an event of the log").await;

    let mut lying = given.records.clone();
    let mark = given.records.iter().find(|record| record.header("orderlog_mark").is_some());
    let mut mark = mark.unwrap().clone();
    mark.set_header("orderlog_mark", "60");
    mark.partition = 0;
    lying.insert(0, mark);
    given.must_find(&lying, "marks position 60, but position").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trimmed_topic_is_compared_from_what_it_still_has() {
    let Some(given) = given().await else { return };
    let kafka = plant(&given.log, &given.broker, PARTITIONS, &given.records, EVENTS).await;
    trim(&given.broker, &kafka, &[(0, 10)]).await;
    let said = must_equal_the_log(&given.log, &given.broker.address(), &kafka);
    assert!(said.contains("in the log alone, because the topic was trimmed"), "{said}");
    assert!(said.contains("partition 0: offsets 10 to"), "{said}");
    assert!(said.contains("compared from position"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_run_far_ahead_with_repeats_are_compared_too() {
    let Some(given) = given().await else { return };
    // Each partition repeats its events often before its last one: more than may wait in memory. So one partition runs ahead
    // while the other is read, and then has nothing but repeats.
    let (mut records, mut repeats) = (Vec::new(), 0);
    for partition in 0..PARTITIONS {
        let places = given.events_in(partition);
        let (last, others) = places.split_last().unwrap();
        let part: Vec<Raw> = others.iter().map(|place| given.records[*place].clone()).collect();
        let rounds = 45_000 / part.len();
        repeats += rounds * part.len();
        records.extend((0..=rounds).flat_map(|_| part.clone()));
        records.push(given.records[*last].clone());
    }
    let (code, said) = given.audited(&records).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("60 events compared, {repeats} repeats")), "{said}");
}
