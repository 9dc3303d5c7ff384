//! Kafka as a source of events: a group member that gives its partitions as pages of decoded records.
//!
//! The engine that reads it owns the truth about how far it is: rows, checkpoint and guard stand in its database. So
//! partitions start where a lookup in that database says, Kafka's own offsets are written only for people to look at,
//! and a deleted group loses nothing. What an engine does with a step:
//!
//! - [`Step::Assigned`]: nothing; remembers whom it works for.
//! - [`Step::Pages`]: one transaction: apply each event whose version is the order's next, ignore those at or below it
//!   (repeats), move each partition's checkpoint from `from` to `next` by compare-and-set, with the highest position
//!   seen. When a compare fails, someone else has moved it: read it again and call [`TopicSource::resume_at`].
//!   A version that skips (it cannot, unless the topic lost something) is filled from the log.
//! - [`Step::Lost`]: the checkpoint's records are gone (trimmed, or the topic was made anew). The partition is paused.
//!   Take the log's head, apply from the log all events up to it that [`crate::partition_of`] puts here, store the
//!   checkpoint as `low` with that head, then [`TopicSource::resume_at`] `low`.
//! - [`Step::Revoked`]: forget the partitions. Pages of theirs still under way are harmless: the compare fails if the
//!   new owner was faster, and is right if not.
//!
//! The client runs on a thread of its own, because it blocks and its callbacks do too. A watchdog replaces it when it
//! stops delivering although there is more to read, and closing it is bounded, because it may hang.

mod context;
mod lanes;
mod member;
#[cfg(feature = "simulation")]
mod simulated;
mod upkeep;
mod worker;

pub use lanes::{MAX_RECORDS, Page};
#[cfg(feature = "simulation")]
pub use simulated::MemberId;
#[cfg(feature = "simulation")]
pub(crate) use simulated::Seat;

use crate::kafka::{Kafka, KafkaError};
use crate::topic::TopicProbe;
use futures::future::BoxFuture;
use member::{Command, Member};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Steps that may wait for the engine; then the member stops reading.
pub(crate) const MAX_WAITING_STEPS: usize = 8;
/// A member that shows no life for so long is replaced.
const SILENCE: Duration = Duration::from_secs(60);
/// How often life is looked for while no step comes.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Closing waits so long for the member to leave its group.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the database where these partitions go on: the offset after the last applied record, `None` if there is none. The
/// first page begins with that record, if it is still there.
pub type Lookup =
    Arc<dyn Fn(Vec<i32>) -> BoxFuture<'static, Result<Vec<Option<i64>>, String>> + Send + Sync>;

/// Which topic is read, as a member of which group.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// The topic.
    pub kafka: Kafka,
    /// The group; its members share the partitions.
    pub group: String,
    /// A member from which the brokers hear nothing for so long loses its partitions.
    pub session_timeout: Duration,
    /// A member whose engine takes no step for so long loses its partitions.
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

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These partitions are ours from now on.
    Assigned(Vec<i32>),
    /// These are not ours any more.
    Revoked(Vec<i32>),
    /// Records of one or more partitions, each partition's in order.
    Pages(Vec<Page>),
    /// The records after the checkpoint are not there.
    Lost(OffsetLost),
}

/// A partition whose records do not reach back (or not yet) to where they are wanted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetLost {
    /// Which partition; paused until [`TopicSource::resume_at`].
    pub partition: i32,
    /// The offset that was to be read next.
    pub wanted: i64,
    /// The first offset that is there.
    pub low: i64,
    /// The offset after the last.
    pub high: i64,
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

    /// Reads a partition on from `offset`: after a lost offset, or after somebody else moved the checkpoint. Pages
    /// that were under way may still come; their `from` tells them apart.
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
