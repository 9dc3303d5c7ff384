//! Kafka as a source of events: a group member that gives its partitions as pages of decoded records.
//!
//! The engine that reads it owns the truth about how far it is: rows, checkpoint and guard stand in its database. So
//! partitions start where a lookup in that database says, Kafka's own offsets are written only for people to look at,
//! and a deleted group loses nothing. What an engine does with a step:
//!
//! - [`Step::Assigned`]: nothing; remembers whom it works for.
//! - [`Step::Pages`]: one transaction: apply each event whose version is its stream's next, ignore those at or below it
//!   (repeats), move each partition's checkpoint from `from` to `next` by compare-and-set, with the highest position
//!   seen. When a compare fails, someone else has moved it: read it again and call [`TopicSource::resume_at`].
//!   A version that skips (it cannot, unless the topic lost something) is filled from the log.
//! - [`Step::Lost`]: the checkpoint's records are gone (trimmed, or the topic was recreated). The partition is paused.
//!   Take the log's head, apply from the log all events up to it that [`crate::partition_of`] puts here, store the
//!   checkpoint as `low` with that head, then [`TopicSource::resume_at`] `low`.
//! - [`Step::Revoked`]: forget the partitions. Pages of theirs still under way are harmless: the compare fails if the
//!   new owner was faster, and is right if not.
//!
//! The client runs on a thread of its own, because it blocks and its callbacks do too. A watchdog replaces it when it
//! stops delivering although there is more to read, and closing it is bounded, because it may hang.

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

/// A member that shows no life for this long is replaced.
const SILENCE: Duration = Duration::from_secs(60);
/// How often life is looked for while no step comes.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long closing waits for the member to leave its group.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Which topic is read, as a member of which group.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// The topic.
    pub kafka: Kafka,
    /// The group; its members share the partitions.
    pub group: String,
    /// A member from which the brokers hear nothing for this long loses its partitions.
    pub session_timeout: Duration,
    /// A member whose engine takes no step for this long loses its partitions.
    pub max_poll_interval: Duration,
}

impl ConsumerSettings {
    /// With the bounds that services use.
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
            // The old one is left to itself: whatever it still delivers goes nowhere.
            let lookup = Arc::clone(&self.lookup);
            self.member = Member::start(self.settings.clone(), lookup, Handle::current())?;
        }
    }

    /// Reads a partition on as when it is assigned: from the last applied record, the one before `wanted`, or
    /// [`Step::Lost`] if the topic does not reach there.
    pub fn begin_at(&self, partition: i32, wanted: i64) {
        self.member.tell(Command::BeginAt { partition, wanted });
    }

    /// Reads a partition on from `offset`: after a lost offset, or after another process moved the checkpoint. Pages
    /// that were under way may still come; their `from` shows which they are.
    pub fn resume_at(&self, partition: i32, offset: i64) {
        self.member.tell(Command::ResumeAt { partition, offset });
    }

    /// Lets Kafka know, for people to look at, how far the database is. A hint, written now and then.
    pub fn applied(&self, partition: i32, next: i64) {
        self.member.tell(Command::Applied { partition, next });
    }

    /// The client's last words on what is wrong with its brokers, for `/readyz` and logs.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        self.member.complaint()
    }

    /// Leaves the group; waits for that within a bound.
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
                "a consumer does not close; left to itself"
            );
        }
    }
}
