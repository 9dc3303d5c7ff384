//! The last step: under the write lock, fold the events that the live rows have and the new rows lack, and swap.
//!
//! Under the lock the live rows do not change, so the gap stays closed. Only a small gap is closed here.

use super::Run;
use crate::ProjectorError;
use crate::flush;
use crate::group::Group;
use crate::points;
use faults::{Fault, planted};
use read_model::ReadModelError;
use read_model::write::WriteTx;
use read_model::write::catalog::Checkpoint;
use read_model::write::generation::Successor;
use server::clock;

/// The largest gap, in positions, that is closed under the lock.
pub(super) const GAP: u64 = 1_000;

/// Locks the live rows. Returns the furthest position of any member; of any partition, if a topic feeds them.
async fn furthest(tx: &mut WriteTx, group: &Group) -> Result<u64, ReadModelError> {
    let mut furthest = 0;
    for member in &group.members {
        let name = member.projection.name;
        let catalog = tx.catalog().await?;
        let Some(live) = catalog.iter().find(|entry| entry.name == name) else { continue };
        let checkpoint = Checkpoint { name, generation: live.generation };
        let reached = tx.lock_partitions(checkpoint).await?;
        furthest = furthest.max(live.position).max(reached.unwrap_or(0));
    }
    Ok(furthest)
}

/// Swaps all projections of the one group in. `false`: the gap is too large; catch up and try again.
pub(super) async fn finish(
    run: &mut Run<'_>,
    groups: &mut [Group],
) -> Result<bool, ProjectorError> {
    let [group] = groups else { return Ok(false) };
    points::reach("rebuild: finish").await?;
    let mut tx = run.model.begin_write().await?;
    let _holding = points::holding();
    let furthest = furthest(&mut tx, group).await?;
    let gap = furthest.saturating_sub(group.position);
    if gap > GAP {
        return Ok(false);
    }
    let now = clock::now().timestamp_micros();
    if planted(Fault::SwapWithoutDrain) && group.position < furthest {
        let step = (group.position, furthest);
        run.advance().write(&mut tx, &group.checkpoints(), step, now).await?;
        group.position = furthest;
    }
    while group.position < furthest {
        let limit = usize::try_from(furthest - group.position).unwrap_or(usize::MAX);
        let page = group.reader.page(group.position, limit).await?;
        if page.events.is_empty() {
            return Err(ProjectorError::Refused(format!(
                "the live rows stand at position {furthest}, but the log ends at {}: \
                 they belong to another log",
                group.position
            )));
        }
        run.progress.moved(page.events.len() as u64, page.to(), page.to());
        // Earlier pages of this loop are in the open transaction only: the states they touched must stay in memory.
        let batch = group.fold(page, run.model, now).await?;
        flush::write(&mut tx, batch, &run.advance(), now).await?;
    }
    run.stay(&mut tx, group).await?;
    for member in &group.members {
        let next = Successor {
            generation: member.generation,
            version: member.projection.version,
            position: group.position,
        };
        tx.swap(member.projection.name, member.projection.tables, next, now).await?;
    }
    points::half_way("rebuild: swapped").await;
    tx.commit(group.position).await?;
    points::reach("rebuild: finished").await?;
    Ok(true)
}
