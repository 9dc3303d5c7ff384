//! Rows fed from a topic, by a real relay through a real broker. Whatever happens to members, groups, records and offsets,
//! they equal a fresh fold of the log.

mod faults;
mod lost;
mod members;
#[cfg(feature = "planted-faults")]
mod planted;
mod records;
mod upkeep;

use crate::shop::Shop;
use clap::Parser;
use event_store::{EventStore, NewEvent, StreamType};
use projector::{Condition, Registry, TopicFeed};
use read_model::{Access, ReadModel};
use records::Raw;
use relay::consumer::ConsumerSettings;
use relay::{Kafka, SecurityFlags};
use rig::kafka::Broker;
use rig::watchdog;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const UNTESTED: &str = "projections fed from Kafka";
/// Nothing here takes longer unless it hangs.
const HANGS: Duration = Duration::from_secs(40);
/// No test takes longer as a whole.
const ENDLESS: Duration = Duration::from_secs(300);
/// How often a state is polled while a test waits for it.
const LOOK: Duration = Duration::from_millis(10);
const PARTITIONS: i32 = 3;
const VOUCHER: StreamType = StreamType::new("voucher");

/// A shop whose events go to a topic of its own.
pub struct Market {
    pub shop: Shop,
    pub kafka: Kafka,
    pub broker: String,
    /// The file of the read model.
    pub views: &'static str,
}

/// A relay or a follower at work in a task of its own.
pub struct Task {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Task {
    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(HANGS, self.task).await.expect("it stops in time").unwrap();
    }

    /// As if its process had been killed: nothing is brought to an end.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Market {
    pub async fn open(broker: &Broker, name: &str) -> Self {
        let topic = format!("{name}-{}", Uuid::now_v7().simple());
        let broker = broker.address();
        let kafka = Kafka::new(&broker, &topic, &SecurityFlags::default()).unwrap();
        watchdog::over_this_thread(name, ENDLESS);
        Self { shop: Shop::open().await, kafka, broker, views: "views.db" }
    }

    pub fn url(&self, file: &str) -> String {
        format!("sqlite://{}", self.shop.dir.path().join(file).display())
    }

    pub async fn relay(&self) -> Task {
        let log = self.url("events.db");
        let partitions = PARTITIONS.to_string();
        let arguments = [
            ["relay", "--mark-interval-ms=20"],
            ["--event-store", &log],
            ["--kafka", &self.broker],
            ["--topic", &self.kafka.topic],
            ["--partitions", &partitions],
            ["--lease-timeout-ms", "500"],
        ];
        let settings = relay::Settings::parse_from(arguments.concat());
        let store = EventStore::open(&log, event_store::Access::ReadWrite).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let run = relay::run(settings, store, listener.into(), shutdown.clone());
        Task { shutdown, task: tokio::spawn(async move { run.await.unwrap() }) }
    }

    pub fn feed(&self, log: Option<EventStore>) -> TopicFeed {
        let mut consumer = ConsumerSettings::new(self.kafka.clone(), &self.kafka.topic);
        consumer.session_timeout = Duration::from_secs(6);
        TopicFeed { consumer, log, registry: Registry::standard() }
    }

    /// A follower with a handle of its own on the read model, and what it says of itself.
    pub async fn follow(&self, log: Option<EventStore>) -> (Task, watch::Receiver<Condition>) {
        let model = self.model().await;
        let (condition, reported) = watch::channel(Ok(()));
        let shutdown = CancellationToken::new();
        let run = projector::run_topic(self.feed(log), model, condition, shutdown.clone());
        (Task { shutdown, task: tokio::spawn(async move { run.await.unwrap() }) }, reported)
    }

    /// A handle of its own on the read model.
    async fn model(&self) -> ReadModel {
        ReadModel::open(&self.url(self.views), Access::ReadWrite).await.unwrap()
    }

    /// Leaves the read model alone and begins another.
    pub async fn begin_other_views(&mut self) {
        self.views = "other-views.db";
        self.shop.model = self.model().await;
    }

    pub fn log(&self) -> Option<EventStore> {
        Some(self.shop.log.clone())
    }

    pub async fn caught_up(&self) {
        if tokio::time::timeout(HANGS, self.shop.caught_up()).await.is_err() {
            let catalog = self.shop.model.catalog().await.unwrap();
            panic!("{catalog:#?} {:#?}", self.shop.model.partitions().await.unwrap());
        }
    }

    /// Follows up to the head, stops, and compares.
    pub async fn project(&self, log: Option<EventStore>) {
        let (follower, _) = self.follow(log).await;
        self.caught_up().await;
        follower.stop().await;
        self.shop.assert_sound().await;
    }

    /// Some customers place and cancel orders; with every second one comes a voucher of its business case.
    pub async fn trade(&mut self, orders: usize) {
        for number in 0..orders {
            let order = self.shop.place(["ann", "bob", "cleo"][number % 3]).await;
            if number % 2 == 0 {
                let voucher = VOUCHER.stream(Uuid::now_v7());
                self.shop.begin_in_case(voucher, order, vec![self.voucher_event()]).await;
                self.shop.append_to(voucher, 1, vec![self.voucher_event()]).await;
            }
            if number % 4 == 0 {
                let reason = domain::Reason::parse("changed my mind").unwrap();
                let cancel = domain::order::OrderCommand::Cancel { reason };
                assert!(self.shop.command(order, &cancel).await);
            }
        }
    }

    /// An event of a type that no projection here knows but the history.
    fn voucher_event(&self) -> NewEvent {
        NewEvent {
            event_id: Uuid::now_v7(),
            event_type: "VoucherIssued",
            schema_version: 1,
            occurred_at: self.shop.now,
            payload: b"{}".to_vec(),
        }
    }

    /// Waits until the topic holds the log; gives its records.
    pub async fn published(&self) -> Vec<Raw> {
        let head = self.shop.log.head().await.unwrap().position;
        let lease = relay::lease_name(&self.kafka.topic);
        let reached = async {
            while self.shop.log.lease(&lease).await.unwrap().is_none_or(|l| l.checkpoint < head) {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(HANGS, reached).await.unwrap();
        records::read(&self.broker, &self.kafka, PARTITIONS)
    }
}
