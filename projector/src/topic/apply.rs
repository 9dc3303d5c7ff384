//! The applier: folds batches with every projection that has not had them, and writes the rows. It knows the tables and
//! the log, but no consumer and no broker.
//!
//! Batches of different partitions are one transaction. After a failure each batch has its own, so that a batch that
//! cannot be written blocks no other. A batch that the database refuses is applied without the streams at fault.

use super::batch::{Arrived, Batch};
use super::checkpoints::Topic;
use super::doubt;
use super::flush::{Flush, Move, places};
use super::subscription::Subscriptions;
use crate::ProjectorError;
use crate::figures;
use crate::refused::{Fence, Share};
use crate::registry::Registry;
use crate::source::Source;
use read_model::ReadModel;
use read_model::write::catalog::{CatalogEntry, SourceHead};
use read_model::write::parked::ParkedRow;
use read_model::write::partitions::Step;
use server::clock;
use std::collections::BTreeSet;
use std::time::Instant;

/// The result of applying batches.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// How far partitions of the topic are applied: number, next offset.
    pub applied: Vec<(i32, i64)>,
    /// The first failure; batches that it does not concern may still have been applied.
    pub failure: Option<ProjectorError>,
}

impl Ends {
    pub(super) fn result(self) -> Result<(), ProjectorError> {
        self.failure.map_or(Ok(()), Err)
    }
}

/// Applies batches of one topic to the read model.
pub(super) struct Applier {
    model: ReadModel,
    registry: Registry,
    /// The log behind the topic, if it can be read.
    log: Option<Source>,
    topic: Topic,
    subscriptions: Subscriptions,
    head: SourceHead,
    /// Partitions of which no event was applied since a failure: each gets a transaction of its own, even after others
    /// succeed.
    apart: BTreeSet<i32>,
}

impl Applier {
    /// An applier that knows no projection before [`Applier::load`].
    pub(super) fn new(
        model: ReadModel,
        registry: Registry,
        log: Option<Source>,
        topic: Topic,
    ) -> Self {
        let now = clock::now().timestamp_micros();
        let head = SourceHead { position: 0, recorded_at: now, seen_at: now, hash: None };
        let (subscriptions, apart) = (Subscriptions::default(), BTreeSet::new());
        Self { model, registry, log, topic, subscriptions, head, apart }
    }

    pub(super) fn model(&self) -> &ReadModel {
        &self.model
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn log(&self) -> Option<&Source> {
        self.log.as_ref()
    }

    pub(super) fn topic(&self) -> &Topic {
        &self.topic
    }

    pub(super) fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    /// Reads catalog and checkpoints, and drops everything else in memory. Returns whether these are other projections
    /// than at the last load.
    pub(super) async fn load(&mut self) -> Result<bool, ProjectorError> {
        self.subscriptions.load(&self.registry, &self.model, &self.topic).await
    }

    /// See [`Subscriptions::forget`].
    pub(super) async fn forget(&mut self) -> Result<(), ProjectorError> {
        self.subscriptions.forget(&self.registry, &self.model, &self.topic).await
    }

    /// From now on batches of these partitions get transactions of their own, each until events of it were applied.
    pub(super) fn set_apart(&mut self, partitions: impl IntoIterator<Item = i32>) {
        self.apart = partitions.into_iter().collect();
    }

    /// Updates the metrics of each projection's lag.
    pub(super) async fn measure(&mut self, catalog: &[CatalogEntry]) -> Result<(), ProjectorError> {
        if let Some(log) = &self.log {
            self.head = log.head().await?;
        }
        for subscription in &self.subscriptions.all {
            let member = &subscription.member;
            let its = catalog.iter().find(|entry| entry.name == member.projection.name);
            let position = its.map_or(0, |entry| entry.position);
            figures::projection(member.projection, position, self.head, member.parked());
        }
        Ok(())
    }

    /// Applies batches of different partitions.
    pub(super) async fn apply(&mut self, batches: Vec<Batch>) -> Ends {
        let apart = batches.iter().any(|batch| self.apart.contains(&batch.partition));
        let filled = batches.iter().filter(|batch| !batch.events.is_empty());
        let filled: Vec<i32> = filled.map(|batch| batch.partition).collect();
        let mut applied = Vec::new();
        let done = match apart {
            true => self.apply_apart(batches, &mut applied).await,
            false => self.apply_together(batches, &mut applied).await,
        };
        if done.is_ok() {
            self.apart.retain(|number| !filled.contains(number));
        }
        Ends { applied, failure: done.err() }
    }

    /// Applies each batch by itself, even if others fail. The first failure is returned.
    async fn apply_apart(
        &mut self,
        batches: Vec<Batch>,
        ends: &mut Vec<(i32, i64)>,
    ) -> Result<(), ProjectorError> {
        let mut first = None;
        for batch in batches {
            let again = batch.again();
            let mut applied = self.apply_together(vec![batch], ends).await;
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

    /// Applies all batches in one transaction, unless a stream is newly parked: then the log is checked first.
    async fn apply_together(
        &mut self,
        mut batches: Vec<Batch>,
        ends: &mut Vec<(i32, i64)>,
    ) -> Result<(), ProjectorError> {
        let begun = Instant::now();
        let now = clock::now().timestamp_micros();
        let mut folded = self.fold(&batches, now).await?;
        if folded.newly && batches.len() > 1 {
            // Each by itself, so that the log is checked only for the batch in doubt.
            self.forget().await?;
            for batch in batches {
                Box::pin(self.apply_together(vec![batch], ends)).await?;
            }
            return Ok(());
        }
        if folded.newly
            && let [batch] = batches.as_mut_slice()
            && let Some(events) = self.ask_the_log(batch).await?
        {
            self.forget().await?;
            batch.events = events;
            folded = self.fold(&batches, now).await?;
        }
        self.write(batches, folded.parked, begun, ends).await
    }

    /// Applies a refused batch without the streams whose rows the database refuses; those are parked. If the log can be
    /// read, its events are tried instead of the arrived ones.
    async fn apply_without(
        &mut self,
        mut batch: Batch,
        ends: &mut Vec<(i32, i64)>,
    ) -> Result<(), ProjectorError> {
        let begun = Instant::now();
        let now = clock::now().timestamp_micros();
        if let Some(events) = self.ask_the_log(&batch).await? {
            batch.events = events;
        }
        for subscription in &mut self.subscriptions.all {
            let Some(mark) = subscription.before(&batch) else { continue };
            let stay = [Step { number: batch.partition, from: mark, to: mark }];
            let member = &subscription.member;
            let share = Share {
                model: &self.model,
                projection: member.projection,
                generation: member.generation,
                tables: member.tables,
                parked: member.parked_streams().clone(),
                events: subscription.news(&batch).collect(),
                fence: Fence::Topic(&stay),
                now,
            };
            let faulty = share.faulty().await?;
            subscription.member.expect_refusal(faulty);
        }
        let folded = self.fold(std::slice::from_ref(&batch), now).await?;
        self.write(vec![batch], folded.parked, begun, ends).await
    }

    async fn fold(&mut self, batches: &[Batch], now: i64) -> Result<Folded, ProjectorError> {
        let mut folded = Folded { parked: Vec::new(), newly: false };
        for subscription in &mut self.subscriptions.all {
            let events = batches.iter().flat_map(|batch| subscription.news(batch));
            let events: Vec<_> = events.collect();
            let member = &mut subscription.member;
            let before = member.parked();
            folded.parked.extend(member.fold(&events, &self.model, now).await?);
            folded.newly |= member.parked() > before;
        }
        Ok(folded)
    }

    /// The log's events for the positions that the batch claims, if there is a log and they are not too many. A batch that
    /// came from the log is not checked.
    async fn ask_the_log(&self, batch: &Batch) -> Result<Option<Vec<Arrived>>, ProjectorError> {
        let Some(log) = self.log.as_ref().filter(|_| batch.is_from_topic()) else {
            return Ok(None);
        };
        let marks = self.subscriptions.all.iter().filter_map(|its| its.before(batch));
        let floor = marks.map(|mark| mark.position).min();
        let top = batch.events.last().map(Arrived::position);
        let (Some(floor), Some(top)) = (floor, top) else { return Ok(None) };
        let truth = doubt::truth(log, batch.partition, self.topic.partitions, floor, top).await?;
        Ok(truth.map(|events| doubt::located(events, &batch.events)))
    }

    /// If a projection has parked the last event of a batch, that event's position still counts if the log has the event
    /// there. Otherwise a repeat would be new to the projections that have applied it.
    async fn prove_tails(
        &self,
        batches: &mut [Batch],
        parked: &[ParkedRow],
    ) -> Result<(), ProjectorError> {
        let Some(log) = self.log.as_ref().filter(|_| !parked.is_empty()) else { return Ok(()) };
        let parked = places(parked);
        for batch in batches {
            let last = batch.events.last().map(|arrived| &arrived.event.recorded);
            let Some(last) = last.filter(|last| last.position > batch.reach) else { continue };
            if parked.contains(&(last.stream, last.position)) && doubt::holds(log, last).await? {
                batch.reach = last.position;
            }
        }
        Ok(())
    }

    async fn write(
        &mut self,
        mut batches: Vec<Batch>,
        parked: Vec<ParkedRow>,
        begun: Instant,
        ends: &mut Vec<(i32, i64)>,
    ) -> Result<(), ProjectorError> {
        let now = clock::now().timestamp_micros();
        self.prove_tails(&mut batches, &parked).await?;
        let events = batches.iter().map(|batch| batch.events.len()).sum();
        let applied: Vec<(i32, i64)> = batches.iter().filter_map(Batch::end).collect();
        let flush = Flush::of(&mut self.subscriptions.all, batches, parked, self.head, now);
        if !flush.moves.is_empty() {
            self.commit(flush, now).await?;
            figures::flushed(events, begun.elapsed());
        }
        ends.extend(applied);
        Ok(())
    }

    /// Writes the flush, then moves the checkpoints in memory as in the tables.
    async fn commit(&mut self, flush: Flush, now: i64) -> Result<(), ProjectorError> {
        let (head, moves) = (flush.head, flush.moves.clone());
        flush.write(&self.model, now).await?;
        self.head = head;
        for subscription in &mut self.subscriptions.all {
            let name = subscription.member.projection.name;
            let mut moved = false;
            for Move { step, .. } in moves.iter().filter(|its| its.whose.name == name) {
                moved = true;
                subscription.marks.insert(step.number, step.to);
            }
            if moved {
                subscription.member.committed(0);
            }
        }
        Ok(())
    }
}

/// The changes from folding batches.
#[derive(Debug)]
struct Folded {
    parked: Vec<ParkedRow>,
    /// Whether a stream was newly parked.
    newly: bool,
}
