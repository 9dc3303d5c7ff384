//! Four faults planted in the real code, each of which the comparisons that prove this system must find: the audit of the
//! topic, the follower of the log, the fresh fold of the views. Without its fault, each scenario is found sound.
//!
//! A fault is turned on for the whole process, so these cases take turns; only they are in this build
//! (`--features projector/planted-faults`).

use super::{HANGS, LOOK, Market, Task, UNTESTED};
use crate::topic::records;
use clap::Parser;
use event_store::{Access, Append, Entry, EventStore, Metadata, NewEvent, StreamId, StreamType};
use faults::{Fault, TurnedOn, turn_on};
use read_model::write::catalog::State;
use relay::audit::AuditReport;
use relay::{Kafka, SecurityFlags};
use rig::follower::{Followed, follow};
use rig::postgres::{Database, database_or_say};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// One case at a time.
static TURN: Mutex<()> = Mutex::const_new(());
/// Appends of each of the writers that race.
const APPENDS: usize = 150;
const WRITERS: usize = 4;
/// How many times some orders are placed while two groups feed one read model.
const ROUNDS: usize = 3;
/// The most times until the groups have met, if they are to meet.
const MAX_ROUNDS: usize = 30;
/// The two groups may not meet on a busy machine, and the events that both write may be none that is counted: nothing is doubled
/// then. Tries at most.
const ATTEMPTS: usize = 12;
/// Those whose own keys refuse a repeat, fence or not.
const KEYED: [&str; 4] = ["history", "orders", "proofs", "sales"];

/// An order's first event.
fn first_event() -> Append {
    let event = NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "NoteAdded",
        schema_version: 1,
        occurred_at: chrono::Utc::now(),
        payload: br#"{"text":"planted"}"#.to_vec(),
    };
    let entry = Entry {
        stream: StreamId { stream_type: StreamType::new("order"), id: Uuid::now_v7() },
        expected_version: 0,
        partition_key: None,
        events: vec![event],
        metadata: Metadata::default(),
        answer: None,
        joint: None,
    };
    Append { entries: vec![entry], recorded_at: chrono::Utc::now() }
}

async fn open(database: &Database) -> EventStore {
    EventStore::open(&database.url(), Access::ReadWrite).await.unwrap()
}

/// Several writers append while a reader follows the log by position.
async fn followed(database: &Database, planted: Option<Fault>) -> Followed {
    open(database).await.close().await;
    if planted.is_some() {
        // The schema itself would refuse what this fault does.
        let mut superuser = PgConnection::connect(&database.url()).await.unwrap();
        sqlx::raw_sql(UNLOCK_THE_HEAD).execute(&mut superuser).await.unwrap();
    }
    // Every handle before the first append: opening would refuse what this fault leaves.
    let mut stores = Vec::new();
    for _ in 0..WRITERS {
        stores.push(open(database).await);
    }
    let planted = planted.map(turn_on);
    let mut writers = tokio::task::JoinSet::new();
    for store in stores {
        writers.spawn(async move {
            for _ in 0..APPENDS {
                store.append(first_event()).await.unwrap();
            }
        });
    }
    let over = Arc::new(AtomicBool::new(false));
    let following = tokio::spawn({
        let (url, over) = (database.url(), Arc::clone(&over));
        async move { follow(&url, || over.load(Ordering::SeqCst)).await.unwrap() }
    });
    writers.join_all().await;
    over.store(true, Ordering::SeqCst);
    drop(planted);
    following.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_without_the_lock_is_found_by_a_follower_of_the_log() {
    let _turn = TURN.lock().await;
    let Some(sound) = database_or_say(UNTESTED).await else { return };
    let followed_sound = followed(&sound, None).await;
    assert!(followed_sound.is_whole(), "{followed_sound:?}");
    assert_eq!(followed_sound.last, (WRITERS * APPENDS) as u64);
    let faulty = database_or_say(UNTESTED).await.unwrap();
    let missed = followed(&faulty, Some(Fault::CursorWithoutLock)).await;
    println!("cursor without the lock: {missed:?}");
    assert!(missed.late > 0 && !missed.is_whole(), "{missed:?}");
}

const UNLOCK_THE_HEAD: &str =
    "ALTER TABLE event_store.log_head DISABLE TRIGGER log_head_is_the_last_event";

/// Makes every COMMIT of an append fail, as a full disk may.
const REFUSE_COMMITS: &str = "CREATE FUNCTION event_store.fail() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
    CREATE CONSTRAINT TRIGGER fail AFTER UPDATE ON event_store.log_head
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION event_store.fail()";
const ACCEPT_COMMITS: &str = "DROP TRIGGER fail ON event_store.log_head";

async fn relay(database: &Database, kafka: &Kafka, broker: &str) -> Task {
    let (log, topic) = (database.url(), kafka.topic.clone());
    let arguments = ["relay", "--event-store", &log, "--kafka", broker, "--topic", &topic];
    let settings = relay::Settings::parse_from(arguments.into_iter().chain([
        "--lease-timeout-ms",
        "500",
        "--partitions",
        "3",
    ]));
    let store = EventStore::open(&log, Access::Lease).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    let run = relay::run(settings, store, listener.into(), shutdown.clone());
    Task { shutdown, task: tokio::spawn(async move { run.await.unwrap() }) }
}

async fn published(store: &EventStore, kafka: &Kafka) {
    let head = store.head().await.unwrap().position;
    let lease = relay::lease_name(&kafka.topic);
    let reached = async {
        while store.lease(&lease).await.unwrap().is_none_or(|lease| lease.checkpoint < head) {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(HANGS, reached).await.unwrap();
}

/// Events in the topic: as many as expected, at least.
async fn events_in_topic(broker: &str, kafka: &Kafka, expected: usize) {
    let arrived = async {
        while records::read(broker, kafka, super::PARTITIONS)
            .iter()
            .filter(|record| record.is_event())
            .count()
            < expected
        {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(HANGS, arrived).await.unwrap();
}

/// An append whose COMMIT fails, between two that succeed.
async fn audited(broker: &str, planted: Option<Fault>) -> Option<AuditReport> {
    let database = database_or_say(UNTESTED).await?;
    let topic = format!("planted-{}", Uuid::now_v7().simple());
    let kafka = Kafka::new(broker, &topic, &SecurityFlags::default()).unwrap();
    let store = open(&database).await;
    let relay = relay(&database, &kafka, broker).await;
    store.append(first_event()).await.unwrap();
    published(&store, &kafka).await;
    let mut superuser = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::raw_sql(REFUSE_COMMITS).execute(&mut superuser).await.unwrap();
    let planted = planted.map(turn_on);
    assert!(store.append(first_event()).await.is_err(), "its COMMIT fails");
    if planted.is_some() {
        events_in_topic(broker, &kafka, 2).await;
    }
    drop(planted);
    sqlx::raw_sql(ACCEPT_COMMITS).execute(&mut superuser).await.unwrap();
    store.append(first_event()).await.unwrap();
    published(&store, &kafka).await;
    relay.stop().await;
    Some(relay::audit::compare(&store, &kafka).await.unwrap())
}

/// On one thread: the fault shows an append to the readers on its own.
#[tokio::test]
async fn what_is_published_before_its_commit_is_found_by_the_audit_of_the_topic() {
    let _turn = TURN.lock().await;
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let Some(sound) = audited(&broker.address(), None).await else { return };
    assert!(sound.is_sound() && sound.events == 2, "{sound}");
    let fault = Some(Fault::PositionReused);
    let found = audited(&broker.address(), fault).await.unwrap();
    println!("published before the commit: {found}");
    assert!(!found.is_sound(), "{found}");
}

/// Waits until a fault has made a difference.
async fn struck(fault: &TurnedOn) {
    while !fault.has_struck() {
        tokio::time::sleep(LOOK).await;
    }
}

/// A projector that ends in the middle of writing, and one that goes on where it was.
async fn interrupted(market: &mut Market, planted: Option<Fault>) -> bool {
    let relay = market.relay().await;
    market.trade(10).await;
    market.published().await;
    let planted = planted.map(turn_on);
    let (follower, _) = market.follow(None).await;
    match planted {
        Some(planted) => tokio::time::timeout(HANGS, struck(&planted)).await.unwrap(),
        None => market.caught_up().await,
    }
    follower.kill().await;
    market.trade(10).await;
    let (follower, _) = market.follow(None).await;
    market.caught_up().await;
    follower.stop().await;
    relay.stop().await;
    let report = market.shop.verify().await;
    report.is_sound() && report.behind.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_outside_the_transaction_is_found_by_a_fresh_fold() {
    let _turn = TURN.lock().await;
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut sound = Market::open(&broker, "inside").await;
    assert!(interrupted(&mut sound, None).await);
    let mut faulty = Market::open(&broker, "outside").await;
    let fault = Some(Fault::CheckpointBeforeRows);
    assert!(!interrupted(&mut faulty, fault).await, "lost rows were not found");
}

/// A member of a group of its own: it believes that every partition is its own, as a zombie does.
async fn member(market: &Market, group: &str) -> Task {
    let mut feed = market.feed(None);
    feed.consumer.group = format!("{}-{group}", market.kafka.topic);
    let (condition, _) = watch::channel(Ok(()));
    let shutdown = CancellationToken::new();
    let run = projector::run_topic(feed, market.model().await, condition, shutdown.clone());
    Task { shutdown, task: tokio::spawn(async move { run.await.unwrap() }) }
}

/// Two groups feed one read model.
async fn contended(market: &mut Market, planted: Option<Fault>) -> bool {
    let relay = market.relay().await;
    market.trade(1).await;
    market.project(None).await;
    for name in KEYED {
        assert!(market.shop.model.set_state(name, State::Stopped).await.unwrap());
    }
    let planted = planted.map(turn_on);
    let (one, other) = (member(market, "one").await, member(market, "other").await);
    for round in 1..=MAX_ROUNDS {
        market.trade(5).await;
        market.published().await;
        let met = planted.as_ref().is_none_or(TurnedOn::has_struck);
        if met && round >= ROUNDS {
            break;
        }
    }
    drop(planted);
    for name in KEYED {
        assert!(market.shop.model.set_state(name, State::Live).await.unwrap());
    }
    market.caught_up().await;
    one.stop().await;
    other.stop().await;
    relay.stop().await;
    let report = market.shop.verify().await;
    report.is_sound() && report.behind.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_nothing_fences_are_found_by_a_fresh_fold() {
    let _turn = TURN.lock().await;
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut sound = Market::open(&broker, "fenced").await;
    assert!(contended(&mut sound, None).await);
    for attempt in 1..=ATTEMPTS {
        let mut faulty = Market::open(&broker, "unfenced").await;
        let fault = Some(Fault::ZombieNotFenced);
        if !contended(&mut faulty, fault).await {
            println!("no fencing: found at attempt {attempt}");
            return;
        }
    }
    panic!("doubled effects were not found in {ATTEMPTS} attempts");
}
