//! The thread that owns a client: it polls, gathers pages, follows commands, and restarts a client that fails.

use super::ConsumerSettings;
use super::context::{Happening, MemberContext};
use crate::kafka::Complaints;
use crate::membership::{Command, Lanes, Lookup, MAX_WAITING_STEPS, OffsetLost, Start, Step};
use crate::topic::watermarks;
use crate::wire::{Envelope, Record, decode};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc as plain};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// The longest wait in one poll.
pub(super) const POLL: Duration = Duration::from_millis(50);
/// The longest wait while the engine is busy and records are gathered for its next transaction.
const BUSY_POLL: Duration = Duration::from_millis(1);
/// The longest time for which records are gathered.
const GATHERING: Duration = Duration::from_millis(500);
/// The pause before a failed client is replaced.
const PAUSE: Duration = Duration::from_secs(1);
/// Heartbeats within a session: a rebalance is noticed with the next one.
const HEARTBEATS: u128 = 10;
/// How long a jump within a partition may take.
const SEEK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long leaving the group may take; then the client is abandoned.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(4);

pub(super) type Client = BaseConsumer<MemberContext>;

/// Why a client is not polled any more.
pub(super) enum End {
    /// The receiver is gone, or closing was requested.
    Closed,
    /// The client cannot go on; another one replaces it.
    Failed(String),
}

pub(super) struct Worker {
    pub settings: ConsumerSettings,
    pub lookup: Lookup,
    pub runtime: Handle,
    pub complaints: Arc<Complaints>,
    pub steps: mpsc::Sender<Step>,
    pub commands: plain::Receiver<Command>,
    pub begun: Instant,
    pub alive: Arc<AtomicU64>,
    pub lanes: Lanes,
    /// Since when records are gathered because the engine is busy.
    pub gathering: Option<Instant>,
    pub applied: BTreeMap<i32, i64>,
    pub committed: Instant,
    /// When a record last came.
    pub heard: Instant,
    /// The partitions that had waiting records at the last check.
    pub suspected: Vec<(i32, i64)>,
}

impl Worker {
    pub fn work(mut self) {
        loop {
            let end = match self.client() {
                Ok(client) => {
                    let end = self.poll_until(&client);
                    leave(client);
                    end
                }
                Err(error) => End::Failed(error.to_string()),
            };
            let End::Failed(reason) = end else { return };
            tracing::warn!(reason, "a Kafka consumer failed and restarts");
            let revoked = self.lanes.partitions();
            self.lanes = Lanes::default();
            if self.give(Step::Revoked(revoked)).is_err() {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn client(&self) -> Result<Client, ClientError> {
        let ConsumerSettings { kafka, group, session_timeout, max_poll_interval } = &self.settings;
        let client: Client = kafka
            .config()
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", session_timeout.as_millis().to_string())
            .set("heartbeat.interval.ms", (session_timeout.as_millis() / HEARTBEATS).to_string())
            .set(
                "max.poll.interval.ms",
                max_poll_interval.max(session_timeout).as_millis().to_string(),
            )
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "50")
            .create_with_context(MemberContext {
                topic: kafka.topic.clone(),
                lookup: Arc::clone(&self.lookup),
                runtime: self.runtime.clone(),
                complaints: Arc::clone(&self.complaints),
                closing: AtomicBool::new(false),
                happenings: std::sync::Mutex::default(),
            })?;
        client.subscribe(&[&kafka.topic])?;
        Ok(client)
    }

    fn poll_until(&mut self, client: &Client) -> End {
        let mut wait = POLL;
        loop {
            match self.turn(client, wait) {
                Ok(next) => wait = next,
                Err(end) => return end,
            }
        }
    }

    /// One poll; returns how long the next one may wait.
    fn turn(&mut self, client: &Client, wait: Duration) -> Result<Duration, End> {
        let alive = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.alive.store(alive, Ordering::Relaxed);
        self.obey(client)?;
        let polled = client.poll(wait);
        self.rebalance(client)?;
        match polled {
            Some(Ok(message)) => {
                self.heard = Instant::now();
                let content = decode(&Envelope::of(&message));
                let record = Record { offset: message.offset(), content };
                if self.lanes.push(message.partition(), record) {
                    self.hand_over()?;
                }
                Ok(Duration::ZERO)
            }
            Some(Err(error)) => {
                self.judge(client, &error)?;
                Ok(POLL)
            }
            None => {
                if self.gathers_on() {
                    return Ok(BUSY_POLL);
                }
                self.hand_over()?;
                self.commit(client);
                self.suspect(client)?;
                Ok(POLL)
            }
        }
    }

    /// While a step waits for the engine, incoming records are gathered for its next transaction. The time is bounded, so
    /// that an engine which takes nothing more is noticed.
    fn gathers_on(&mut self) -> bool {
        let busy = self.steps.capacity() < MAX_WAITING_STEPS;
        if !busy || self.lanes.are_empty() {
            self.gathering = None;
            return false;
        }
        self.gathering.get_or_insert_with(Instant::now).elapsed() < GATHERING
    }

    fn hand_over(&mut self) -> Result<(), End> {
        self.gathering = None;
        let pages = self.lanes.pages();
        if pages.is_empty() { Ok(()) } else { self.give(Step::Pages(pages)) }
    }

    fn give(&self, step: Step) -> Result<(), End> {
        self.steps.blocking_send(step).map_err(|_| End::Closed)
    }

    fn obey(&mut self, client: &Client) -> Result<(), End> {
        loop {
            match self.commands.try_recv() {
                Ok(Command::BeginAt { partition, wanted }) => {
                    self.begin(client, partition, wanted)?
                }
                Ok(Command::ResumeAt { partition, offset }) => {
                    self.jump(client, partition, offset)?
                }
                Ok(Command::Applied { partition, next }) => {
                    self.applied.insert(partition, next);
                }
                Err(plain::TryRecvError::Empty) => return Ok(()),
                Ok(Command::Close) | Err(plain::TryRecvError::Disconnected) => {
                    return Err(End::Closed);
                }
            }
        }
    }

    fn begin(&mut self, client: &Client, partition: i32, wanted: i64) -> Result<(), End> {
        if !self.lanes.owns(partition) {
            return Ok(());
        }
        let topic = &self.settings.kafka.topic;
        let marks = watermarks(client, topic, partition).map_err(|e| End::Failed(e.to_string()))?;
        let Start { offset, lost, .. } = Start::of(partition, Some(wanted), marks);
        match lost {
            None => self.jump(client, partition, offset),
            Some(lost) => self.lose(lost),
        }
    }

    fn jump(&mut self, client: &Client, partition: i32, offset: i64) -> Result<(), End> {
        if !self.lanes.owns(partition) {
            return Ok(());
        }
        self.lanes.begin(partition, offset);
        let topic = &self.settings.kafka.topic;
        let mut one = TopicPartitionList::new();
        one.add_partition(topic, partition);
        client
            .seek(topic, partition, Offset::Offset(offset), SEEK_TIMEOUT)
            .and_then(|()| client.resume(&one))
            .map_err(|error| {
                End::Failed(format!("partition {partition} cannot jump to {offset}: {error}"))
            })
    }

    fn rebalance(&mut self, client: &Client) -> Result<(), End> {
        for happening in client.context().take_happenings() {
            match happening {
                Happening::Assigned(starts) => {
                    let partitions = starts.iter().map(|start| start.partition).collect();
                    self.give(Step::Assigned(partitions))?;
                    for start in starts {
                        self.lanes.begin(start.partition, start.offset);
                        if let Some(lost) = start.lost {
                            self.lose(lost)?;
                        }
                    }
                }
                Happening::Revoked(partitions) => {
                    partitions.iter().for_each(|partition| self.lanes.end(*partition));
                    self.give(Step::Revoked(partitions))?;
                }
                Happening::Failed(reason) => return Err(End::Failed(reason)),
            }
        }
        Ok(())
    }

    pub fn lose(&mut self, lost: OffsetLost) -> Result<(), End> {
        self.lanes.pause(lost.partition);
        self.give(Step::Lost(lost))
    }
}

/// Leaves the group. Closing a client may hang, so it runs on another thread, and the wait is bounded.
fn leave(client: Client) {
    client.context().closing.store(true, Ordering::Relaxed);
    let (done, left) = plain::channel();
    std::thread::spawn(move || {
        drop(client);
        let _ = done.send(());
    });
    if left.recv_timeout(LEAVE_TIMEOUT).is_err() {
        tracing::warn!("a Kafka consumer does not leave its group; it is abandoned");
    }
}
