//! A portion: consecutive events of one partition, and where its checkpoint goes with them.

use super::sift::Arrived;
use read_model::write::partitions::Mark;

/// Where the checkpoint's offset goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// There, for those that are before it; others have had all of this.
    Forward(i64),
    /// It stays.
    Stay,
    /// There, wherever it was: the events did not come from the topic.
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
pub(super) struct Portion {
    pub partition: i32,
    /// By position.
    pub events: Vec<Arrived>,
    /// Every event of the partition up to here is applied, or is among these.
    pub reach: u64,
    pub goal: Goal,
}

impl Portion {
    /// The same once more.
    pub(super) fn again(&self) -> Self {
        let events = self.events.iter().map(Arrived::again).collect();
        Self { partition: self.partition, events, reach: self.reach, goal: self.goal }
    }

    /// Where the partition is read on, if the portion is from the topic.
    pub(super) fn end(&self) -> Option<(i32, i64)> {
        match self.goal {
            Goal::Forward(next) => Some((self.partition, next)),
            Goal::Stay | Goal::Jump(_) => None,
        }
    }
}
