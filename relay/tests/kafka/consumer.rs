//! The consumer as the projector's engine uses it: a checkpoint for each partition in a "database" (here a map), pages
//! that must continue it, whatever happens to groups, records and offsets.

use crate::support::copy::{Raw, make_topic, read_raw, trim, write_raw};
use crate::support::process::published;
use crate::support::{Log, RelayProcess, topic};
use event_store::RecordedEvent;
use relay::Kafka;
use relay::consumer::{ConsumerSettings, Lookup, OffsetLost, Page, Step, TopicSource};
use relay::wire::{Content, Poison, PoisonReason};
use rig::kafka::Broker;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::timeout;

const UNTESTED: &str = "reading events from Kafka";
const HANGS: Duration = Duration::from_secs(40);

/// What an engine keeps in its database.
#[derive(Clone, Default)]
struct Database(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    checkpoints: HashMap<i32, i64>,
    events: Vec<RecordedEvent>,
    marks: HashMap<i32, u64>,
    poison: Vec<(i64, Poison)>,
    lost: Vec<OffsetLost>,
    refused_pages: usize,
}

impl Kept {
    /// Applies a page. Gives where to go on when the checkpoint is elsewhere.
    fn take(&mut self, page: Page) -> Option<(i32, i64)> {
        let checkpoint = self.checkpoints.entry(page.partition).or_insert(page.from);
        if *checkpoint != page.from {
            self.refused_pages += 1;
            return Some((page.partition, *checkpoint));
        }
        *checkpoint = page.next;
        for record in page.records {
            match record.content {
                Content::Event(event) => self.events.push(*event),
                Content::Mark(position) => {
                    self.marks.insert(page.partition, position);
                }
                Content::Poison(poison) => self.poison.push((record.offset, poison)),
            }
        }
        None
    }
}

impl Database {
    fn lookup(&self) -> Lookup {
        let database = self.0.clone();
        Arc::new(move |partitions| {
            let kept = database.lock().unwrap();
            let found = partitions.iter().map(|p| kept.checkpoints.get(p).copied()).collect();
            Box::pin(async move { Ok(found) })
        })
    }

    /// One transaction of the engine. Gives where to go on in partitions whose checkpoint is elsewhere.
    fn apply(&self, step: Step) -> Vec<(i32, i64)> {
        let mut kept = self.0.lock().unwrap();
        match step {
            Step::Pages(pages) => {
                return pages.into_iter().filter_map(|page| kept.take(page)).collect();
            }
            Step::Lost(lost) => {
                kept.lost.push(lost);
                kept.checkpoints.insert(lost.partition, lost.low);
                return vec![(lost.partition, lost.low)];
            }
            Step::Assigned(_) | Step::Revoked(_) => {}
        }
        Vec::new()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().events.len()
    }
}

async fn join(kafka: &Kafka, group: &str, database: &Database) -> TopicSource {
    let mut settings = ConsumerSettings::new(kafka.clone(), group);
    settings.session_timeout = Duration::from_secs(6);
    TopicSource::join(settings, database.lookup()).await.unwrap()
}

/// Reads until the database is as wanted.
async fn read_until(source: &mut TopicSource, database: &Database, enough: impl Fn(&Kept) -> bool) {
    let read = async {
        while !enough(&database.0.lock().unwrap()) {
            let step = source.next().await.unwrap();
            for (partition, offset) in database.apply(step) {
                source.resume_at(partition, offset);
            }
        }
    };
    if timeout(HANGS, read).await.is_err() {
        let kept = database.0.lock().unwrap();
        panic!(
            "{} events, checkpoints {:?}, lost {:?}",
            kept.events.len(),
            kept.checkpoints,
            kept.lost
        );
    }
}

/// A log and the topic that it fills.
async fn filled(broker: &Broker, name: &str, events: u64, partitions: &str) -> (Log, Kafka) {
    let (log, kafka) = (Log::new().await, topic(broker, name));
    log.append(events).await;
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &["--partitions", partitions]);
    published(&log, &kafka, events).await;
    relay.stop();
    (log, kafka)
}

/// The same, with a member that is about to read it for a database that holds nothing yet.
async fn reading(
    broker: &Broker,
    name: &str,
    events: u64,
    partitions: &str,
) -> (Log, Kafka, Database, TopicSource) {
    let (log, kafka) = filled(broker, name, events, partitions).await;
    let database = Database::default();
    let source = join(&kafka, &kafka.topic, &database).await;
    (log, kafka, database, source)
}

/// Each event of the log exactly once, each order in order.
async fn must_hold_the_log(database: &Database, log: &Log) {
    let kept = database.0.lock().unwrap().events.clone();
    let mut versions = HashMap::new();
    for event in &kept {
        let version = versions.entry(event.stream.id).or_insert(0);
        assert_eq!(event.version, *version + 1, "{}", event.stream.id);
        *version += 1;
    }
    let mut by_position = kept;
    by_position.sort_by_key(|event| event.position);
    let mut stored = log.store.read_feed(0, by_position.len() + 1).await.unwrap();
    stored.iter_mut().for_each(|event| event.hash = [0; 32]);
    assert_eq!(by_position, stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_reads_what_the_log_holds_and_goes_on_where_the_database_is() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka, database, mut source) = reading(&broker, "read", 7_000, "3").await;
    assert_eq!(source.partitions(), 3);
    read_until(&mut source, &database, |kept| kept.events.len() >= 3_000).await;
    source.close().await;
    // Another group altogether: what Kafka remembers of groups does not matter.
    let mut source = join(&kafka, "another", &database).await;
    read_until(&mut source, &database, |kept| kept.events.len() == 7_000).await;
    source.close().await;
    must_hold_the_log(&database, &log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_tell_every_partition_how_far_the_log_is() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (_log, _, database, mut source) = reading(&broker, "marks-read", 40, "4").await;
    let known = |kept: &Kept| {
        let last = |partition| {
            let events = kept.events.iter();
            let here = events.filter(|e| relay::partition_of(e.partition_key, 4) == partition);
            here.map(|event| event.position).chain(kept.marks.get(&partition).copied()).max()
        };
        (0..4).all(|partition| last(partition) == Some(40))
    };
    read_until(&mut source, &database, known).await;
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_come_and_go_share_the_partitions_without_loss() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka) = (Arc::new(Log::new().await), topic(&broker, "rebalance"));
    log.append(1_000).await;
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &[]);
    published(&log, &kafka, 1_000).await;
    let (database, group) = (Database::default(), kafka.topic.clone());
    let mut first = join(&kafka, &group, &database).await;
    read_until(&mut first, &database, |kept| !kept.events.is_empty()).await;
    let mut second = join(&kafka, &group, &database).await;
    let mut owned_by_second = 0;
    for round in 1..=6_u64 {
        let head = log.append(500).await;
        published(&log, &kafka, head).await;
        let wanted = usize::try_from(head).unwrap();
        let both = async {
            while database.count() < wanted || owned_by_second == 0 {
                let (step, source) = tokio::select! {
                    step = first.next() => (step, &first),
                    step = second.next() => {
                        match &step {
                            Ok(Step::Assigned(partitions)) => owned_by_second += partitions.len(),
                            Ok(Step::Revoked(partitions)) => owned_by_second -= partitions.len(),
                            _ => {}
                        }
                        (step, &second)
                    }
                };
                for (partition, offset) in database.apply(step.unwrap()) {
                    source.resume_at(partition, offset);
                }
            }
        };
        timeout(HANGS, both).await.unwrap();
        if round % 2 == 0 {
            second.close().await;
            second = join(&kafka, &group, &database).await;
            owned_by_second = 0;
        }
    }
    first.close().await;
    second.close().await;
    relay.stop();
    must_hold_the_log(&database, &log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_reported_with_its_offset_and_reading_goes_on() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (_log, original) = filled(&broker, "clean", 2, "1").await;
    let good = read_raw(&broker, &original, 1).remove(0);
    let kafka = topic(&broker, "poison");
    make_topic(&broker, &kafka, 1).await;
    let changed = |change: &dyn Fn(&mut Raw)| {
        let mut raw = good.clone();
        change(&mut raw);
        raw
    };
    let records = [
        good.clone(),
        changed(&|raw| raw.value = Some(b"not JSON".to_vec())),
        changed(&|raw| raw.value = None),
        changed(&|raw| raw.value = Some(vec![b'x'; 1_048_576])),
        changed(&|raw| raw.headers.clear()),
        changed(&|raw| raw.set_header("ce_streamversion", "0")),
        changed(&|raw| raw.set_header("ce_type", "")),
        changed(&|raw| raw.key = None),
        good.clone(),
    ];
    write_raw(&broker, &kafka, &records);
    let database = Database::default();
    let mut source = join(&kafka, &kafka.topic, &database).await;
    read_until(&mut source, &database, |kept| kept.events.len() == 2).await;
    let kept = database.0.lock().unwrap();
    let reasons: Vec<_> =
        kept.poison.iter().map(|(offset, poison)| (*offset, poison.reason)).collect();
    let expected = [
        (1, PoisonReason::NotJson),
        (2, PoisonReason::NoValue),
        (3, PoisonReason::NotJson),
        (4, PoisonReason::MissingHeader("ce_specversion")),
        (5, PoisonReason::BadHeader("ce_streamversion")),
        (6, PoisonReason::BadHeader("ce_type")),
        (7, PoisonReason::Key),
    ];
    assert_eq!(reasons, expected);
    assert!(kept.poison[0].1.stream.is_some() && kept.poison[0].1.position == Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_offsets_are_reported_and_reading_goes_on_where_the_engine_says() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (_log, kafka) = filled(&broker, "trimmed", 100, "1").await;
    trim(&broker, &kafka, &[(0, 60)]).await;
    let database = Database::default();
    database.0.lock().unwrap().checkpoints.insert(0, 20);
    let mut source = join(&kafka, &kafka.topic, &database).await;
    read_until(&mut source, &database, |kept| kept.events.len() == 40).await;
    source.close().await;
    let high = database.0.lock().unwrap().checkpoints[&0];
    let lost = OffsetLost { partition: 0, wanted: 20, low: 60, high };
    assert_eq!(database.0.lock().unwrap().lost, [lost]);

    // A topic that ends before the checkpoint: recreated behind the database's back.
    database.0.lock().unwrap().checkpoints.insert(0, 5_000);
    let mut source = join(&kafka, &kafka.topic, &database).await;
    read_until(&mut source, &database, |kept| kept.events.len() == 80).await;
    source.close().await;
    let lost = OffsetLost { partition: 0, wanted: 5_000, low: 60, high };
    assert_eq!(database.0.lock().unwrap().lost[1..], [lost]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_checkpoint_moved_elsewhere_is_read_again_from_there() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, _, database, mut source) = reading(&broker, "moved", 6_000, "1").await;
    read_until(&mut source, &database, |kept| !kept.events.is_empty()).await;
    {
        // Another member's transaction was faster and is taken back: the checkpoint is where it was at first.
        let mut kept = database.0.lock().unwrap();
        kept.checkpoints.insert(0, 0);
        kept.events.clear();
    }
    read_until(&mut source, &database, |kept| kept.events.len() == 6_000).await;
    source.close().await;
    assert!(database.0.lock().unwrap().refused_pages > 0);
    must_hold_the_log(&database, &log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_begins_again_at_its_last_record_or_is_lost() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (_log, _, database, mut source) = reading(&broker, "begin-again", 20, "1").await;
    read_until(&mut source, &database, |kept| kept.events.len() == 20).await;
    source.begin_at(0, i64::MAX);
    let OffsetLost { partition: 0, low: 0, high, .. } = next_lost(&mut source).await else {
        panic!("another partition, or it was trimmed");
    };
    assert!(high >= 20);
    source.begin_at(0, high);
    let page = next_page(&mut source).await;
    assert_eq!((page.from, page.next, page.records.len()), (high - 1, high, 1));
    // As where a topic that is made again is by one record shorter.
    source.begin_at(0, high + 1);
    let lost = next_lost(&mut source).await;
    assert_eq!(lost, OffsetLost { partition: 0, wanted: high + 1, low: 0, high });
    source.resume_at(0, 0);
    assert_eq!(next_page(&mut source).await.from, 0);
    source.close().await;
}

async fn next_page(source: &mut TopicSource) -> Page {
    match timeout(HANGS, source.next()).await.unwrap().unwrap() {
        Step::Pages(pages) => pages.into_iter().next().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Passes over pages that were under way.
async fn next_lost(source: &mut TopicSource) -> OffsetLost {
    let lost = async {
        loop {
            match source.next().await.unwrap() {
                Step::Lost(lost) => return lost,
                Step::Pages(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(HANGS, lost).await.unwrap()
}
