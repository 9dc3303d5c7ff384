//! Portions of some partitions, one transaction: the checkpoints' compare-and-set first, then the rows, then the positions
//! that readers wait for.
//!
//! Rows of different partitions commute, and rows that partitions share (sums, counts) are written in the order of their
//! keys, table by table, projections in one order: so writers of different partitions wait for each other rather than
//! deadlock, and when they do deadlock all the same, the loser begins anew.

use super::desk::Desk;
use super::doubt;
use super::seats::Seat;
use super::sift::Arrived;
use crate::ProjectorError;
use crate::decoded::Decoded;
use crate::figures;
use crate::parking;
use crate::planted;
use crate::points;
use crate::projection::Changes;
use crate::refused::{Fence, Share};
use event_store::{RecordedEvent, StreamId};
use read_model::write::Tables;
use read_model::write::catalog::{Checkpoint, SourceHead};
use read_model::write::parked::ParkedRow;
use read_model::write::partitions::{Mark, Step};
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
    fn end(&self) -> Option<(i32, i64)> {
        match self.goal {
            Goal::Forward(next) => Some((self.partition, next)),
            Goal::Stay | Goal::Jump(_) => None,
        }
    }
}

/// What portions come to.
#[derive(Debug)]
struct Folded {
    parked: Vec<ParkedRow>,
    /// Whether some stream was not parked before.
    newly: bool,
}

/// A checkpoint on its way.
#[derive(Debug, Clone, Copy)]
struct Move {
    whose: Checkpoint,
    step: Step,
}

/// All that one transaction writes.
#[derive(Debug)]
struct Flush {
    moves: Vec<Move>,
    /// Partitions whose reading jumps.
    jumps: Vec<i32>,
    changes: Vec<(Tables, Box<dyn Changes>)>,
    parked: Vec<ParkedRow>,
    head: SourceHead,
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

impl Desk {
    /// Folds portions of different partitions with every projection that has not had them, and writes what comes of them.
    /// `ends` receives how far the topic is applied.
    pub(super) async fn apply(
        &mut self,
        mut portions: Vec<Portion>,
        ends: &mut Vec<(i32, i64)>,
    ) -> Result<(), ProjectorError> {
        let begun = Instant::now();
        let now = clock::now().timestamp_micros();
        let mut folded = self.fold(&portions, now).await?;
        if folded.newly && portions.len() > 1 {
            // Each by itself, so that the log is asked about the one in doubt and no other.
            self.forget().await?;
            for portion in portions {
                Box::pin(self.apply(vec![portion], ends)).await?;
            }
            return Ok(());
        }
        if folded.newly
            && let [portion] = portions.as_mut_slice()
            && matches!(portion.goal, Goal::Forward(_))
            && let Some(events) = self.ask_the_log(portion).await?
        {
            self.forget().await?;
            portion.events = events;
            folded = self.fold(&portions, now).await?;
        }
        self.write_folded(portions, folded, begun, ends).await
    }

    /// Applies a portion that was refused without the streams whose rows the database refuses; those are parked. Where the
    /// log can be read, what it holds is tried, not what came.
    pub(super) async fn apply_without(
        &mut self,
        mut portion: Portion,
        ends: &mut Vec<(i32, i64)>,
    ) -> Result<(), ProjectorError> {
        let begun = Instant::now();
        let now = clock::now().timestamp_micros();
        if matches!(portion.goal, Goal::Forward(_))
            && let Some(events) = self.ask_the_log(&portion).await?
        {
            portion.events = events;
        }
        for index in 0..self.seats.len() {
            let seat = &self.seats[index];
            let Some(mark) = concerned(seat, &portion) else { continue };
            let news = portion.events.iter().filter(|arrived| is_news(mark, arrived));
            let stay = [Step { number: portion.partition, from: mark, to: mark }];
            let share = Share {
                model: &self.model,
                projection: seat.member.projection,
                generation: seat.member.generation,
                tables: seat.member.tables,
                parked: seat.member.parked_streams().clone(),
                events: news.map(|arrived| &arrived.event).collect(),
                fence: Fence::Topic(&stay),
                now,
            };
            let faulty = share.faulty().await?;
            self.seats[index].member.expect_refusal(faulty);
        }
        let folded = self.fold(std::slice::from_ref(&portion), now).await?;
        self.write_folded(vec![portion], folded, begun, ends).await
    }

    async fn write_folded(
        &mut self,
        mut portions: Vec<Portion>,
        folded: Folded,
        begun: Instant,
        ends: &mut Vec<(i32, i64)>,
    ) -> Result<(), ProjectorError> {
        let now = clock::now().timestamp_micros();
        if !folded.parked.is_empty() {
            self.prove_tails(&mut portions, &folded).await?;
        }
        let events = portions.iter().map(|portion| portion.events.len()).sum();
        let applied: Vec<(i32, i64)> = portions.iter().filter_map(Portion::end).collect();
        let flush = self.flush(portions, folded, now);
        if !flush.moves.is_empty() {
            self.commit(flush, now).await?;
            figures::flushed(events, begun.elapsed());
        }
        ends.extend(applied);
        Ok(())
    }

    /// Writes, and takes note of what is written.
    async fn commit(&mut self, flush: Flush, now: i64) -> Result<(), ProjectorError> {
        let (head, moves) = (flush.head, flush.moves.clone());
        write(&self.model, flush, now).await?;
        self.head = head;
        for seat in &mut self.seats {
            let name = seat.member.projection.name;
            let mut moved = false;
            for Move { step, .. } in moves.iter().filter(|its| its.whose.name == name) {
                moved = true;
                seat.marks.insert(step.number, step.to);
            }
            if moved {
                seat.member.committed(0);
            }
        }
        Ok(())
    }

    async fn fold(&mut self, portions: &[Portion], now: i64) -> Result<Folded, ProjectorError> {
        let mut folded = Folded { parked: Vec::new(), newly: false };
        for seat in &mut self.seats {
            let mut events = Vec::new();
            for portion in portions {
                let Some(mark) = concerned(seat, portion) else { continue };
                let news = portion.events.iter().filter(|arrived| is_news(mark, arrived));
                events.extend(news.map(|arrived| &arrived.event));
            }
            let before = seat.member.parked();
            folded.parked.extend(seat.member.fold(&events, &self.model, now).await?);
            folded.newly |= seat.member.parked() > before;
        }
        Ok(folded)
    }

    /// What the log holds where the portion claims to be, if there is a log and it is not too much.
    async fn ask_the_log(&self, portion: &Portion) -> Result<Option<Vec<Arrived>>, ProjectorError> {
        let Some(log) = &self.log else { return Ok(None) };
        let marks = self.seats.iter().filter_map(|seat| concerned(seat, portion));
        let floor = marks.map(|mark| mark.position).min();
        let top = portion.events.last().map(Arrived::position);
        let (Some(floor), Some(top)) = (floor, top) else { return Ok(None) };
        let partitions = self.shape.partitions;
        let truth = doubt::truth(log, portion.partition, partitions, floor, top).await?;
        Ok(truth.map(|events| doubt::located(events, &portion.events)))
    }

    /// Where a projection has parked the last event of a portion, that event's position counts all the same if the log
    /// has the event there. Otherwise it would be new to the others, who took it, when it comes again.
    async fn prove_tails(
        &self,
        portions: &mut [Portion],
        folded: &Folded,
    ) -> Result<(), ProjectorError> {
        let Some(log) = &self.log else { return Ok(()) };
        let parked = parked(folded);
        for portion in portions {
            let Some(last) = portion.events.last().map(|arrived| &arrived.event.recorded) else {
                continue;
            };
            if last.position <= portion.reach || !parked.contains(&(last.stream, last.position)) {
                continue;
            }
            let found = log.feed(last.position.saturating_sub(1), 1).await?;
            let is_it = |found: &RecordedEvent| {
                (found.position, found.event_id) == (last.position, last.event_id)
            };
            if found.first().is_some_and(is_it) {
                portion.reach = last.position;
            }
        }
        Ok(())
    }

    fn flush(&mut self, mut portions: Vec<Portion>, folded: Folded, now: i64) -> Flush {
        let parked = parked(&folded);
        let (mut moves, mut head) = (Vec::new(), self.head);
        let jumping = portions.iter().filter(|its| matches!(its.goal, Goal::Jump(_)));
        let jumps = jumping.map(|portion| portion.partition).collect();
        for portion in &portions {
            let (number, reach) = (portion.partition, reached(portion, &parked));
            for seat in &self.seats {
                let Some(from) = concerned(seat, portion) else { continue };
                let position = from.position.max(reach);
                let to = Mark { next_offset: portion.goal.next_offset(from), position };
                moves.push(Move { whose: seat.checkpoint(), step: Step { number, from, to } });
                if position > head.position {
                    let last = portion.events.last();
                    let recorded_at = last.map_or(head.recorded_at, |last| {
                        last.event.recorded.recorded_at.timestamp_micros()
                    });
                    head = SourceHead { position, recorded_at, seen_at: now, hash: None };
                }
            }
        }
        let mut changes = Vec::new();
        let last_keeper = self.seats.iter().rposition(|seat| seat.member.projection.keeps_events);
        for (index, seat) in self.seats.iter_mut().enumerate() {
            let projection = seat.member.projection;
            if !moves.iter().any(|its| its.whose.name == projection.name) {
                continue;
            }
            let events = match projection.keeps_events {
                true if Some(index) == last_keeper => news(std::mem::take(&mut portions), seat),
                true => news(portions.iter().map(Portion::again).collect(), seat),
                false => Vec::new(),
            };
            changes.push((seat.member.tables, seat.member.take(events)));
        }
        Flush { moves, jumps, changes, parked: folded.parked, head }
    }
}

/// The seat's checkpoint, if the portion is news to it.
fn concerned(seat: &Seat, portion: &Portion) -> Option<Mark> {
    let mark = seat.marks.get(&portion.partition).copied()?;
    portion.goal.concerns(mark).then_some(mark)
}

/// Whether a projection that has come so far has not had this. An event that it took may stand above its position, when
/// another one has parked it; then its place in the partition tells.
fn is_news(mark: Mark, arrived: &Arrived) -> bool {
    arrived.position() > mark.position && arrived.offset >= mark.next_offset
}

/// All events that are news to the seat, by position.
fn news(portions: Vec<Portion>, seat: &Seat) -> Vec<Decoded> {
    let its = portions.into_iter().filter_map(|portion| {
        let mark = concerned(seat, &portion)?;
        let news = portion.events.into_iter().filter(move |arrived| is_news(mark, arrived));
        Some(news.map(|arrived| arrived.event))
    });
    let mut events: Vec<Decoded> = its.flatten().collect();
    events.sort_by_key(|event| event.recorded.position);
    events
}

/// Stream and position of what some projection has parked.
fn parked(folded: &Folded) -> HashSet<(StreamId, u64)> {
    folded.parked.iter().filter_map(|row| Some((parking::stream(row)?, row.position))).collect()
}

/// How far the partition is applied with this portion. What was parked may claim any position, so it proves none.
fn reached(portion: &Portion, parked: &HashSet<(StreamId, u64)>) -> u64 {
    let events = portion.events.iter().rev().map(|arrived| &arrived.event.recorded);
    let mut sound = events.filter(|event| !parked.contains(&(event.stream, event.position)));
    portion.reach.max(sound.next().map_or(0, |event| event.position))
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

async fn write(model: &ReadModel, flush: Flush, now: i64) -> Result<(), ReadModelError> {
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
