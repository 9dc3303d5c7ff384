//! Log to Kafka, and Kafka to projector. The only member that knows rdkafka.
//!
//! Downstream of the event store: [`run`] publishes every event, in position order, to one topic, under a lease that lets
//! one process at a time do so. Upstream of the projector: [`consumer::TopicSource`] returns a group member's partitions
//! as pages of decoded events. [`audit`] proves that the topic equals the log.
//!
//! What holds in the topic, whatever is killed, paused or started twice (`publish` says why): each event's first
//! occurrence comes after the first occurrences of all earlier events of its partition. Repeats happen, skips and
//! reorderings do not, so a consumer that ignores versions it has seen sees each stream's history exactly once.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod audit;
pub mod consumer;
mod error;
pub mod kafka;
mod marks;
mod membership;
pub mod partition;
mod producer;
mod publish;
mod relay;
pub mod scan;
mod security;
pub mod settings;
#[cfg(feature = "simulation")]
mod simulated;
#[cfg(feature = "simulation")]
pub mod simulation;
mod topic;
mod window;
pub mod wire;

pub use error::KafkaError;
pub use kafka::Kafka;
pub use partition::partition_of;
pub use relay::{RelayError, run};
pub use security::{Security, SecurityFlags};
pub use settings::Settings;

/// The topic that the relay publishes to unless another is named.
pub const DEFAULT_TOPIC: &str = "orderlog.events";

/// The name of the lease, and so of the checkpoint, under which a relay fills the topic.
#[must_use]
pub fn lease_name(topic: &str) -> String {
    format!("relay:{topic}")
}
