//! The relay in a simulation: its work on a topic in memory.

pub use crate::simulated::{Lane, ProducerId, SimulatedTopic};

use crate::kafka::Kafka;
use crate::relay::{Relay, RelayError};
use crate::settings::Settings;
use event_store::{EventStore, Patience};
use server::Readiness;
use tokio_util::sync::CancellationToken;

/// The relay's work, on a topic that is simulated, without its HTTP side.
///
/// # Errors
/// As [`crate::run`].
pub async fn work(
    settings: Settings,
    store: EventStore,
    topic: SimulatedTopic,
    holder: String,
    shutdown: CancellationToken,
) -> Result<(), RelayError> {
    let kafka = Kafka::simulated(&settings.topic, topic);
    let readiness = Readiness::draining_on(shutdown.clone());
    let patience = Patience { take_after: settings.lease_timeout() };
    Relay { store, kafka, settings, readiness, holder, patience }.work(&shutdown).await
}
