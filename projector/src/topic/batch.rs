//! A batch: consecutive events of one partition, and where the partition's checkpoints move with them.

use crate::decoded::Decoded;
use read_model::write::partitions::Mark;

/// An event as it arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    /// Its offset in the partition; [`Arrived::ELSEWHERE`] when it was not taken from the topic.
    pub offset: i64,
    /// The decoded event.
    pub event: Decoded,
}

impl Arrived {
    /// An offset after every record of a topic.
    const ELSEWHERE: i64 = i64::MAX;

    /// An event that was read from the log.
    pub(super) fn from_log(event: Decoded) -> Self {
        Self { offset: Self::ELSEWHERE, event }
    }

    /// A copy of it.
    pub(super) fn again(&self) -> Self {
        Self { offset: self.offset, event: self.event.clone() }
    }

    pub(super) fn position(&self) -> u64 {
        self.event.recorded.position
    }

    /// Whether a projection at this checkpoint has not had the event. An event that it has applied may stand above its
    /// position, if another projection has parked it; then the event's offset decides.
    pub(super) fn is_news(&self, mark: Mark) -> bool {
        self.position() > mark.position && self.offset >= mark.next_offset
    }
}

/// The offset target: where a batch moves the offset of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// To this offset, for checkpoints before it; the others have had all of the batch.
    Forward(i64),
    /// The offset does not move.
    Stay,
    /// To this offset, forward or back: the events did not come from the topic.
    Jump(i64),
}

impl Goal {
    pub(super) fn concerns(self, mark: Mark) -> bool {
        match self {
            Self::Forward(next) => mark.next_offset < next,
            Self::Stay | Self::Jump(_) => true,
        }
    }

    pub(super) fn next_offset(self, mark: Mark) -> i64 {
        match self {
            Self::Forward(next) | Self::Jump(next) => next,
            Self::Stay => mark.next_offset,
        }
    }
}

/// Consecutive events of one partition.
#[derive(Debug)]
pub(super) struct Batch {
    pub partition: i32,
    /// By position.
    pub events: Vec<Arrived>,
    /// The covered position: every event of the partition up to here is applied or in this batch.
    pub reach: u64,
    pub goal: Goal,
}

impl Batch {
    /// A copy of it.
    pub(super) fn again(&self) -> Self {
        let events = self.events.iter().map(Arrived::again).collect();
        Self { partition: self.partition, events, reach: self.reach, goal: self.goal }
    }

    /// Whether its events came from the topic, so that a log check may correct them.
    pub(super) fn is_from_topic(&self) -> bool {
        matches!(self.goal, Goal::Forward(_))
    }

    /// The partition and its next offset, if the batch came from the topic.
    pub(super) fn end(&self) -> Option<(i32, i64)> {
        match self.goal {
            Goal::Forward(next) => Some((self.partition, next)),
            Goal::Stay | Goal::Jump(_) => None,
        }
    }
}
