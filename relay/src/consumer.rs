//! Kafka as a source of events: a group member that returns its partitions as pages of decoded records.
//!
//! The engine's database has the only valid progress: rows, checkpoint and fence. So partitions start where a lookup in
//! that database says, Kafka's own offsets are written only for people to read, and a deleted group loses nothing. What
//! an engine does with a step:
//!
//! - [`Step::Assigned`]: nothing; it notes that the partitions are its own.
//! - [`Step::Pages`]: one transaction: apply each event whose version is its stream's next, ignore those at or below it
//!   (repeats), move each partition's checkpoint from `from` to `next` by compare-and-set, with the highest position
//!   seen. When a compare fails, another process has moved it: read it again and call [`TopicSource::resume_at`].
//!   A version that skips (it cannot, unless the topic lost something) is filled from the log.
//! - [`Step::Lost`]: the checkpoint's records are gone (trimmed, or the topic was recreated). The partition is paused.
//!   Take the log's head, apply from the log all events up to it that [`crate::partition_of`] puts here, store the
//!   checkpoint as `low` with that head, then [`TopicSource::resume_at`] `low`.
//! - [`Step::Revoked`]: forget the partitions. Pages of theirs still under way are harmless: the compare fails if the
//!   new owner was faster, and is right if not.
//!
//! The client runs on a thread of its own, because it and its callbacks block. A watchdog replaces a client that stops
//! delivering although there is more to read. Closing a client may hang, so the wait for it is bounded.

mod context;
mod member;
mod upkeep;
mod worker;

pub use crate::membership::{Lookup, MAX_RECORDS, OffsetLost, Page, Step};
#[cfg(feature = "simulation")]
pub use crate::simulated::MemberId;

use crate::error::KafkaError;
use crate::kafka::Kafka;
use crate::membership::Command;
use crate::topic::TopicProbe;
use member::Member;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// A member without a sign of life for this long is replaced.
const SILENCE: Duration = Duration::from_secs(60);
/// How often a sign of life is checked while no step comes.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long closing waits for the member to leave its group.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The topic to read, and the group and bounds of the member that reads it.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// The topic and the way to its brokers.
    pub kafka: Kafka,
    /// The group; its members share the partitions.
    pub group: String,
    /// A member from which the brokers hear nothing for this long loses its partitions.
    pub session_timeout: Duration,
    /// A member whose engine takes no step for this long loses its partitions.
    pub max_poll_interval: Duration,
}

impl ConsumerSettings {
    /// Settings with the time bounds that services use.
    #[must_use]
    pub fn new(kafka: Kafka, group: &str) -> Self {
        Self {
            kafka,
            group: group.to_owned(),
            session_timeout: Duration::from_secs(10),
            max_poll_interval: Duration::from_secs(60),
        }
    }
}

/// A group member.
pub struct TopicSource {
    settings: ConsumerSettings,
    lookup: Lookup,
    partitions: u32,
    member: Member,
}

impl TopicSource {
    /// Joins the group. Called within the runtime that `lookup`'s futures are to run on.
    ///
    /// # Errors
    /// [`KafkaError::Unavailable`] when the brokers or the topic are not there (yet), else as each variant says.
    pub async fn join(settings: ConsumerSettings, lookup: Lookup) -> Result<Self, KafkaError> {
        let Some(partitions) = TopicProbe::new(&settings.kafka)?.partitions().await? else {
            let topic = &settings.kafka.topic;
            return Err(KafkaError::Unavailable(format!("there is no topic {topic} yet")));
        };
        let member = Member::start(settings.clone(), Arc::clone(&lookup), Handle::current())?;
        Ok(Self { settings, lookup, partitions, member })
    }

    /// How many partitions the topic had when the group was joined.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Waits for the next step. May be dropped half-way; no step is lost.
    ///
    /// # Errors
    /// [`KafkaError`] when a member that fell silent cannot be replaced.
    pub async fn next(&mut self) -> Result<Step, KafkaError> {
        loop {
            #[cfg(feature = "simulation")]
            let _resting = stage::resting();
            match timeout(LOOK_EVERY, self.member.steps.recv()).await {
                Ok(Some(step)) => return Ok(step),
                Ok(None) => tracing::warn!("a consumer ended by itself; another takes its place"),
                Err(_) if self.member.silence() < SILENCE => continue,
                Err(_) => tracing::warn!("a consumer fell silent; another takes its place"),
            }
            metrics::counter!("kafka_consumer_replaced_total").increment(1);
            // The old member is abandoned: its deliveries are dropped.
            let lookup = Arc::clone(&self.lookup);
            self.member = Member::start(self.settings.clone(), lookup, Handle::current())?;
        }
    }

    /// Reads a partition as after an assignment: from the last applied record, the one before `wanted`. The step is
    /// [`Step::Lost`] if the topic does not hold that record.
    pub fn begin_at(&self, partition: i32, wanted: i64) {
        self.member.tell(Command::BeginAt { partition, wanted });
    }

    /// Reads a partition on from `offset`: after a lost offset, or after another process moved the checkpoint. Pages
    /// that were under way may still come; their `from` shows which they are.
    pub fn resume_at(&self, partition: i32, offset: i64) {
        self.member.tell(Command::ResumeAt { partition, offset });
    }

    /// Writes the applied offset to Kafka at intervals, for people to read; nothing relies on it.
    pub fn applied(&self, partition: i32, next: i64) {
        self.member.tell(Command::Applied { partition, next });
    }

    /// The client's last complaint about its brokers, for `/readyz` and logs.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        self.member.complaint()
    }

    /// Leaves the group, and waits for that for a bounded time.
    pub async fn close(self) {
        #[cfg(feature = "simulation")]
        let _resting = stage::resting();
        let begun = Instant::now();
        let Member { mut steps, commands, .. } = self.member;
        let _ = commands.send(Command::Close);
        let ended = async { while steps.recv().await.is_some() {} };
        if timeout(CLOSE_TIMEOUT, ended).await.is_err() {
            tracing::warn!(
                duration_ms = begun.elapsed().as_millis(),
                "a consumer does not close; it is abandoned"
            );
        }
    }
}
