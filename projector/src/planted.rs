//! Faults that a test plants, to see that they would be found; nothing at all without `planted-faults`.
//!
//! Each hook is one call where portions are written. A fault is turned on for the whole process, so whoever
//! plants one sees to it that nothing else is at work in it.

use read_model::write::WriteTx;
use read_model::{ReadModel, ReadModelError};

#[cfg(feature = "planted-faults")]
pub use active::{Fault, TurnedOn, turn_on};
#[cfg(feature = "planted-faults")]
pub(crate) use active::{checkpoint_apart, fence, meet};

/// Where a portion begins: each of its partitions, with the position before its first event.
pub(crate) type Begin = (i32, u64);

/// Between the fold of a portion and the transaction that writes it. Whether somebody else has folded the same events by
/// now, and neither has written.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) async fn meet(_begins: impl Iterator<Item = Begin>) -> bool {
    false
}

/// Whether a checkpoint could be moved.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) fn fence(moved: Result<(), ReadModelError>, _met: bool) -> Result<(), ReadModelError> {
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
    use std::sync::{Mutex, PoisonError, RwLock};
    use std::time::Duration;
    use tokio::sync::{oneshot, watch};

    /// So long one who has folded events waits for another who has folded the same: it may be reading something else.
    const MEETING: Duration = Duration::from_secs(1);

    /// What is wrong on purpose.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Fault {
        /// Checkpoints are committed before the rows, in a transaction of their own; after that, nothing goes on.
        CheckpointOutside,
        /// A checkpoint that somebody else moved keeps nobody from writing; and two at work on the same events meet when both
        /// have folded them and neither has written. It strikes when both write.
        NoFencing,
    }

    /// The fault is turned off when this is dropped.
    #[derive(Debug)]
    pub struct TurnedOn(watch::Receiver<bool>);

    static FAULT: RwLock<Option<(Fault, watch::Sender<bool>)>> = RwLock::new(None);

    /// One who has folded events and not yet written, and how it learns that another one has.
    #[derive(Debug)]
    struct Waiting {
        begins: Vec<Begin>,
        met: oneshot::Sender<()>,
    }

    static WAITING: Mutex<Vec<Waiting>> = Mutex::new(Vec::new());

    /// Turns a fault on.
    pub fn turn_on(fault: Fault) -> TurnedOn {
        let (struck, told) = watch::channel(false);
        *FAULT.write().unwrap_or_else(PoisonError::into_inner) = Some((fault, struck));
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
            *FAULT.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Whom to tell that the fault has struck, if it is the one that is turned on.
    fn planted(fault: Fault) -> Option<watch::Sender<bool>> {
        let planted = FAULT.read().unwrap_or_else(PoisonError::into_inner);
        planted.as_ref().filter(|(planted, _)| *planted == fault).map(|(_, struck)| struck.clone())
    }

    /// Takes the one who waits with some of the same events off the list and tells it, or waits there itself.
    fn partner(begins: Vec<Begin>) -> Option<oneshot::Receiver<()>> {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|other| !other.met.is_closed());
        let same = |other: &Waiting| other.begins.iter().any(|begin| begins.contains(begin));
        if let Some(index) = waiting.iter().position(same)
            && waiting.swap_remove(index).met.send(()).is_ok()
        {
            return None;
        }
        let (met, told) = oneshot::channel();
        waiting.push(Waiting { begins, met });
        Some(told)
    }

    pub(crate) async fn meet(begins: impl Iterator<Item = Begin>) -> bool {
        let begins: Vec<Begin> = begins.collect();
        if planted(Fault::NoFencing).is_none() || begins.is_empty() {
            return false;
        }
        match partner(begins) {
            None => true,
            Some(told) => matches!(tokio::time::timeout(MEETING, told).await, Ok(Ok(()))),
        }
    }

    pub(crate) fn fence(
        moved: Result<(), ReadModelError>,
        met: bool,
    ) -> Result<(), ReadModelError> {
        if faults::planted(faults::Fault::ZombieNotFenced)
            && matches!(moved, Err(ReadModelError::CheckpointMoved))
        {
            return Ok(());
        }
        match (moved, planted(Fault::NoFencing)) {
            (Err(ReadModelError::CheckpointMoved), Some(struck)) => {
                if met {
                    struck.send_replace(true);
                }
                Ok(())
            }
            (moved, _) => moved,
        }
    }

    pub(crate) async fn checkpoint_apart(
        tx: WriteTx,
        model: &ReadModel,
    ) -> Result<WriteTx, ReadModelError> {
        if faults::planted(faults::Fault::CheckpointBeforeRows) {
            tx.commit(0).await?;
            crate::points::reach("views: checkpoints apart").await?;
            return model.begin_write().await;
        }
        let Some(struck) = planted(Fault::CheckpointOutside) else { return Ok(tx) };
        tx.commit(0).await?;
        struck.send_replace(true);
        // Whoever waits for the strike ends this process here.
        std::future::pending::<()>().await;
        model.begin_write().await
    }
}
