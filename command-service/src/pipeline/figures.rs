//! The write side's figures by name, and what each means on `/metrics`.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Gauge.
pub const QUEUE_DEPTH: &str = "orderlog_command_queue_depth";
/// Histogram.
pub const BATCH_SIZE: &str = "orderlog_command_batch_size";
/// Histogram.
pub const COMMIT_SECONDS: &str = "orderlog_command_commit_seconds";
/// Gauge.
pub const CACHE_STREAMS: &str = "orderlog_command_cache_streams";
/// Gauge.
pub const CACHE_BYTES: &str = "orderlog_command_cache_bytes";
/// Counter.
pub const CONFLICTS: &str = "orderlog_command_conflicts_total";
/// Counter with the label `code`, one of the problem codes.
pub const REFUSED: &str = "orderlog_commands_refused_total";

/// Tells the recorder what the figures mean.
pub(super) fn describe() {
    describe_gauge!(QUEUE_DEPTH, "Commands that wait to be decided.");
    describe_histogram!(BATCH_SIZE, "Commands decided together, stored by one commit.");
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "From a batch's decisions to its commit.");
    describe_gauge!(CACHE_STREAMS, "Streams whose state is kept in memory.");
    describe_gauge!(CACHE_BYTES, Unit::Bytes, "About what these states take.");
    describe_counter!(CONFLICTS, "Commands decided again because another process came first.");
    describe_counter!(REFUSED, "Commands refused, by problem code.");
}
