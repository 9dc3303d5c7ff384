//! One session of publishing: from the checkpoint on, every event of the log, in position order, by one producer.
//!
//! Why the topic never skips and never reorders, whatever happens: call a partition's content *closed* when every
//! record of an event is preceded by some record of each earlier event of that partition. A session starts after a
//! checkpoint, up to which everything is in the topic, and its idempotent producer appends to a partition without gaps
//! and in order (a lost batch stops the ones behind it; no message ever times out inside the producer, because the
//! gap that this could leave is the one thing it does not guard against). So a session's records keep a closed
//! partition closed, even if they arrive late, interleaved with those of another session: from a producer we dropped,
//! or from a relay that was paused, fenced and woke up. Late records can only be repeats of events that stand there
//! already, or their unbroken continuation. Consumers take the first occurrence of each version and ignore the rest.
//!
//! On any delivery error the producer is dropped, and the next session starts from the checkpoint.

use crate::error::KafkaError;
use crate::kafka::Kafka;
use crate::marks;
use crate::partition::{partition_of, partition_of_key};
use crate::producer::Producer;
use crate::topic::TopicProbe;
use crate::window::{Reached, Sent, Window};
use event_store::subscription::{AdvanceError, Follower, Tenure};
use event_store::{EventStore, Position, RecordedEvent, StoreError};
use faults::{Fault, planted};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Events read from the log at a time.
const PAGE_EVENTS: usize = 2_000;
/// Events sent and not yet acknowledged, at most; further reading waits.
const MAX_UNACKED: usize = 20_000;
/// How often the log's head is polled when no hint of new events comes.
const POLL_LOG: Duration = Duration::from_millis(5);
/// The shortest time between two writes of the checkpoint: each costs a commit on the log's database, and only bounds
/// repeats.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(200);
/// How often the topic's partitions are counted again.
const COUNT_EVERY: Duration = Duration::from_secs(30);
/// How long a relay that is asked to stop waits for the last acknowledgements.
const LAST_ACKS: Duration = Duration::from_secs(2);

/// The note that the relay keeps with its checkpoint: the topic's state then.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Recorded {
    /// The partitions that streams are spread over.
    pub partitions: u32,
    /// Each partition's offset after the last acknowledged record; a topic that ends before lost something.
    pub offsets: Vec<i64>,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// Another relay holds the lease, so this one must not move the checkpoint.
    #[error("another relay took the lease over")]
    Fenced,
    /// Kafka failed or did not answer; begin again from the checkpoint.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The log failed; begin again from the checkpoint.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AdvanceError> for SessionError {
    fn from(error: AdvanceError) -> Self {
        match error {
            AdvanceError::Fenced => Self::Fenced,
            AdvanceError::Store(error) => Self::Store(error),
        }
    }
}

/// One run of publishing with one producer.
#[derive(Debug)]
pub(crate) struct Session {
    pub store: EventStore,
    pub kafka: Kafka,
    pub tenure: Tenure,
    pub recorded: Recorded,
    pub checkpoint: Position,
    pub delivery_timeout: Duration,
    pub mark_interval: Duration,
}

impl Session {
    /// Publishes until `shutdown` (then waits a little for acknowledgements) or until something fails.
    pub async fn run(
        &self,
        probe: &TopicProbe,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let offsets = self.recorded.offsets.iter();
        let reached = offsets.map(|next| Reached { next_offset: *next, position: 0 }).collect();
        let window = Arc::new(Window::new(self.checkpoint, reached));
        let producer = Producer::start(&self.kafka, Arc::clone(&window), 2 * MAX_UNACKED)?;
        let stopped = tokio::select! {
            biased;
            () = shutdown.cancelled() => Ok(()),
            failure = self.watch_deliveries(&window) => Err(explained(failure, &producer)),
            fed = self.feed(&producer, &window, shutdown) => fed,
            error = self.checkpoints(&window) => Err(error),
            error = self.count_partitions(probe) => Err(error),
            error = marks::keep(self.mark_interval, &producer, &window, &self.store) => {
                Err(error.into())
            }
        };
        match stopped {
            Ok(()) => self.settle(&window).await,
            Err(error) => Err(error),
        }
    }

    /// Sends the log from the checkpoint on, until something fails.
    async fn feed(
        &self,
        producer: &Producer,
        window: &Window,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let mut sent = self.checkpoint;
        let mut follower = Follower::new(&self.store, POLL_LOG, shutdown);
        while follower.next().await {
            let mut page = self.store.read_feed(sent, PAGE_EVENTS).await?;
            let Some(last) = page.last() else { continue };
            follower.found();
            sent = last.position;
            metrics::gauge!("relay_log_position").set(sent as f64);
            if planted(Fault::PartitionOrderSwapped) {
                swap_last(&mut page, self.recorded.partitions);
            }
            for event in &page {
                self.send(producer, window, event).await?;
            }
            metrics::counter!("relay_events_sent_total").increment(page.len() as u64);
            let mut progress = window.watch();
            while window.unacked() > MAX_UNACKED {
                let _ = progress.changed().await;
            }
        }
        Ok(())
    }

    async fn send(
        &self,
        producer: &Producer,
        window: &Window,
        event: &RecordedEvent,
    ) -> Result<(), SessionError> {
        let mut key = uuid::Uuid::encode_buffer();
        let key: &str = event.partition_key.hyphenated().encode_lower(&mut key);
        let partition = partition_of_key(key.as_bytes(), self.recorded.partitions);
        window.sending(partition);
        let mut progress = window.watch();
        while producer.event(partition, key, event)? == Sent::Full {
            let _ = progress.changed().await;
        }
        Ok(())
    }

    /// Moves the checkpoint to the acknowledged prefix, as long as this relay holds the lease.
    async fn checkpoints(&self, window: &Window) -> SessionError {
        let mut progress = window.watch();
        let mut saved = self.checkpoint;
        loop {
            let _ = progress.wait_for(|progress| progress.acked > saved).await;
            match self.save(window).await {
                Ok(position) => saved = position,
                Err(error) => return error,
            }
            sleep(CHECKPOINT_EVERY).await;
        }
    }

    async fn save(&self, window: &Window) -> Result<Position, SessionError> {
        let (acked, partitions) = window.reached();
        let offsets = partitions.iter().map(|reached| reached.next_offset).collect();
        let recorded = Recorded { partitions: self.recorded.partitions, offsets };
        save(&self.tenure, acked, &recorded).await?;
        Ok(acked)
    }

    /// Returns when a delivery failed, or when awaited deliveries take too long.
    async fn watch_deliveries(&self, window: &Window) -> String {
        let mut progress = window.watch();
        loop {
            let seen = progress.borrow_and_update().clone();
            if let Some(reason) = seen.failed {
                return reason;
            }
            if timeout(self.delivery_timeout, progress.changed()).await.is_err()
                && window.unacked() > 0
            {
                return format!("no delivery within {} s", self.delivery_timeout.as_secs_f32());
            }
        }
    }

    async fn count_partitions(&self, probe: &TopicProbe) -> SessionError {
        loop {
            sleep(COUNT_EVERY).await;
            // Deliveries, not this count, detect brokers that do not answer.
            if let Ok(Some(partitions)) = probe.partitions().await
                && partitions != self.recorded.partitions
            {
                return recount(&self.kafka.topic, self.recorded.partitions, partitions).into();
            }
        }
    }

    /// Waits a little for the last acknowledgements and writes the checkpoint a last time.
    async fn settle(&self, window: &Window) -> Result<(), SessionError> {
        let _ = timeout(LAST_ACKS, window.settled()).await;
        self.save(window).await.map(|_| ())
    }
}

/// What [`Fault::PartitionOrderSwapped`] does.
fn swap_last(page: &mut [RecordedEvent], partitions: u32) {
    if let [.., one, other] = page
        && partition_of(one.partition_key, partitions)
            == partition_of(other.partition_key, partitions)
    {
        std::mem::swap(one, other);
    }
}

/// Moves the checkpoint, and stores the topic's state with it.
pub(crate) async fn save(
    tenure: &Tenure,
    checkpoint: Position,
    recorded: &Recorded,
) -> Result<(), AdvanceError> {
    let note = serde_json::to_string(recorded).expect("numbers make JSON");
    tenure.advance(checkpoint, &note).await?;
    metrics::gauge!("relay_checkpoint_position").set(checkpoint as f64);
    Ok(())
}

/// The refusal of a topic whose partition count was changed; says what to do.
pub(crate) fn recount(topic: &str, recorded: u32, found: u32) -> KafkaError {
    KafkaError::Refused(format!(
        "the topic {topic} has {found} partitions, but events were published to {recorded}: with another number, \
         streams move between partitions and lose their order. Make a topic of another name with {found} partitions \
         and publish to that (--topic NAME; it is filled from the first event), then let the projectors read it"
    ))
}

fn explained(failure: String, producer: &Producer) -> SessionError {
    let why = producer.complaint();
    let text = why.map_or(failure.clone(), |why| format!("{failure} ({why})"));
    KafkaError::Unavailable(text).into()
}
