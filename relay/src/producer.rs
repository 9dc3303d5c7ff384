//! The producer of one session: idempotent, in order, acknowledged by all replicas; reports to the session's window.
//!
//! Messages never time out inside the client: later messages would skip one that did, and idempotence does not prevent
//! that gap. Instead the session drops a producer that reports no delivery for too long.

use crate::error::KafkaError;
use crate::kafka::{Complaints, Kafka};
use crate::window::{MARK, Sent, Window};
use crate::wire::{MARK_KEY, MAX_RECORD_BYTES, event_headers, mark_headers};
use event_store::{Position, RecordedEvent};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use std::sync::Arc;

/// The client's own bound on queued messages, in KiB.
const MAX_QUEUED_KBYTES: usize = 256 * 1024;
/// How long the client may gather a batch, in milliseconds.
const LINGER_MS: u32 = 2;

/// Sends to one topic. Dropping it drops what is still queued.
pub(crate) struct Producer {
    topic: String,
    client: Option<Client>,
}

/// The client that takes the records.
enum Client {
    Kafka(ThreadedProducer<Deliveries>),
    #[cfg(feature = "simulation")]
    Simulated(crate::simulated::Sender),
}

impl Producer {
    pub fn start(
        kafka: &Kafka,
        window: Arc<Window>,
        max_queued: usize,
    ) -> Result<Self, KafkaError> {
        #[cfg(feature = "simulation")]
        if let Some(simulated) = &kafka.simulated {
            let client = Some(Client::Simulated(simulated.sender(window, max_queued)));
            return Ok(Self { topic: kafka.topic.clone(), client });
        }
        let context = Deliveries { window, complaints: Complaints::default() };
        let client = kafka
            .config()
            .set("enable.idempotence", "true")
            .set("enable.gapless.guarantee", "true")
            .set("acks", "all")
            .set("message.timeout.ms", "0")
            // Every record names its partition; this would choose it for one that did not.
            .set("partitioner", "murmur2_random")
            .set("compression.type", "lz4")
            .set("linger.ms", LINGER_MS.to_string())
            .set("message.max.bytes", MAX_RECORD_BYTES.to_string())
            .set("queue.buffering.max.messages", max_queued.to_string())
            .set("queue.buffering.max.kbytes", MAX_QUEUED_KBYTES.to_string())
            .create_with_context(context)?;
        Ok(Self { topic: kafka.topic.clone(), client: Some(Client::Kafka(client)) })
    }

    /// Sends an event under its partition key.
    pub fn event(
        &self,
        partition: i32,
        key: &str,
        event: &RecordedEvent,
    ) -> Result<Sent, KafkaError> {
        let position = usize::try_from(event.position).expect("64-bit positions");
        self.send(partition, key, Some(&event.payload), event_headers(event), position)
    }

    /// Sends a position mark.
    pub fn mark(&self, partition: i32, position: Position) -> Result<Sent, KafkaError> {
        self.send(partition, MARK_KEY, None, mark_headers(position), MARK)
    }

    /// The client's last complaint about its brokers.
    pub fn complaint(&self) -> Option<String> {
        match self.client() {
            Client::Kafka(client) => client.context().complaints.last(),
            #[cfg(feature = "simulation")]
            Client::Simulated(_) => None,
        }
    }

    fn send(
        &self,
        partition: i32,
        key: &str,
        payload: Option<&[u8]>,
        headers: OwnedHeaders,
        position: usize,
    ) -> Result<Sent, KafkaError> {
        #[allow(clippy::infallible_destructuring_match, reason = "a simulation has another client")]
        let client = match self.client() {
            Client::Kafka(client) => client,
            #[cfg(feature = "simulation")]
            Client::Simulated(sender) => {
                return Ok(sender.send(partition, key, payload, headers, position));
            }
        };
        let mut record = BaseRecord::with_opaque_to(&self.topic, position);
        (record.partition, record.key) = (Some(partition), Some(key));
        (record.payload, record.headers) = (payload, Some(headers));
        match client.send(record) {
            Ok(()) => Ok(Sent::Queued),
            Err((ClientError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(Sent::Full),
            Err((error, _)) => {
                Err(KafkaError::Unavailable(format!("position {position} cannot be sent: {error}")))
            }
        }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("taken only when dropped")
    }
}

impl Drop for Producer {
    /// Drops the client on another thread, because purging its queue blocks for a moment.
    fn drop(&mut self) {
        if let Some(Client::Kafka(client)) = self.client.take() {
            std::thread::spawn(move || drop(client));
        }
    }
}

/// Reports each record's delivery to the window.
struct Deliveries {
    window: Arc<Window>,
    complaints: Complaints,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.complaints.log(level, facility, text);
    }

    fn error(&self, error: ClientError, reason: &str) {
        if matches!(error, ClientError::Global(RDKafkaErrorCode::Fatal)) {
            self.window.failed(format!("the producer gave up: {reason}"));
        }
        self.complaints.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, position: usize) {
        match result {
            Ok(record) if position == MARK => {
                self.window.marked(record.partition(), record.offset())
            }
            Ok(record) => {
                self.window.delivered(position as u64, record.partition(), record.offset());
            }
            Err((error, record)) => {
                let partition = record.partition();
                self.window.failed(format!(
                    "position {position} was not taken by partition {partition}: {error}"
                ));
            }
        }
    }
}
