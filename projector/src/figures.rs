//! The projector's metrics.

use crate::projection::Projection;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use read_model::write::catalog::SourceHead;
use std::time::Duration;

/// Registers the description of each metric, once a process.
pub(crate) fn describe() {
    describe_gauge!("projector_position", "Every event up to here is in the projection's rows.");
    describe_gauge!("projector_lag_events", "Events of the log that the projection's rows lack.");
    describe_gauge!(
        "projector_lag_ms",
        Unit::Milliseconds,
        "Age of the log's newest event while the projection lacks events, else 0."
    );
    describe_gauge!(
        "projector_parked_streams",
        "Streams left out because an event does not fold or a row is refused."
    );
    describe_gauge!(
        "projector_missing_position",
        "The position that is missing in the log or cannot be read, before which all views stand; 0 while there is none."
    );
    describe_counter!("projector_events_total", "Events folded and written.");
    describe_histogram!("projector_batch_events", "Events written in one transaction.");
    describe_histogram!(
        "projector_batch_duration_seconds",
        Unit::Seconds,
        "From a batch's events to its commit."
    );
    describe_counter!("projector_failures_total", "Batches that failed and were tried again.");
    #[cfg(feature = "kafka")]
    describe_counter!(
        "projector_foreign_records_total",
        "Records of the topic that are no events of the log; passed over."
    );
    #[cfg(feature = "kafka")]
    describe_counter!("projector_refills_total", "Partitions brought up to date from the log.");
}

/// How far a projection has come.
pub(crate) fn projection(
    projection: &'static Projection,
    position: u64,
    head: SourceHead,
    parked: usize,
) {
    let name = projection.name;
    let lag = head.position.saturating_sub(position);
    let lag_ms = if lag == 0 { 0 } else { (head.seen_at - head.recorded_at).max(0) / 1_000 };
    metrics::gauge!("projector_position", "projection" => name).set(position as f64);
    metrics::gauge!("projector_lag_events", "projection" => name).set(lag as f64);
    metrics::gauge!("projector_lag_ms", "projection" => name).set(lag_ms as f64);
    metrics::gauge!("projector_parked_streams", "projection" => name).set(parked as f64);
}

/// Counts a batch that was committed.
pub(crate) fn flushed(events: usize, took: Duration) {
    metrics::counter!("projector_events_total").increment(events as u64);
    metrics::histogram!("projector_batch_events").record(events as f64);
    metrics::histogram!("projector_batch_duration_seconds").record(took.as_secs_f64());
}

/// Sets the position that is missing in the log, if the follower stands before one.
pub(crate) fn missing(position: Option<u64>) {
    metrics::gauge!("projector_missing_position").set(position.unwrap_or(0) as f64);
}

/// Counts a batch that failed and will be tried again.
pub(crate) fn failed() {
    metrics::counter!("projector_failures_total").increment(1);
}

/// Counts a record of the topic that is not an event of the log.
#[cfg(feature = "kafka")]
pub(crate) fn passed_over() {
    metrics::counter!("projector_foreign_records_total").increment(1);
}

/// Counts a partition whose missing records were backfilled from the log.
#[cfg(feature = "kafka")]
pub(crate) fn refilled() {
    metrics::counter!("projector_refills_total").increment(1);
}
