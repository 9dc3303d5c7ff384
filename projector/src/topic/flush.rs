//! One transaction: the checkpoints' compare-and-set first, then the rows, then the positions that readers wait for.
//!
//! Rows of different partitions commute, and rows that partitions share (sums, counts) are written in the order of their
//! keys, table by table, projections in one order: so writers of different partitions wait for each other rather than
//! deadlock, and when they do deadlock all the same, the loser begins anew.

use crate::planted;
use crate::points;
use crate::projection::Changes;
use read_model::write::Tables;
use read_model::write::catalog::{Checkpoint, SourceHead};
use read_model::write::parked::ParkedRow;
use read_model::write::partitions::Step;
use read_model::{ReadModel, ReadModelError};

/// A checkpoint on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move {
    pub whose: Checkpoint,
    pub step: Step,
}

/// All that one transaction writes.
#[derive(Debug)]
pub(super) struct Flush {
    pub moves: Vec<Move>,
    /// Partitions whose reading jumps.
    pub jumps: Vec<i32>,
    pub changes: Vec<(Tables, Box<dyn Changes>)>,
    pub parked: Vec<ParkedRow>,
    pub head: SourceHead,
}

impl Flush {
    /// Partitions in which events are applied, each with the position before them.
    fn begins(&self) -> impl Iterator<Item = (i32, u64)> {
        let advancing = self.moves.iter().map(|its| its.step);
        advancing
            .filter(|step| step.to.position > step.from.position)
            .map(|step| (step.number, step.from.position))
    }
}

/// What moves together: the same partitions of the same projections, by the same steps. Nearly always that is all.
fn alike(moves: &[Move]) -> Vec<(Vec<Checkpoint>, Vec<Step>)> {
    let mut alike: Vec<(Vec<Checkpoint>, Vec<Step>)> = Vec::new();
    for its in moves.chunk_by(|one, next| one.step == next.step) {
        let whose: Vec<Checkpoint> = its.iter().map(|its| its.whose).collect();
        match alike.iter_mut().find(|(other, _)| *other == whose) {
            Some((_, steps)) => steps.push(its[0].step),
            None => alike.push((whose, vec![its[0].step])),
        }
    }
    alike
}

/// Writes it, with its rows counted as of `now`.
pub(super) async fn write(model: &ReadModel, flush: Flush, now: i64) -> Result<(), ReadModelError> {
    let met = planted::meet(flush.begins()).await;
    points::reach("views: write").await?;
    let mut tx = model.begin_write().await?;
    for (whose, steps) in alike(&flush.moves) {
        planted::fence(tx.move_partitions(&whose, &steps).await, met)?;
    }
    tx.reread_others(&flush.jumps).await?;
    tx = planted::checkpoint_apart(tx, model).await?;
    points::half_way("views: checkpoints moved").await;
    for (tables, changes) in flush.changes {
        changes.write(&mut tx, tables).await?;
    }
    tx.park(flush.parked).await?;
    let mut projections: Vec<Checkpoint> = flush.moves.iter().map(|its| its.whose).collect();
    projections.sort_unstable_by_key(|projection| projection.name);
    projections.dedup();
    tx.settle_partitions(&projections, now).await?;
    tx.set_source_head(flush.head).await?;
    points::half_way("views: rows written").await;
    tx.commit(flush.head.position).await?;
    points::reach("views: written").await
}
