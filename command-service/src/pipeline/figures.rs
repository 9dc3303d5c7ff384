//! The metrics of the write side by name, with their descriptions on `/metrics`. Every pipeline has its own; the label
//! `aggregate`, its stream type, distinguishes them.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};

const QUEUE_DEPTH: &str = "orderlog_command_queue_depth";
const BATCH_SIZE: &str = "orderlog_command_batch_size";
const COMMIT_SECONDS: &str = "orderlog_command_commit_seconds";
const CACHE_STREAMS: &str = "orderlog_command_cache_streams";
const CACHE_BYTES: &str = "orderlog_command_cache_bytes";
const CONFLICTS: &str = "orderlog_command_conflicts_total";
/// A counter with the label `code`, one of the problem codes.
pub const REFUSED: &str = "orderlog_commands_refused_total";

const AGGREGATE: &str = "aggregate";

/// One pipeline's metrics. Made once, so that no command has to look them up in the recorder.
#[derive(Clone)]
pub(super) struct Figures {
    pub queue_depth: Gauge,
    pub batch_size: Histogram,
    pub commit_seconds: Histogram,
    pub cache_streams: Gauge,
    pub cache_bytes: Gauge,
    pub conflicts: Counter,
}

impl Figures {
    /// The metrics of the pipeline of a stream type.
    pub fn of(stream_type: &'static str) -> Self {
        describe();
        Self {
            queue_depth: gauge!(QUEUE_DEPTH, AGGREGATE => stream_type),
            batch_size: histogram!(BATCH_SIZE, AGGREGATE => stream_type),
            commit_seconds: histogram!(COMMIT_SECONDS, AGGREGATE => stream_type),
            cache_streams: gauge!(CACHE_STREAMS, AGGREGATE => stream_type),
            cache_bytes: gauge!(CACHE_BYTES, AGGREGATE => stream_type),
            conflicts: counter!(CONFLICTS, AGGREGATE => stream_type),
        }
    }
}

fn describe() {
    describe_gauge!(QUEUE_DEPTH, "Commands that wait to be decided.");
    describe_histogram!(BATCH_SIZE, "Commands decided together, stored by one commit.");
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "From a batch's decisions to its commit.");
    describe_gauge!(CACHE_STREAMS, "Streams whose state is kept in memory.");
    describe_gauge!(CACHE_BYTES, Unit::Bytes, "About what these states take.");
    describe_counter!(CONFLICTS, "Commands decided again because another process came first.");
    describe_counter!(REFUSED, "Commands refused, by problem code.");
}
