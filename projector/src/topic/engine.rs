//! The loop: it takes the consumer's steps one by one, and reads the catalog at intervals.
//!
//! The applier's memory is dropped whenever partitions come or go, when the catalog changes, and after every failure.

use super::TopicFeed;
use super::apply::{Applier, Ends};
use super::batch::{Batch, Goal};
use super::checkpoints::{self, Topic};
use super::cursors::{Cursor, Cursors};
use super::refill::refill;
use super::same_topic::is_another_topic;
use super::sift::{Sifted, sift};
use crate::ProjectorError;
use crate::figures;
use crate::live::Condition;
use crate::log_identity::check_log_identity;
use crate::outdated::Outdated;
use crate::points;
use read_model::ReadModel;
use relay::consumer::{OffsetLost, Page, Step, TopicSource};
use server::clock;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often the catalog is read for projections that were stopped, restarted or added.
const LOOK: Duration = Duration::from_secs(1);
/// Failures in a row before the group is left and joined again.
const MAX_FAILURES: u32 = 8;
/// The pause after a failure, multiplied by the failures in a row.
const PAUSE: Duration = Duration::from_millis(50);

/// A group member with the projections that it feeds.
pub(super) struct Engine {
    applier: Applier,
    source: TopicSource,
    cursors: Cursors,
    /// Failures in a row without an applied event.
    failures: u32,
    condition: watch::Sender<Condition>,
    look_at: Instant,
}

impl Engine {
    pub(super) async fn start(
        feed: &TopicFeed,
        model: &ReadModel,
        condition: &watch::Sender<Condition>,
    ) -> Result<Self, ProjectorError> {
        if let Some(log) = feed.source() {
            check_log_identity(&log, model).await?;
        }
        let now = clock::now().timestamp_micros();
        for projection in feed.registry.projections() {
            model.register(projection.name, projection.version, now).await?;
        }
        let name = feed.consumer.kafka.topic.clone();
        let lookup = checkpoints::lookup(feed.registry.clone(), model.clone(), name.clone());
        let source = TopicSource::join(feed.consumer.clone(), lookup).await?;
        let topic = Topic { name, partitions: source.partitions() };
        let mut engine = Self {
            applier: Applier::new(model.clone(), feed.registry.clone(), feed.source(), topic),
            source,
            cursors: Cursors::default(),
            failures: 0,
            condition: condition.clone(),
            look_at: Instant::now(),
        };
        if let Err(error) = engine.reload().await {
            engine.close().await;
            return Err(error);
        }
        engine.report();
        Ok(engine)
    }

    /// Leaves the group.
    pub(super) async fn close(self) {
        self.source.close().await;
    }

    /// Follows until `shutdown`, or until failures do not end.
    pub(super) async fn follow(
        &mut self,
        outdated: &mut Option<Outdated>,
        shutdown: &CancellationToken,
    ) -> Result<(), ProjectorError> {
        loop {
            // The catalog is read at intervals even under load.
            let step = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                () = sleep_until(self.look_at) => None,
                step = self.source.next() => Some(step?),
            };
            let done = match step {
                Some(step) => self.take(step).await,
                None => self.look(outdated).await,
            };
            match done {
                Ok(()) => self.failures = 0,
                Err(error) => self.recover(error).await?,
            }
        }
    }

    async fn take(&mut self, step: Step) -> Result<(), ProjectorError> {
        match step {
            Step::Pages(pages) => self.pages(pages).await,
            Step::Lost(lost) => self.lost(lost).await,
            Step::Assigned(partitions) => {
                tracing::info!(?partitions, "partitions assigned");
                self.cursors.assign(partitions);
                self.reload().await
            }
            Step::Revoked(partitions) => {
                tracing::info!(?partitions, "partitions revoked");
                self.cursors.revoke(&partitions);
                self.report();
                self.reload().await
            }
        }
    }

    /// Applies pages, and reports how far the topic is applied.
    async fn pages(&mut self, pages: Vec<Page>) -> Result<(), ProjectorError> {
        let mut batches = Vec::with_capacity(pages.len());
        for page in pages {
            batches.extend(self.batch(page).await?);
        }
        let Ends { applied, failure } = self.applier.apply(batches).await;
        if !applied.is_empty() {
            self.failures = 0;
        }
        applied.into_iter().for_each(|(number, next)| self.source.applied(number, next));
        failure.map_or(Ok(()), Err)
    }

    /// The batch of a page; `None` if the page does not continue the partition.
    async fn batch(&mut self, page: Page) -> Result<Option<Batch>, ProjectorError> {
        let partition = page.partition;
        if !self.cursors.expects(partition, page.from) {
            return Ok(None);
        }
        let mut batch = None;
        if let Some(slowest) = self.applier.subscriptions().slowest(partition) {
            if slowest.next_offset < page.from {
                self.resume(partition, slowest.next_offset);
                return Ok(None);
            }
            let first = self.cursors.get(partition) == Some(Cursor::Fresh);
            if is_another_topic(&self.applier, &page, first).await? {
                self.begin_again(partition).await?;
                return Ok(None);
            }
            let subscriptions = self.applier.subscriptions();
            if subscriptions.marks(partition).all(|mark| page.next <= mark.next_offset) {
                self.cursors.set(partition, Cursor::Reading);
                return Ok(None);
            }
            let floor = subscriptions.floor(partition).unwrap_or(0);
            let goal = Goal::Forward(page.next);
            let (partitions, registry) = (self.applier.topic().partitions, self.applier.registry());
            let Sifted { events, reach } = sift(page, floor, partitions, registry).await;
            batch = Some(Batch { partition, events, reach, goal });
        }
        // If no projection is fed at present, the page is passed over: a projection that restarts later sets the cursor.
        self.cursors.set(partition, Cursor::Reading);
        Ok(batch)
    }

    /// The topic was recreated: it is read from its beginning, and applied events are skipped.
    async fn begin_again(&mut self, number: i32) -> Result<(), ProjectorError> {
        tracing::warn!(
            kafka.partition = number,
            "the topic was recreated; the partition is read from its beginning"
        );
        let goal = Goal::Jump(0);
        let batch = Batch { partition: number, events: Vec::new(), reach: 0, goal };
        self.applier.apply(vec![batch]).await.result()?;
        self.resume(number, 0);
        Ok(())
    }

    /// Records were removed before they were read: backfills the partition up to the log's head, and reads on where the
    /// topic begins.
    async fn lost(&mut self, lost: OffsetLost) -> Result<(), ProjectorError> {
        let OffsetLost { partition, wanted, low, high } = lost;
        // While the cursor needs a seek, memory may hold half of a failed batch. The consumer reports the loss again once
        // the checkpoints are read.
        if matches!(self.cursors.get(partition), None | Some(Cursor::NeedsSeek)) {
            return Ok(());
        }
        // The wanted record is one before the next needed one.
        if let Some(slowest) = self.applier.subscriptions().slowest(partition)
            && (low..=high).contains(&slowest.next_offset)
        {
            self.resume(partition, slowest.next_offset);
            return Ok(());
        }
        tracing::warn!(
            kafka.partition = partition,
            wanted,
            low,
            high,
            "the topic no longer holds the records after the checkpoint"
        );
        let Some(log) = self.applier.log().cloned() else {
            self.cursors.set(partition, Cursor::Gone);
            self.report();
            return Ok(());
        };
        self.cursors.set(partition, Cursor::NeedsSeek);
        refill(&mut self.applier, &log, partition, low).await?;
        self.resume(partition, low);
        Ok(())
    }

    /// Reads on from `offset`; pages under way are outdated.
    fn resume(&mut self, number: i32, offset: i64) {
        self.cursors.set(number, Cursor::Seeking(offset));
        self.source.resume_at(number, offset);
    }

    /// After a failure: begins again at the checkpoints, unless there have been too many.
    async fn recover(&mut self, error: ProjectorError) -> Result<(), ProjectorError> {
        self.failures += 1;
        if self.failures > MAX_FAILURES {
            return Err(error);
        }
        match error.is_moved() {
            true => tracing::debug!("another writer moved a checkpoint; it is read again"),
            false => {
                tracing::warn!(%error, "a batch failed; it will be tried again");
                figures::failed();
                self.applier.set_apart(self.cursors.numbers());
            }
        }
        {
            let _resting = points::resting();
            tokio::time::sleep(PAUSE * self.failures).await;
        }
        self.cursors.reset();
        // While the read model cannot be read, the next step or look fails and comes here again.
        self.reload().await.or_else(|error| match self.failures < MAX_FAILURES {
            true => Ok(()),
            false => Err(error),
        })
    }

    /// Drops everything in memory, and seeks to the slowest projection. If projections were swapped meanwhile, that may be
    /// another offset for every partition that is being read.
    async fn reload(&mut self) -> Result<(), ProjectorError> {
        if self.applier.load().await? {
            self.cursors.reset_reading();
        }
        for number in self.cursors.at(Cursor::NeedsSeek) {
            if let Some(slowest) = self.applier.subscriptions().slowest(number) {
                // The topic may have been recreated by now, with another record before this or none.
                self.cursors.set(number, Cursor::Seeking(slowest.next_offset));
                self.source.begin_at(number, slowest.next_offset);
            }
        }
        Ok(())
    }

    /// Checks whether projections were stopped, restarted or swapped, and how far each has come.
    async fn look(&mut self, outdated: &mut Option<Outdated>) -> Result<(), ProjectorError> {
        self.look_at = Instant::now() + LOOK;
        let catalog = self.applier.model().catalog().await?;
        let unset = !self.cursors.at(Cursor::NeedsSeek).is_empty();
        if unset || !self.applier.subscriptions().are_of(&catalog) {
            self.cursors.reset();
            self.reload().await?;
        }
        if let Some(outdated) = outdated {
            outdated.look(&catalog);
        }
        self.applier.measure(&catalog).await
    }

    /// Reports whether all our partitions are being read.
    fn report(&self) {
        let gone: Vec<String> = self.cursors.at(Cursor::Gone).iter().map(i32::to_string).collect();
        let condition = match gone.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "{} no longer holds the records after the checkpoint of partition {}; \
                 start the projector with --event-store URL, to take them from the log",
                self.applier.topic().name,
                gone.join(", ")
            )),
        };
        if self.condition.send_replace(condition).is_err() {
            figures::missing(None);
        }
    }
}
