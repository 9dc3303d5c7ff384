//! Planted faults that take more than a condition where batches are written. Without `faults/on` each hook returns its
//! argument.
//!
//! A fault that a test has turned on in its own process also creates the situation that it needs: two writers meet, or
//! a writer stops.

use faults::{Fault, planted, turned_on};
use read_model::write::WriteTx;
use read_model::{ReadModel, ReadModelError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a writer that has folded events waits for another that has folded the same ones.
const MEETING: Duration = Duration::from_secs(1);

/// Where a batch begins: each of its partitions, with the position before its first event.
pub(crate) type Begin = (i32, u64);

/// A writer that has folded events and not yet written, and how it learns that another writer has folded them too.
#[derive(Debug)]
struct Waiting {
    begins: Vec<Begin>,
    met: oneshot::Sender<()>,
}

static WAITING: Mutex<Vec<Waiting>> = Mutex::new(Vec::new());

/// Called between the fold of a batch and the transaction that writes it. True if another writer has folded the same
/// events by now, and neither has written.
pub(crate) async fn meet(begins: impl Iterator<Item = Begin>) -> bool {
    if !turned_on(Fault::ZombieNotFenced) {
        return false;
    }
    let begins: Vec<Begin> = begins.collect();
    if begins.is_empty() {
        return false;
    }
    match partner(begins) {
        None => true,
        Some(met) => matches!(tokio::time::timeout(MEETING, met).await, Ok(Ok(()))),
    }
}

/// Takes a writer that waits with some of the same events off the list and wakes it, or puts this writer on the list.
fn partner(begins: Vec<Begin>) -> Option<oneshot::Receiver<()>> {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.retain(|other| !other.met.is_closed());
    let same = |other: &Waiting| other.begins.iter().any(|begin| begins.contains(begin));
    if let Some(index) = waiting.iter().position(same)
        && waiting.swap_remove(index).met.send(()).is_ok()
    {
        return None;
    }
    let (met, woken) = oneshot::channel();
    waiting.push(Waiting { begins, met });
    Some(woken)
}

/// Whether a checkpoint could be moved.
pub(crate) fn fence(moved: Result<(), ReadModelError>, met: bool) -> Result<(), ReadModelError> {
    if planted(Fault::ZombieNotFenced) && matches!(moved, Err(ReadModelError::CheckpointMoved)) {
        if met {
            faults::strike();
        }
        return Ok(());
    }
    moved
}

/// Called in the transaction that has moved the checkpoints, before its rows are written.
pub(crate) async fn checkpoint_apart(
    tx: WriteTx,
    model: &ReadModel,
) -> Result<WriteTx, ReadModelError> {
    if !planted(Fault::CheckpointBeforeRows) {
        return Ok(tx);
    }
    tx.commit(0).await?;
    faults::strike();
    if turned_on(Fault::CheckpointBeforeRows) {
        // The test that waits for the strike ends this process here.
        std::future::pending::<()>().await;
    }
    crate::points::reach("views: checkpoints apart").await?;
    model.begin_write().await
}
