//! Applying portions: folded by every projection that has not had them, written in one transaction, and what to do where a
//! stream is parked or the database refuses a row.

use super::desk::Desk;
use super::doubt;
use super::flush::{Flush, Move, write};
use super::portion::{Goal, Portion};
use super::seats::Seat;
use super::sift::Arrived;
use crate::ProjectorError;
use crate::decoded::Decoded;
use crate::figures;
use crate::parking;
use crate::refused::{Fence, Share};
use event_store::{RecordedEvent, StreamId};
use read_model::write::catalog::SourceHead;
use read_model::write::parked::ParkedRow;
use read_model::write::partitions::{Mark, Step};
use server::clock;
use std::collections::HashSet;
use std::time::Instant;

/// What portions come to.
#[derive(Debug)]
struct Folded {
    parked: Vec<ParkedRow>,
    /// Whether some stream was not parked before.
    newly: bool,
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

    /// As after a failure: each portion in a transaction of its own, so that one that cannot be written holds up no
    /// other; one that the database refuses, without the streams at fault. The first failure is returned; `ends` are those
    /// of the others.
    pub(super) async fn apply_singly(
        &mut self,
        portions: Vec<Portion>,
        ends: &mut Vec<(i32, i64)>,
    ) -> Result<(), ProjectorError> {
        let mut first = None;
        for portion in portions {
            let again = portion.again();
            let mut applied = self.apply(vec![portion], ends).await;
            if applied.as_ref().is_err_and(ProjectorError::is_refusal) {
                self.forget().await?;
                applied = self.apply_without(again, ends).await;
            }
            if let Err(error) = applied {
                self.forget().await?;
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(()), Err)
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
