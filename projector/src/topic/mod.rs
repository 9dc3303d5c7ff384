//! Follows a topic instead of the log: the same folds and the same rows, fed by a member of a consumer group.
//!
//! The relay publishes in position order, so within a partition first occurrences have rising positions, and a record
//! at or below the highest position applied is a repeat. So a checkpoint is, for each projection and partition, the
//! next offset and that position; both move by compare-and-set in the transaction that writes the rows. Whatever is
//! delivered twice, late, or to a member that has lost its partition changes nothing. A projection's position in the
//! catalog is the least of its partitions' (idle ones are raised by the relay's marks), so tokens hold as ever.
//!
//! A record that is not an event of the log is counted and skipped: the relay writes the log's own bytes, so nothing is
//! lost with it. An event that cannot be folded parks its stream, after a log check if the log can be read. Records that
//! were removed before they were read are backfilled from the log; without a log their partition stops and reports it.

mod apply;
#[cfg(test)]
mod arrival_tests;
mod batch;
mod checkpoints;
mod cursors;
mod doubt;
mod engine;
#[cfg(test)]
mod exchanged_tests;
mod flush;
mod refill;
#[cfg(test)]
mod refused_tests;
mod same_topic;
mod sift;
#[cfg(test)]
mod stock_arrival_tests;
mod subscription;

use crate::ProjectorError;
use crate::figures;
use crate::live::Condition;
use crate::outdated::Outdated;
use crate::points;
use crate::registry::Registry;
use crate::source::Source;
use engine::Engine;
use event_store::EventStore;
use read_model::ReadModel;
use relay::consumer::ConsumerSettings;
use server::Backoff;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The first pause after a failure; doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause after failures.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// The topic to follow, and what is needed to follow it.
#[derive(Debug, Clone)]
pub struct TopicFeed {
    /// Which topic, as a member of which group.
    pub consumer: ConsumerSettings,
    /// The log behind it, for records that the topic no longer has and for events in doubt.
    pub log: Option<EventStore>,
    /// The aggregates and projections that the program knows.
    pub registry: Registry,
}

impl TopicFeed {
    /// The log behind the topic, as the registry reads it.
    fn source(&self) -> Option<Source> {
        self.log.clone().map(|log| Source::new(log, self.registry.clone()))
    }
}

/// Follows a topic until `shutdown`. A failure is reported to `condition` and logged; after a pause it tries again.
///
/// # Errors
/// None at present but those that no waiting can cure.
pub async fn run_topic(
    feed: TopicFeed,
    model: ReadModel,
    condition: watch::Sender<Condition>,
    shutdown: CancellationToken,
) -> Result<(), ProjectorError> {
    figures::describe();
    let mut backoff = Backoff::new(FIRST_PAUSE, LAST_PAUSE);
    let mut outdated = feed.source().map(|log| Outdated::new(log, model.clone(), shutdown.clone()));
    while !shutdown.is_cancelled() {
        let begun = tokio::time::Instant::now();
        let followed = match Engine::start(&feed, &model, &condition).await {
            Ok(mut engine) => {
                let followed = engine.follow(&mut outdated, &shutdown).await;
                engine.close().await;
                followed
            }
            Err(error) => Err(error),
        };
        let Err(error) = followed else { return Ok(()) };
        tracing::error!(%error, "following the topic failed; it will be tried again");
        figures::failed();
        figures::missing(error.missing_position());
        let _ = condition.send_replace(Err(error.to_string()));
        backoff.reset_after(begun.elapsed());
        let _resting = points::resting();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(backoff.pause()) => {}
        }
    }
    Ok(())
}
