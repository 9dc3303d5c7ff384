//! Subscriptions: which projections the topic feeds, and how far each has come in each partition.
//!
//! Their memory (states of streams, checkpoints) is valid only while this group member alone writes its partitions. So it
//! is reloaded when partitions come or go, when the catalog changes, and after every failure.

use super::batch::Batch;
use super::checkpoints::{self, Topic};
use crate::ProjectorError;
use crate::decoded::Decoded;
use crate::group::Member;
use crate::points;
use crate::projection::Pace;
use crate::registry::Registry;
use event_store::StreamId;
use read_model::write::Tables;
use read_model::write::catalog::{CatalogEntry, Checkpoint};
use read_model::write::partitions::Mark;
use read_model::{ReadModel, ReadModelError};
use std::collections::BTreeMap;

/// One projection with its checkpoints.
#[derive(Debug)]
pub(super) struct Subscription {
    pub member: Member,
    pub marks: BTreeMap<i32, Mark>,
}

impl Subscription {
    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { name: self.member.projection.name, generation: self.member.generation }
    }

    /// Its checkpoint in the partition of a batch, if the batch concerns it.
    pub(super) fn before(&self, batch: &Batch) -> Option<Mark> {
        let mark = self.marks.get(&batch.partition).copied()?;
        batch.goal.concerns(mark).then_some(mark)
    }

    /// The events of a batch that it has not had.
    pub(super) fn news<'a>(&self, batch: &'a Batch) -> impl Iterator<Item = &'a Decoded> {
        let its = self.before(batch).into_iter();
        let news =
            its.flat_map(|mark| batch.events.iter().filter(move |event| event.is_news(mark)));
        news.map(|arrived| &arrived.event)
    }
}

/// All projections that the topic feeds now.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    pub all: Vec<Subscription>,
    catalog: Vec<CatalogEntry>,
    /// Whether projections were stopped, restarted or swapped since the last [`Subscriptions::load`].
    exchanged: bool,
}

impl Subscriptions {
    /// Reads catalog and checkpoints. Returns whether these are other projections than at the last load.
    pub(super) async fn load(
        &mut self,
        registry: &Registry,
        model: &ReadModel,
        topic: &Topic,
    ) -> Result<bool, ProjectorError> {
        self.read(registry, model, topic).await?;
        Ok(std::mem::take(&mut self.exchanged))
    }

    /// Drops what is folded in memory and not written.
    ///
    /// # Errors
    /// [`ReadModelError::CheckpointMoved`] once projections were stopped, restarted or swapped, until
    /// [`Subscriptions::load`]: the projections fed now may lack events before the batches in memory.
    pub(super) async fn forget(
        &mut self,
        registry: &Registry,
        model: &ReadModel,
        topic: &Topic,
    ) -> Result<(), ProjectorError> {
        self.read(registry, model, topic).await?;
        match self.exchanged {
            false => Ok(()),
            true => Err(ReadModelError::CheckpointMoved.into()),
        }
    }

    async fn read(
        &mut self,
        registry: &Registry,
        model: &ReadModel,
        topic: &Topic,
    ) -> Result<(), ProjectorError> {
        points::reach("views: read").await?;
        let catalog = model.catalog().await?;
        self.exchanged |= !self.are_of(&catalog);
        let mut all = Vec::new();
        let fed = checkpoints::of_fed(registry, model, &catalog, topic).await?;
        for (projection, generation, marks) in fed {
            let member = Member::load(projection, generation, Tables::Live, Pace::Repeating, model);
            all.push(Subscription { member: member.await?, marks });
        }
        // Every member of the group writes them in one order.
        let place = |its: &Subscription| {
            registry.projections().iter().position(|other| *other == its.member.projection)
        };
        all.sort_by_key(place);
        (self.all, self.catalog) = (all, catalog);
        Ok(())
    }

    /// Whether these are the catalog's projections, none stopped, restarted or swapped since.
    pub(super) fn are_of(&self, catalog: &[CatalogEntry]) -> bool {
        self.catalog.iter().map(identity).eq(catalog.iter().map(identity))
    }

    /// The checkpoints of a partition, one for each projection.
    pub(super) fn marks(&self, number: i32) -> impl Iterator<Item = Mark> {
        self.all.iter().filter_map(move |its| its.marks.get(&number).copied())
    }

    /// The checkpoint of the projection that has read least of a partition. `None`: no projection is fed.
    pub(super) fn slowest(&self, number: i32) -> Option<Mark> {
        self.marks(number).min_by_key(|mark| mark.next_offset)
    }

    /// The position up to which every projection has a partition's events. `None`: no projection is fed.
    pub(super) fn floor(&self, number: i32) -> Option<u64> {
        self.marks(number).map(|mark| mark.position).min()
    }

    /// Whether some projection has parked events of a stream.
    pub(super) fn have_parked(&self, stream: StreamId) -> bool {
        self.all.iter().any(|its| its.member.parked_streams().contains(&stream))
    }
}

/// What must not change while batches are under way.
fn identity(entry: &CatalogEntry) -> (&str, u64, u32, bool) {
    (&entry.name, entry.generation, entry.version, entry.stopped)
}
