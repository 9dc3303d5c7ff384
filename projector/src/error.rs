//! Why projecting stopped; the loop decides by the variant whether to reload, to wait or to give up.

use event_store::StoreError;
use read_model::ReadModelError;

/// Why projecting stopped.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The log could not be read.
    #[error(transparent)]
    Source(#[from] StoreError),
    /// The read model could not be read or written.
    #[error(transparent)]
    ReadModel(#[from] ReadModelError),
    /// The topic could not be read.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Topic(#[from] relay::KafkaError),
    /// The views were made from another log.
    #[error(
        "the views were not made from this log: {0}. If the log was exchanged by mistake, stop and bring the right one \
         back; if this is the one to go on with, rebuild all views from it (--rebuild)"
    )]
    ForeignLog(String),
    /// The log has a hole; nothing is projected past it, and nothing is parked because of it.
    #[error(
        "the log has a hole: position {expected} is missing, though it reaches to {found}. Views stand before it; check \
         the log (orderlog verify), and bring back a sound copy"
    )]
    Gap {
        /// The missing position.
        expected: u64,
        /// A later position that the log has.
        found: u64,
    },
    /// The log cannot be read past a position; nothing is projected past it, and nothing is parked because of it.
    #[error(
        "the log cannot be followed past position {after}: {error}. Views stand there; check the log (orderlog verify), \
         and bring back a sound copy"
    )]
    Damaged {
        /// The last position before it.
        after: u64,
        /// Why the read failed.
        error: StoreError,
    },
    /// A task of the projector panicked.
    #[error("a projecting task panicked: {0}")]
    Panicked(String),
    /// A parked event cannot be read back.
    #[error("a parked event cannot be read back: {0}")]
    Parked(String),
    /// A rebuild, retry, rollback or change of source cannot be done; says why.
    #[error("{0}")]
    Refused(String),
    /// A shutdown was requested before the work was done.
    #[error("stopped before it was done; run it again to go on from where it stopped")]
    Interrupted,
}

impl ProjectorError {
    pub(crate) fn from_panic(error: tokio::task::JoinError) -> Self {
        Self::Panicked(error.to_string())
    }

    /// The position that is missing in the log, or cannot be read.
    pub(crate) fn missing_position(&self) -> Option<u64> {
        match self {
            Self::Gap { expected, .. } => Some(*expected),
            Self::Damaged { after, .. } => Some(after + 1),
            _ => None,
        }
    }

    /// The database refuses a row, and would refuse it again.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::ReadModel(ReadModelError::Refused(_)))
    }

    /// Another process moved the checkpoint; what is cached here is out of date.
    pub(crate) fn is_moved(&self) -> bool {
        matches!(self, Self::ReadModel(ReadModelError::CheckpointMoved))
    }
}
