//! The relay as a service: it takes the lease, publishes, starts a new session after every failure, and serves health.
//!
//! A failure of Kafka or of the log costs only time: it is reported on `/readyz` and logged once for a run of failures,
//! and a bounded pause follows. Only a topic that must not be written to ends the program.

use crate::error::KafkaError;
use crate::kafka::Kafka;
use crate::lease_name;
use crate::publish::{Recorded, Session, SessionError, recount, save};
use crate::settings::Settings;
use crate::topic::TopicProbe;
use event_store::subscription::{AdvanceError, Checkpoint, Patience, Tenure};
use event_store::{EventStore, Position};
use server::listen::Listener;
use server::{Backoff, Limits, Readiness};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The pause after a failed session, doubled each time up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The name of the log in `/readyz`.
const LOG: &str = "event-store";

/// Why the relay ended.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The topic must not be written to as it is.
    #[error(transparent)]
    Refused(KafkaError),
    /// Health could not be served.
    #[error("the HTTP side failed: {0}")]
    Http(#[from] std::io::Error),
}

pub(crate) struct Relay {
    pub(crate) store: EventStore,
    pub(crate) kafka: Kafka,
    pub(crate) settings: Settings,
    pub(crate) readiness: Readiness,
    pub(crate) holder: String,
    pub(crate) patience: Patience,
}

/// Publishes until `shutdown`, and serves health and metrics on `listener` all the while.
///
/// # Errors
/// [`RelayError`], as each variant says.
pub async fn run(
    settings: Settings,
    store: EventStore,
    listener: Listener,
    shutdown: CancellationToken,
) -> Result<(), RelayError> {
    let kafka = settings.kafka().map_err(RelayError::Refused)?;
    let readiness = Readiness::draining_on(shutdown.clone());
    let http = server::health::router(readiness.clone());
    let holder = format!("{} {}", std::process::id(), uuid::Uuid::now_v7());
    let patience = Patience { take_after: settings.lease_timeout() };
    let relay = Relay { store, kafka, settings, readiness, holder, patience };
    let work = async {
        let ended = relay.work(&shutdown).await;
        // Without the work there is nothing to serve, however it ended.
        shutdown.cancel();
        ended
    };
    let serve = server::serve(listener, http, Limits::default(), shutdown.clone());
    let (worked, served) = tokio::join!(work, serve);
    worked?;
    Ok(served?)
}

impl Relay {
    /// Publishes whenever this relay holds the lease, until `shutdown`.
    pub(crate) async fn work(&self, shutdown: &CancellationToken) -> Result<(), RelayError> {
        let name = lease_name(&self.kafka.topic);
        let subscription = self.store.subscribe(name, &self.holder, self.patience);
        let report = |log| self.readiness.set(LOG, log);
        loop {
            metrics::gauge!("relay_active").set(0.0);
            let (tenure, checkpoint) = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                taken = subscription.take(&report) => taken,
            };
            tracing::info!(
                lease.epoch = tenure.epoch(),
                relay.checkpoint = checkpoint.position,
                "this relay is active"
            );
            metrics::gauge!("relay_active").set(1.0);
            let publish = self.publish(&tenure, checkpoint, shutdown);
            let lost = match tenure.during(&report, publish).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(SessionError::Kafka(refused @ KafkaError::Refused(_)))) => {
                    return Err(RelayError::Refused(refused));
                }
                Ok(Err(error)) => error.to_string(),
                Err(lost) => lost.to_string(),
            };
            tracing::warn!(
                lease.epoch = tenure.epoch(),
                reason = lost,
                "this relay is no longer active"
            );
            // A standby does not use Kafka, so the failure of its last session no longer counts.
            self.readiness.set("kafka", Ok(()));
        }
    }

    /// Runs session after session under one lease, until `shutdown`; returns earlier only if another session cannot help.
    async fn publish(
        &self,
        tenure: &Tenure,
        mut from: Checkpoint,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let begun_at = from.position;
            let error = match self.session(tenure, &from, shutdown).await {
                Ok(()) => return Ok(()),
                Err(
                    error @ (SessionError::Fenced | SessionError::Kafka(KafkaError::Refused(_))),
                ) => {
                    return Err(error);
                }
                Err(error) => error,
            };
            self.report(&error, backoff.is_fresh());
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(backoff.pause()) => {}
            }
            match tenure.checkpoint().await {
                Ok(now) => from = now,
                Err(AdvanceError::Fenced) => return Err(SessionError::Fenced),
                // The next move of the checkpoint shows whether this relay is fenced.
                Err(AdvanceError::Store(_)) => {}
            }
            if from.position > begun_at {
                backoff.reset();
            }
        }
    }

    /// Logs a failure: as a warning the first time of a run of failures.
    fn report(&self, error: &SessionError, first: bool) {
        metrics::counter!("relay_session_failures_total").increment(1);
        self.readiness.set("kafka", Err(error.to_string()));
        match first {
            true => {
                tracing::warn!(%error, "publishing failed and begins again from the checkpoint")
            }
            false => tracing::debug!(%error, "publishing failed again"),
        }
    }

    async fn session(
        &self,
        tenure: &Tenure,
        from: &Checkpoint,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let probe = TopicProbe::new(&self.kafka)?;
        let (recorded, checkpoint) = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            prepared = self.prepare(&probe, tenure, from) => prepared?,
        };
        self.readiness.set("kafka", Ok(()));
        let session = Session {
            store: self.store.clone(),
            kafka: self.kafka.clone(),
            tenure: tenure.clone(),
            recorded,
            checkpoint,
            delivery_timeout: self.settings.delivery_timeout(),
            mark_interval: self.settings.mark_interval(),
        };
        session.run(&probe, shutdown).await
    }

    /// Ensures that the topic exists and is the one that was written to before; returns where to continue.
    async fn prepare(
        &self,
        probe: &TopicProbe,
        tenure: &Tenure,
        from: &Checkpoint,
    ) -> Result<(Recorded, Position), SessionError> {
        let found = match probe.partitions().await? {
            Some(partitions) => partitions,
            None => {
                let Settings { partitions, replication, .. } = self.settings;
                probe.create(partitions, replication).await?;
                tracing::info!(topic = self.kafka.topic, partitions, "created the topic");
                probe.partitions().await?.unwrap_or(partitions)
            }
        };
        let before: Option<Recorded> = serde_json::from_str(&from.note).ok();
        let high: Vec<i64> =
            probe.watermarks(found).await?.iter().map(|marks| marks.high).collect();
        let fresh = Recorded { partitions: found, offsets: high.clone() };
        let Some(before) = before else {
            save(tenure, 0, &fresh).await?;
            return Ok((fresh, 0));
        };
        if before.offsets.iter().zip(&high).any(|(recorded, high)| high < recorded) {
            // The topic was recreated, or its brokers lost acknowledged records. Publishing all again only adds repeats.
            tracing::warn!(
                topic = self.kafka.topic,
                relay.checkpoint = from.position,
                "the topic ends before what was published to it; publishing the whole log again"
            );
            save(tenure, 0, &fresh).await?;
            return Ok((fresh, 0));
        }
        if before.partitions != found {
            return Err(recount(&self.kafka.topic, before.partitions, found).into());
        }
        Ok((before, from.position))
    }
}
