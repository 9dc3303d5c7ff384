//! The writes of one transaction: the checkpoints' compare-and-set, then the rows, then the positions that readers wait for.
//!
//! Rows of different partitions commute, and rows that partitions share (sums, counts) are written in the order of their
//! keys, table by table, projections in one order. So writers of different partitions wait for each other and do not
//! deadlock; if they still do, the loser begins again.

use super::batch::{Batch, Goal};
use super::subscription::Subscription;
use crate::decoded::Decoded;
use crate::parking;
use crate::planted;
use crate::points;
use crate::projection::Changes;
use event_store::StreamId;
use read_model::write::Tables;
use read_model::write::catalog::{Checkpoint, SourceHead};
use read_model::write::parked::ParkedRow;
use read_model::write::partitions::{Mark, Step};
use read_model::{ReadModel, ReadModelError};
use std::collections::HashSet;

/// A checkpoint that is to move.
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
    jumps: Vec<i32>,
    changes: Vec<(Tables, Box<dyn Changes>)>,
    parked: Vec<ParkedRow>,
    pub head: SourceHead,
}

impl Flush {
    /// The flush of these folded batches; `head` is the log's end as known before.
    pub(super) fn of(
        subscriptions: &mut [Subscription],
        mut batches: Vec<Batch>,
        parked: Vec<ParkedRow>,
        mut head: SourceHead,
        now: i64,
    ) -> Self {
        let unsound = places(&parked);
        let mut moves: Vec<Move> = Vec::new();
        let jumping = batches.iter().filter(|its| matches!(its.goal, Goal::Jump(_)));
        let jumps = jumping.map(|batch| batch.partition).collect();
        for batch in &batches {
            let (number, reach) = (batch.partition, reached(batch, &unsound));
            for subscription in &*subscriptions {
                let Some(from) = subscription.before(batch) else { continue };
                let position = from.position.max(reach);
                let to = Mark { next_offset: batch.goal.next_offset(from), position };
                let step = Step { number, from, to };
                moves.push(Move { whose: subscription.checkpoint(), step });
                if position > head.position {
                    let last = batch.events.last();
                    let recorded_at = last.map_or(head.recorded_at, |last| {
                        last.event.recorded.recorded_at.timestamp_micros()
                    });
                    head = SourceHead { position, recorded_at, seen_at: now, hash: None };
                }
            }
        }
        let mut changes = Vec::new();
        let last_keeper = subscriptions.iter().rposition(|its| its.member.projection.keeps_events);
        for (index, subscription) in subscriptions.iter_mut().enumerate() {
            let projection = subscription.member.projection;
            if !moves.iter().any(|its| its.whose.name == projection.name) {
                continue;
            }
            let events = match projection.keeps_events {
                true if Some(index) == last_keeper => {
                    into_news(std::mem::take(&mut batches), subscription)
                }
                true => into_news(batches.iter().map(Batch::again).collect(), subscription),
                false => Vec::new(),
            };
            changes.push((subscription.member.tables, subscription.member.take(events)));
        }
        Self { moves, jumps, changes, parked, head }
    }

    /// Partitions in which events are applied, each with the position before them.
    fn begins(&self) -> impl Iterator<Item = (i32, u64)> {
        let advancing = self.moves.iter().map(|its| its.step);
        advancing
            .filter(|step| step.to.position > step.from.position)
            .map(|step| (step.number, step.from.position))
    }

    /// Writes all of it in one transaction, or nothing.
    pub(super) async fn write(self, model: &ReadModel, now: i64) -> Result<(), ReadModelError> {
        let met = planted::meet(self.begins()).await;
        points::reach("views: write").await?;
        let mut tx = model.begin_write().await?;
        for (whose, steps) in alike(&self.moves) {
            planted::fence(tx.move_partitions(&whose, &steps).await, met)?;
        }
        tx.reread_others(&self.jumps).await?;
        tx = planted::checkpoint_apart(tx, model).await?;
        points::half_way("views: checkpoints moved").await;
        for (tables, changes) in self.changes {
            changes.write(&mut tx, tables).await?;
        }
        tx.park(self.parked).await?;
        let mut projections: Vec<Checkpoint> = self.moves.iter().map(|its| its.whose).collect();
        projections.sort_unstable_by_key(|projection| projection.name);
        projections.dedup();
        tx.settle_partitions(&projections, now).await?;
        tx.set_source_head(self.head).await?;
        points::half_way("views: rows written").await;
        tx.commit(self.head.position).await?;
        points::reach("views: written").await
    }
}

/// All events that a projection has not had, by position.
fn into_news(batches: Vec<Batch>, subscription: &Subscription) -> Vec<Decoded> {
    let its = batches.into_iter().filter_map(|batch| {
        let mark = subscription.before(&batch)?;
        let news = batch.events.into_iter().filter(move |arrived| arrived.is_news(mark));
        Some(news.map(|arrived| arrived.event))
    });
    let mut events: Vec<Decoded> = its.flatten().collect();
    events.sort_by_key(|event| event.recorded.position);
    events
}

/// Stream and position of the parked events.
pub(super) fn places(parked: &[ParkedRow]) -> HashSet<(StreamId, u64)> {
    parked.iter().filter_map(|row| Some((parking::stream(row)?, row.position))).collect()
}

/// The position up to which this batch applies the partition. A parked event may claim any position, so it proves none.
fn reached(batch: &Batch, parked: &HashSet<(StreamId, u64)>) -> u64 {
    let events = batch.events.iter().rev().map(|arrived| &arrived.event.recorded);
    let mut sound = events.filter(|event| !parked.contains(&(event.stream, event.position)));
    batch.reach.max(sound.next().map_or(0, |event| event.position))
}

/// The moves, grouped by projections that make the same steps. There is nearly always one group.
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
