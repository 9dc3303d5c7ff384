//! What one member of the group knows of the projections that it feeds; no consumer, no broker.
//!
//! What is held in memory (states of streams, checkpoints) is true only as long as this member alone writes its
//! partitions. The engine, which has the consumer, forgets it: when partitions come or go, when the catalog
//! changes, and after every failure.

use super::seats::{self, Seat, Shape};
use crate::ProjectorError;
use crate::points;
use crate::registry::Registry;
use crate::source::Source;
use event_store::StreamId;
use read_model::write::catalog::{CatalogEntry, SourceHead};
use read_model::write::partitions::Mark;
use read_model::{ReadModel, ReadModelError};
use server::clock;

/// The projections that are fed, with their checkpoints, and the log behind the topic.
pub(super) struct Desk {
    pub model: ReadModel,
    pub registry: Registry,
    pub log: Option<Source>,
    pub shape: Shape,
    pub seats: Vec<Seat>,
    pub head: SourceHead,
    catalog: Vec<CatalogEntry>,
    /// Projections were stopped, let go or exchanged since the last [`Desk::load`].
    exchanged: bool,
}

impl Desk {
    /// Knows nothing before it is loaded.
    pub(super) fn new(
        model: ReadModel,
        registry: Registry,
        log: Option<Source>,
        shape: Shape,
    ) -> Self {
        let now = clock::now().timestamp_micros();
        let head = SourceHead { position: 0, recorded_at: now, seen_at: now, hash: None };
        let (seats, catalog) = (Vec::new(), Vec::new());
        Self { model, registry, log, shape, seats, head, catalog, exchanged: false }
    }

    /// Reads catalog and checkpoints, and forgets all else. Whether these are other projections than when it was asked
    /// last.
    pub(super) async fn load(&mut self) -> Result<bool, ProjectorError> {
        self.read().await?;
        Ok(std::mem::take(&mut self.exchanged))
    }

    /// Forgets what has been folded in memory and not written.
    ///
    /// # Errors
    /// [`ReadModelError::CheckpointMoved`] once projections were stopped, let go or exchanged, until [`Desk::load`]: those
    /// that are fed now may lack what came before that which was read for the others.
    pub(super) async fn forget(&mut self) -> Result<(), ProjectorError> {
        self.read().await?;
        match self.exchanged {
            false => Ok(()),
            true => Err(ReadModelError::CheckpointMoved.into()),
        }
    }

    async fn read(&mut self) -> Result<(), ProjectorError> {
        points::reach("views: read").await?;
        let catalog = self.model.catalog().await?;
        self.exchanged |= !self.has_shape_of(&catalog);
        self.seats = seats::seat(&self.registry, &self.model, &catalog, &self.shape).await?;
        self.catalog = catalog;
        Ok(())
    }

    /// Whether these are the projections that it knows, none stopped, let go or exchanged since.
    pub(super) fn has_shape_of(&self, catalog: &[CatalogEntry]) -> bool {
        self.catalog.iter().map(shape).eq(catalog.iter().map(shape))
    }

    /// The checkpoint of the projection that has read least of a partition.
    pub(super) fn hindmost(&self, number: i32) -> Option<Mark> {
        self.marks(number).min_by_key(|mark| mark.next_offset)
    }

    /// Every projection has the events of a partition up to here. `None`: no projection is fed.
    pub(super) fn floor(&self, number: i32) -> Option<u64> {
        self.marks(number).map(|mark| mark.position).min()
    }

    /// The checkpoints of a partition, of each projection that is fed.
    pub(super) fn marks(&self, number: i32) -> impl Iterator<Item = Mark> {
        self.seats.iter().filter_map(move |seat| seat.marks.get(&number).copied())
    }

    /// Whether some projection has parked events of a stream.
    pub(super) fn has_parked(&self, stream: StreamId) -> bool {
        self.seats.iter().any(|seat| seat.member.parked_streams().contains(&stream))
    }
}

/// What must not change while portions are under way.
fn shape(entry: &CatalogEntry) -> (&str, u64, u32, bool) {
    (&entry.name, entry.generation, entry.version, entry.stopped)
}
