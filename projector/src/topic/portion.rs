//! One portion of one partition, one transaction: the checkpoints' compare-and-set first, then the rows, then the
//! positions that readers wait for.
//!
//! Rows of different partitions commute, and rows that partitions share (sums, counts) are written in the order of their
//! keys, table by table, projections in one order: so writers of different partitions wait for each other rather than
//! deadlock, and when they do deadlock all the same, the loser begins anew.

use super::doubt;
use super::engine::Engine;
use super::seats::Seat;
use crate::ProjectorError;
use crate::figures;
use crate::planted;
use crate::projections::Changes;
use crate::source::Decoded;
use read_model::write::Tables;
use read_model::write::catalog::{Checkpoint, SourceHead};
use read_model::write::parked::ParkedRow;
use read_model::write::partitions::Mark;
use read_model::{ReadModel, ReadModelError};
use server::clock;
use std::collections::HashSet;
use std::time::Instant;

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
    fn concerns(self, mark: Mark) -> bool {
        match self {
            Self::Forward(next) => mark.next_offset < next,
            Self::Stay | Self::Jump(_) => true,
        }
    }

    fn next_offset(self, mark: Mark) -> i64 {
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
    pub events: Vec<Decoded>,
    /// Every event of the partition up to here is applied, or is among these.
    pub reach: u64,
    pub goal: Goal,
}

/// What a portion comes to.
#[derive(Debug)]
struct Folded {
    parked: Vec<ParkedRow>,
    /// Whether some order was not parked before.
    newly: bool,
}

/// All that one transaction writes.
#[derive(Debug)]
struct Flush {
    number: i32,
    moves: Vec<(Checkpoint, Mark, Mark)>,
    changes: Vec<(Tables, Changes)>,
    parked: Vec<ParkedRow>,
    head: SourceHead,
}

impl Engine {
    /// Folds a portion with every projection that has not had it, and writes what comes of it.
    pub(super) async fn apply(&mut self, mut portion: Portion) -> Result<(), ProjectorError> {
        let begun = Instant::now();
        let now = clock::now().timestamp_micros();
        let mut folded = self.fold(&portion, now).await?;
        if folded.newly
            && matches!(portion.goal, Goal::Forward(_))
            && let Some(events) = self.ask_the_log(&portion).await?
        {
            self.reload().await?;
            portion.events = events;
            folded = self.fold(&portion, now).await?;
        }
        let events = portion.events.len();
        let flush = self.flush(portion, folded, now);
        let head = flush.head;
        let marks: Vec<_> = flush.moves.iter().map(|(whose, _, to)| (whose.name, *to)).collect();
        let number = flush.number;
        write(&self.model, flush, now).await?;
        self.head = head;
        for seat in &mut self.seats {
            let moved = marks.iter().find(|(name, _)| *name == seat.member.kind.name());
            if let Some((_, mark)) = moved {
                seat.marks.insert(number, *mark);
                seat.member.committed(0);
            }
        }
        figures::flushed(events, begun.elapsed());
        Ok(())
    }

    async fn fold(&mut self, portion: &Portion, now: i64) -> Result<Folded, ProjectorError> {
        let mut folded = Folded { parked: Vec::new(), newly: false };
        for seat in &mut self.seats {
            let Some(mark) = concerned(seat, portion) else { continue };
            let events = &portion.events[above(&portion.events, mark.position)..];
            let before = seat.member.parked();
            folded.parked.extend(seat.member.fold(events, &self.model, now).await?);
            folded.newly |= seat.member.parked() > before;
        }
        Ok(folded)
    }

    /// What the log holds where the portion claims to be, if there is a log and it is not too much.
    async fn ask_the_log(&self, portion: &Portion) -> Result<Option<Vec<Decoded>>, ProjectorError> {
        let Some(log) = &self.log else { return Ok(None) };
        let marks = self.seats.iter().filter_map(|seat| concerned(seat, portion));
        let floor = marks.map(|mark| mark.position).min();
        let top = portion.events.last().map(|event| event.recorded.position);
        let (Some(floor), Some(top)) = (floor, top) else { return Ok(None) };
        doubt::truth(log, portion.partition, self.shape.partitions, floor, top).await
    }

    fn flush(&mut self, portion: Portion, folded: Folded, now: i64) -> Flush {
        let mut moves = Vec::new();
        for seat in &self.seats {
            let Some(from) = concerned(seat, &portion) else { continue };
            let position = from.position.max(reached(&portion, &folded.parked));
            let to = Mark { next_offset: portion.goal.next_offset(from), position };
            moves.push((seat.checkpoint(), from, to));
        }
        let mut head = self.head;
        let top = moves.iter().map(|(_, _, to)| to.position).max().unwrap_or(0);
        if top > head.position {
            let last = portion.events.last();
            let recorded_at = last.map(|last| last.recorded.recorded_at.timestamp_micros());
            let recorded_at = recorded_at.unwrap_or(head.recorded_at);
            head = SourceHead { position: top, recorded_at, seen_at: now, hash: None };
        }
        let mut changes = Vec::new();
        let Portion { partition, mut events, .. } = portion;
        for seat in &mut self.seats {
            let its = moves.iter().find(|(whose, ..)| whose.name == seat.member.kind.name());
            let Some((_, from, _)) = its else { continue };
            // Only the history, the last of them, takes the events themselves.
            events.drain(..above(&events, from.position));
            changes.push((seat.member.tables, seat.member.take(&mut events)));
        }
        Flush { number: partition, moves, changes, parked: folded.parked, head }
    }
}

/// The seat's checkpoint, if the portion is news to it.
fn concerned(seat: &Seat, portion: &Portion) -> Option<Mark> {
    let mark = seat.marks.get(&portion.partition).copied()?;
    portion.goal.concerns(mark).then_some(mark)
}

/// Where the events above a position begin.
fn above(events: &[Decoded], position: u64) -> usize {
    events.partition_point(|event| event.recorded.position <= position)
}

/// How far the partition is applied with this portion. What was parked may claim any position, so it proves none.
fn reached(portion: &Portion, parked: &[ParkedRow]) -> u64 {
    let parked: HashSet<u64> = parked.iter().map(|row| row.position).collect();
    let positions = portion.events.iter().rev().map(|event| event.recorded.position);
    let sound = positions.into_iter().find(|position| !parked.contains(position));
    portion.reach.max(sound.unwrap_or(0))
}

async fn write(model: &ReadModel, flush: Flush, now: i64) -> Result<(), ReadModelError> {
    planted::linger().await;
    let mut tx = model.begin_write().await?;
    // Nearly always all of them are at the same mark.
    for alike in flush.moves.chunk_by(|(_, from, to), next| (*from, *to) == (next.1, next.2)) {
        let whose: Vec<Checkpoint> = alike.iter().map(|(whose, ..)| *whose).collect();
        let (_, from, to) = alike[0];
        planted::fence(tx.move_partition(&whose, flush.number, from, to).await)?;
    }
    tx = planted::checkpoint_apart(tx, model).await?;
    for (tables, changes) in flush.changes {
        changes.write(&mut tx, tables).await?;
    }
    tx.park(flush.parked).await?;
    let projections: Vec<Checkpoint> = flush.moves.iter().map(|(whose, ..)| *whose).collect();
    if !projections.is_empty() {
        tx.settle_partitions(&projections, now).await?;
    }
    tx.set_source_head(flush.head).await?;
    tx.commit(flush.head.position).await
}
