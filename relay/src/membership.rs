//! The steps and commands between an engine and a group member.
//!
//! [`crate::consumer`] exchanges them with the thread that owns a client; in a simulation the topic in memory answers.

mod lanes;

pub(crate) use lanes::Lanes;
pub use lanes::{MAX_RECORDS, Page};

use crate::partition::Watermarks;
use futures::future::BoxFuture;
use std::sync::Arc;

/// Steps that may wait for the engine; then the member stops reading.
pub(crate) const MAX_WAITING_STEPS: usize = 8;

/// Reads from the database where these partitions continue: the offset after the last applied record, `None` if there is
/// none. The first page begins with that record, if the topic still has it.
pub type Lookup =
    Arc<dyn Fn(Vec<i32>) -> BoxFuture<'static, Result<Vec<Option<i64>>, String>> + Send + Sync>;

/// One step of a member for its engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These partitions are ours from now on.
    Assigned(Vec<i32>),
    /// These are not ours any more.
    Revoked(Vec<i32>),
    /// Records of one or more partitions, each partition's in order.
    Pages(Vec<Page>),
    /// The topic does not have the records after the checkpoint.
    Lost(OffsetLost),
}

/// A partition that does not hold the wanted offset: its records begin later or end earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetLost {
    /// Which partition; paused until [`TopicSource::resume_at`].
    pub partition: i32,
    /// The offset that was to be read next.
    pub wanted: i64,
    /// The first offset that the partition has.
    pub low: i64,
    /// The offset after the last.
    pub high: i64,
}

/// A command of the engine to the member.
#[derive(Debug)]
pub(crate) enum Command {
    BeginAt { partition: i32, wanted: i64 },
    ResumeAt { partition: i32, offset: i64 },
    Applied { partition: i32, next: i64 },
    Close,
}

/// Where a partition begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub partition: i32,
    pub offset: i64,
    pub lost: Option<OffsetLost>,
}

impl Start {
    /// Where the database continues, if the topic has that offset: with the last applied record once more, so that another
    /// record in its place is noticed. If the topic ends before that offset, it was recreated.
    pub fn of(partition: i32, wanted: Option<i64>, marks: Watermarks) -> Self {
        let (low, high) = (marks.low, marks.high);
        let wanted = wanted.unwrap_or(0);
        let there = (low..=high).contains(&wanted);
        let lost = (!there).then_some(OffsetLost { partition, wanted, low, high });
        Self { partition, offset: if there { (wanted - 1).max(low) } else { low }, lost }
    }
}
