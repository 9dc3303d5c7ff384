//! The report of an audit, and its text.

use event_store::Position;
use std::fmt;

/// An audit ends at this many differences.
pub const MAX_DIFFERENCES: usize = 10;

/// The records that a partition held when the audit began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionRange {
    /// The first offset.
    pub low: i64,
    /// The offset after the last.
    pub high: i64,
    /// Position of its first event; `None` when it has none.
    pub first_position: Option<Position>,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// The name of the topic.
    pub topic: String,
    /// Positions 1 to this one were compared.
    pub checkpoint: Position,
    /// Events that are equal in topic and log.
    pub events: u64,
    /// Repeats of events in the topic.
    pub repeats: u64,
    /// Events published after the checkpoint.
    pub beyond: u64,
    /// Events that trimmed partitions no longer have.
    pub trimmed: u64,
    /// Watermarks read.
    pub marks: u64,
    /// What each partition still had.
    pub partitions: Vec<PartitionRange>,
    /// The first differences, at most [`MAX_DIFFERENCES`]. Empty = the topic equals the log.
    pub differences: Vec<String>,
}

impl AuditReport {
    pub(super) fn new(topic: &str, checkpoint: Position) -> Self {
        Self {
            topic: topic.to_owned(),
            checkpoint,
            events: 0,
            repeats: 0,
            beyond: 0,
            trimmed: 0,
            marks: 0,
            partitions: Vec::new(),
            differences: Vec::new(),
        }
    }

    /// Whether the topic equals the log.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.differences.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.differences.len() >= MAX_DIFFERENCES
    }

    pub(super) fn differ(&mut self, difference: String) {
        if !self.is_full() {
            self.differences.push(difference);
        }
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, checkpoint, events, repeats, beyond, trimmed, marks, .. } = self;
        let verdict = if self.is_sound() { "equals" } else { "DIFFERS FROM" };
        writeln!(f, "the topic {topic} {verdict} the log, positions 1 to {checkpoint}")?;
        write!(
            f,
            "{events} events compared, {repeats} repeats, {beyond} beyond the checkpoint, {marks} marks, {} partitions",
            self.partitions.len()
        )?;
        if *trimmed > 0 {
            write!(f, "\n{trimmed} events are in the log alone, because the topic was trimmed")?;
        }
        for (partition, range) in self.partitions.iter().enumerate().filter(|(_, r)| r.low > 0) {
            let (low, high) = (range.low, range.high);
            match range.first_position {
                Some(first) => write!(
                    f,
                    "\npartition {partition}: offsets {low} to {high}, compared from position {first} on"
                )?,
                None => {
                    write!(f, "\npartition {partition}: offsets {low} to {high}, no event left")?
                }
            }
        }
        for difference in &self.differences {
            write!(f, "\n{difference}")?;
        }
        Ok(())
    }
}
