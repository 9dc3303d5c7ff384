//! Faults that a test plants, to see that they would be found; nothing at all without `planted-faults`.
//!
//! Each hook is one call where portions are written. A fault is turned on for the whole process, so whoever
//! plants one sees to it that nothing else is at work in it.

use read_model::write::WriteTx;
use read_model::{ReadModel, ReadModelError};

#[cfg(feature = "planted-faults")]
pub use active::{Fault, TurnedOn, turn_on};
#[cfg(feature = "planted-faults")]
pub(crate) use active::{checkpoint_apart, fence, linger};

/// Between the fold of a portion and the transaction that writes it.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) async fn linger() {}

/// Whether a checkpoint could be moved.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) fn fence(moved: Result<(), ReadModelError>) -> Result<(), ReadModelError> {
    moved
}

/// The transaction in which the checkpoints have been moved and the rows follow.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) async fn checkpoint_apart(
    tx: WriteTx,
    _model: &ReadModel,
) -> Result<WriteTx, ReadModelError> {
    Ok(tx)
}

#[cfg(feature = "planted-faults")]
mod active {
    use super::*;
    use std::time::Duration;
    use tokio::sync::watch;

    /// Long enough for two who read the same records to have folded them both before either writes.
    const LINGER: Duration = Duration::from_millis(50);

    /// What is wrong on purpose.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Fault {
        /// Checkpoints are committed before the rows, in a transaction of their own; after that, nothing goes on.
        CheckpointOutside,
        /// A checkpoint that somebody else moved keeps nobody from writing; and everybody lingers before they write, so that
        /// two at work on the same events have both begun before one has ended.
        NoFencing,
    }

    /// The fault is turned off when this is dropped.
    #[derive(Debug)]
    pub struct TurnedOn(watch::Receiver<bool>);

    static FAULT: std::sync::RwLock<Option<(Fault, watch::Sender<bool>)>> =
        std::sync::RwLock::new(None);

    /// Turns a fault on.
    pub fn turn_on(fault: Fault) -> TurnedOn {
        let (struck, told) = watch::channel(false);
        *FAULT.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some((fault, struck));
        TurnedOn(told)
    }

    impl TurnedOn {
        /// Waits until it has made a difference.
        pub async fn struck(&mut self) {
            // The sender lives as long as the fault.
            let _ = self.0.wait_for(|struck| *struck).await;
        }
    }

    impl Drop for TurnedOn {
        fn drop(&mut self) {
            *FAULT.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
        }
    }

    /// Whom to tell that the fault has struck, if it is the one that is turned on.
    fn planted(fault: Fault) -> Option<watch::Sender<bool>> {
        let planted = FAULT.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        planted.as_ref().filter(|(planted, _)| *planted == fault).map(|(_, struck)| struck.clone())
    }

    pub(crate) async fn linger() {
        if planted(Fault::NoFencing).is_some() {
            tokio::time::sleep(LINGER).await;
        }
    }

    pub(crate) fn fence(moved: Result<(), ReadModelError>) -> Result<(), ReadModelError> {
        match (moved, planted(Fault::NoFencing)) {
            (Err(ReadModelError::CheckpointMoved), Some(struck)) => {
                struck.send_replace(true);
                Ok(())
            }
            (moved, _) => moved,
        }
    }

    pub(crate) async fn checkpoint_apart(
        tx: WriteTx,
        model: &ReadModel,
    ) -> Result<WriteTx, ReadModelError> {
        let Some(struck) = planted(Fault::CheckpointOutside) else { return Ok(tx) };
        tx.commit(0).await?;
        struck.send_replace(true);
        // Whoever waits for the strike ends this process here.
        std::future::pending::<()>().await;
        model.begin_write().await
    }
}
