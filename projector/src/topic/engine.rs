//! The loop: one step of the consumer after the other, and now and then a look at the catalog.
//!
//! What the desk holds in memory is forgotten whenever partitions come or go, when the catalog changes, and after every
//! failure.

use super::TopicFeed;
use super::desk::Desk;
use super::portion::{Goal, Portion};
use super::seats::{self, Shape};
use super::sift::{Sifted, sift};
use crate::ProjectorError;
use crate::figures;
use crate::lineage::check_lineage;
use crate::live::Condition;
use crate::outdated::Outdated;
use crate::points;
use event_store::RecordedEvent;
use read_model::ReadModel;
use read_model::write::partitions::Mark;
use relay::consumer::{Page, Step, TopicSource};
use relay::partition_of;
use relay::wire::Content;
use server::clock;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often the catalog is looked at for projections stopped, let go, or added.
const LOOK: Duration = Duration::from_secs(1);
/// Failures in a row before the group is left and joined anew.
const MAX_FAILURES: u32 = 8;
/// The pause after a failure, for each in a row.
const PAUSE: Duration = Duration::from_millis(50);

/// Where a partition of ours is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Just assigned: where the consumer was told to begin.
    Fresh,
    /// Told to jump here: pages that begin later are from before the jump. One that begins here may be, too; then the
    /// same comes again, and is passed over.
    Awaited(i64),
    /// Page by page.
    Reading,
    /// To be set anew from the checkpoints.
    Adrift,
    /// Its records are gone and cannot be had elsewhere.
    Gone,
}

/// A group member with the projections that it feeds.
pub(super) struct Engine {
    pub(super) desk: Desk,
    pub(super) source: TopicSource,
    pub(super) cursors: BTreeMap<i32, Cursor>,
    pub(super) condition: watch::Sender<Condition>,
    look_at: Instant,
    failures: u32,
    /// Partitions of which no event was applied since a failure: each in a transaction of its own, so that one that cannot
    /// be written holds up no other. That others are written says nothing of these.
    singly: BTreeSet<i32>,
}

impl Engine {
    pub(super) async fn start(
        feed: &TopicFeed,
        model: &ReadModel,
        condition: &watch::Sender<Condition>,
    ) -> Result<Self, ProjectorError> {
        if let Some(log) = feed.source() {
            check_lineage(&log, model).await?;
        }
        let now = clock::now().timestamp_micros();
        for projection in feed.registry.projections() {
            model.register(projection.name, projection.version, now).await?;
        }
        let topic = feed.consumer.kafka.topic.clone();
        let lookup = seats::lookup(feed.registry.clone(), model.clone(), topic.clone());
        let source = TopicSource::join(feed.consumer.clone(), lookup).await?;
        let shape = Shape { topic, partitions: source.partitions() };
        let mut engine = Self {
            desk: Desk::new(model.clone(), feed.registry.clone(), feed.source(), shape),
            source,
            cursors: BTreeMap::new(),
            condition: condition.clone(),
            look_at: Instant::now(),
            failures: 0,
            singly: BTreeSet::new(),
        };
        if let Err(error) = engine.reload().await {
            engine.close().await;
            return Err(error);
        }
        engine.tell();
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
            // A look is due now and then however much there is to read.
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
            Step::Lost(lost) => self.refill(lost).await,
            Step::Assigned(partitions) => {
                tracing::info!(?partitions, "partitions assigned");
                self.cursors.extend(partitions.into_iter().map(|number| (number, Cursor::Fresh)));
                self.reload().await
            }
            Step::Revoked(partitions) => {
                tracing::info!(?partitions, "partitions revoked");
                partitions.iter().for_each(|number| {
                    self.cursors.remove(number);
                });
                self.tell();
                self.reload().await
            }
        }
    }

    async fn pages(&mut self, pages: Vec<Page>) -> Result<(), ProjectorError> {
        let mut portions = Vec::with_capacity(pages.len());
        for page in pages {
            portions.extend(self.portion(page).await?);
        }
        self.apply(portions).await
    }

    /// Has portions applied, and takes note of how far the topic is read.
    pub(super) async fn apply(&mut self, portions: Vec<Portion>) -> Result<(), ProjectorError> {
        let mut ends = Vec::new();
        let singly = portions.iter().any(|portion| self.singly.contains(&portion.partition));
        let filled = portions.iter().filter(|portion| !portion.events.is_empty());
        let filled: Vec<i32> = filled.map(|portion| portion.partition).collect();
        let applied = match singly {
            true => self.desk.apply_singly(portions, &mut ends).await,
            false => self.desk.apply(portions, &mut ends).await,
        };
        if singly && !ends.is_empty() {
            self.failures = 0;
        }
        if applied.is_ok() {
            self.singly.retain(|number| !filled.contains(number));
        }
        ends.into_iter().for_each(|(number, next)| self.source.applied(number, next));
        applied
    }

    /// What is to be applied of a page; nothing, if it is not where the partition is to be read on.
    async fn portion(&mut self, page: Page) -> Result<Option<Portion>, ProjectorError> {
        let partition = page.partition;
        match self.cursors.get(&partition) {
            Some(Cursor::Fresh | Cursor::Reading) => {}
            Some(Cursor::Awaited(from)) if page.from <= *from => {}
            _ => return Ok(None),
        }
        let mut portion = None;
        if let Some(hindmost) = self.desk.hindmost(partition) {
            if hindmost.next_offset < page.from {
                self.resume(partition, hindmost.next_offset);
                return Ok(None);
            }
            if self.is_another_topic(&page, hindmost).await? {
                self.begin_again(partition).await?;
                return Ok(None);
            }
            if self.desk.marks(partition).all(|mark| page.next <= mark.next_offset) {
                self.cursors.insert(partition, Cursor::Reading);
                return Ok(None);
            }
            let floor = self.desk.floor(partition).unwrap_or(0);
            let goal = Goal::Forward(page.next);
            let Sifted { events, reach } =
                sift(page, floor, self.desk.shape.partitions, &self.desk.registry).await;
            portion = Some(Portion { partition, events, reach, goal });
        }
        // If nobody is fed at present, the page is let pass: whoever is let go later sets the cursor anew.
        self.cursors.insert(partition, Cursor::Reading);
        Ok(portion)
    }

    /// Whether a page holds something else where the records stood that some projection has applied. An event that stands in
    /// the wrong partition proves nothing. Where the log can be read, others count if it holds them, since then positions follow
    /// what is parked, too; without it, only the first page is looked at, and what is parked proves nothing either.
    async fn is_another_topic(&self, page: &Page, hindmost: Mark) -> Result<bool, ProjectorError> {
        let fresh = self.cursors.get(&page.partition) == Some(&Cursor::Fresh);
        let marks: Vec<Mark> = match &self.desk.log {
            Some(_) => self.desk.marks(page.partition).collect(),
            None => fresh.then_some(hindmost).into_iter().collect(),
        };
        let read = marks.iter().map(|mark| mark.next_offset).max().unwrap_or(0);
        for record in page.records.iter().take_while(|record| record.offset < read) {
            let contradicts = |position: u64| {
                marks.iter().any(|its| record.offset < its.next_offset && position > its.position)
            };
            let proves = match &record.content {
                Content::Event(event) if contradicts(event.position) => {
                    self.proves(event, page.partition).await?
                }
                Content::Mark(position) => contradicts(*position),
                Content::Event(_) | Content::Poison(_) => false,
            };
            if proves {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn proves(&self, event: &RecordedEvent, partition: i32) -> Result<bool, ProjectorError> {
        if partition_of(event.stream.id, self.desk.shape.partitions) != partition {
            return Ok(false);
        }
        let Some(log) = &self.desk.log else { return Ok(!self.desk.has_parked(event.stream)) };
        let found = log.feed(event.position.saturating_sub(1), 1).await?;
        let found = found.first().map(|found| (found.position, found.event_id));
        Ok(found == Some((event.position, event.event_id)))
    }

    /// The topic is not the one that was read so far: it is read from its beginning, and what is applied passed over.
    async fn begin_again(&mut self, number: i32) -> Result<(), ProjectorError> {
        tracing::warn!(
            kafka.partition = number,
            "the topic was made anew; the partition is read from its beginning"
        );
        let goal = Goal::Jump(0);
        let portion = Portion { partition: number, events: Vec::new(), reach: 0, goal };
        self.apply(vec![portion]).await?;
        self.resume(number, 0);
        Ok(())
    }

    /// Reads on from there; pages under way are from before.
    pub(super) fn resume(&mut self, number: i32, offset: i64) {
        self.cursors.insert(number, Cursor::Awaited(offset));
        self.source.resume_at(number, offset);
    }

    /// After a failure: begins anew at the checkpoints, unless there have been too many.
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
                self.singly = self.cursors.keys().copied().collect();
            }
        }
        {
            let _resting = points::resting();
            tokio::time::sleep(PAUSE * self.failures).await;
        }
        self.set_adrift();
        // While the read model cannot be read, the next step or look fails and comes here again.
        self.reload().await.or_else(|error| match self.failures < MAX_FAILURES {
            true => Ok(()),
            false => Err(error),
        })
    }

    fn set_adrift(&mut self) {
        let adrift = self.cursors.values_mut().filter(|cursor| **cursor != Cursor::Gone);
        adrift.for_each(|cursor| *cursor = Cursor::Adrift);
    }

    /// Forgets all that is held in memory, and puts adrift cursors where the hindmost projection is. If projections were
    /// exchanged meanwhile, that may be elsewhere for every partition that is being read.
    pub(super) async fn reload(&mut self) -> Result<(), ProjectorError> {
        if self.desk.load().await? {
            for cursor in self.cursors.values_mut() {
                if matches!(cursor, Cursor::Reading | Cursor::Awaited(_)) {
                    *cursor = Cursor::Adrift;
                }
            }
        }
        let adrift = self.cursors.iter().filter(|(_, cursor)| **cursor == Cursor::Adrift);
        let adrift: Vec<i32> = adrift.map(|(number, _)| *number).collect();
        for number in adrift {
            if let Some(hindmost) = self.desk.hindmost(number) {
                // The topic may be another one by now, with another record before this or none.
                self.cursors.insert(number, Cursor::Awaited(hindmost.next_offset));
                self.source.begin_at(number, hindmost.next_offset);
            }
        }
        Ok(())
    }

    /// Has somebody stopped, let go or exchanged a projection? How far is everything?
    async fn look(&mut self, outdated: &mut Option<Outdated>) -> Result<(), ProjectorError> {
        self.look_at = Instant::now() + LOOK;
        let catalog = self.desk.model.catalog().await?;
        let adrift = self.cursors.values().any(|cursor| *cursor == Cursor::Adrift);
        if adrift || !self.desk.has_shape_of(&catalog) {
            self.set_adrift();
            self.reload().await?;
        }
        if let Some(outdated) = outdated {
            outdated.look(&catalog);
        }
        if let Some(log) = &self.desk.log {
            self.desk.head = log.head().await?;
        }
        for seat in &self.desk.seats {
            let its = catalog.iter().find(|entry| entry.name == seat.member.projection.name);
            let position = its.map_or(0, |entry| entry.position);
            figures::projection(
                seat.member.projection,
                position,
                self.desk.head,
                seat.member.parked(),
            );
        }
        Ok(())
    }

    /// Tells whether all our partitions are being read.
    pub(super) fn tell(&self) {
        let gone = self.cursors.iter().filter(|(_, cursor)| **cursor == Cursor::Gone);
        let gone: Vec<String> = gone.map(|(number, _)| number.to_string()).collect();
        let condition = match gone.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "{} no longer holds the records after the checkpoint of partition {}; \
                 start the projector with --event-store URL, to take them from the log",
                self.desk.shape.topic,
                gone.join(", ")
            )),
        };
        if self.condition.send_replace(condition).is_err() {
            figures::missing(None);
        }
    }
}
