//! Who is fed from the topic, and how far each is in each partition.

use crate::ProjectorError;
use crate::group::Member;
use crate::projection::{Pace, Projection};
use crate::registry::Registry;
use read_model::ReadModel;
use read_model::write::Tables;
use read_model::write::catalog::{CatalogEntry, Checkpoint};
use read_model::write::partitions::{Mark, PartitionEntry};
use relay::consumer::Lookup;
use server::clock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One projection with its checkpoints.
#[derive(Debug)]
pub(super) struct Seat {
    pub member: Member,
    pub marks: BTreeMap<i32, Mark>,
}

impl Seat {
    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { name: self.member.projection.name, generation: self.member.generation }
    }
}

/// A topic as the checkpoints know it.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub topic: String,
    pub partitions: u32,
}

impl Shape {
    /// The numbers of all partitions.
    fn numbers(&self) -> std::ops::Range<i32> {
        0..i32::try_from(self.partitions).unwrap_or(i32::MAX)
    }
}

/// Whether this build feeds the projection now.
fn is_fed(registry: &Registry, entry: &CatalogEntry) -> Option<&'static Projection> {
    let projection = registry.named(&entry.name)?;
    (!entry.stopped && entry.version == projection.version).then_some(projection)
}

/// Seats every live projection; those that the topic does not feed yet go on from their position in the catalog.
pub(super) async fn seat(
    registry: &Registry,
    model: &ReadModel,
    catalog: &[CatalogEntry],
    shape: &Shape,
) -> Result<Vec<Seat>, ProjectorError> {
    let mut entries = model.partitions().await?;
    let fed = || catalog.iter().filter_map(|entry| Some((entry, is_fed(registry, entry)?)));
    if fed().any(|(entry, _)| !fits(&of(&entries, entry), shape)) {
        enter(registry, model, shape).await?;
        entries = model.partitions().await?;
    }
    let mut seats = Vec::new();
    for (entry, projection) in fed() {
        let tables = Tables::Live;
        let member =
            Member::load(projection, entry.generation, tables, Pace::Repeating, model).await?;
        let marks = of(&entries, entry).into_iter().map(|entry| (entry.number, entry.mark));
        seats.push(Seat { member, marks: marks.collect() });
    }
    // Every member writes them in one order.
    seats.sort_by_key(|seat| {
        registry.projections().iter().position(|its| *its == seat.member.projection)
    });
    Ok(seats)
}

/// The partitions of a projection's generation.
fn of<'a>(entries: &'a [PartitionEntry], of: &CatalogEntry) -> Vec<&'a PartitionEntry> {
    let its =
        |entry: &&PartitionEntry| entry.projection == of.name && entry.generation == of.generation;
    entries.iter().filter(its).collect()
}

fn fits(entries: &[&PartitionEntry], shape: &Shape) -> bool {
    shape.numbers().eq(entries.iter().map(|entry| entry.number))
        && entries.iter().all(|entry| entry.topic == shape.topic)
}

/// Enters the partitions of every projection that has none of this topic.
async fn enter(
    registry: &Registry,
    model: &ReadModel,
    shape: &Shape,
) -> Result<(), ProjectorError> {
    let now = clock::now().timestamp_micros();
    let mut tx = model.begin_write().await?;
    for entry in tx.catalog().await? {
        let Some(projection) = is_fed(registry, &entry) else { continue };
        let checkpoint = Checkpoint { name: projection.name, generation: entry.generation };
        tx.lock_projections(&[checkpoint], now).await?;
        // Read again under the lock.
        let (catalog, entries) = (tx.catalog().await?, tx.partitions().await?);
        let Some(entry) = catalog.into_iter().find(|other| other.name == entry.name) else {
            continue;
        };
        let known = of(&entries, &entry);
        if fits(&known, shape) {
            continue;
        }
        let marks = begin(&entry, &known, shape)?;
        tx.leave_partitions(checkpoint).await?;
        for (number, position) in marks {
            let mark = Mark { next_offset: 0, position };
            tx.enter_partition(&PartitionEntry {
                projection: entry.name.clone(),
                generation: entry.generation,
                number,
                topic: shape.topic.clone(),
                mark,
            })
            .await?;
        }
        tracing::info!(
            projection = entry.name,
            topic = shape.topic,
            partitions = shape.partitions,
            position = entry.position,
            "the projection is fed from a topic"
        );
    }
    tx.commit(0).await?;
    Ok(())
}

/// Up to which position each partition is known to be applied. Records are read from the beginning: what is at or below
/// it is passed over.
fn begin(
    entry: &CatalogEntry,
    known: &[&PartitionEntry],
    shape: &Shape,
) -> Result<Vec<(i32, u64)>, ProjectorError> {
    if shape.numbers().eq(known.iter().map(|entry| entry.number)) {
        return Ok(known.iter().map(|known| (known.number, known.mark.position)).collect());
    }
    // Another number of partitions puts streams elsewhere: what has been applied is known only where all stand level.
    if known.iter().any(|known| known.mark.position != entry.position) {
        return Err(ProjectorError::Refused(format!(
            "{} was fed from {} partitions that do not stand at one position, and the topic {} has {}; \
             rebuild it from the log (--rebuild={} --event-store URL)",
            entry.name,
            known.len(),
            shape.topic,
            shape.partitions,
            entry.name
        )));
    }
    Ok(shape.numbers().map(|number| (number, entry.position)).collect())
}

/// Where reading goes on: after the last record of the hindmost projection.
pub(super) fn lookup(registry: Registry, model: ReadModel, topic: String) -> Lookup {
    Arc::new(move |numbers| {
        let (registry, model, topic) = (registry.clone(), model.clone(), topic.clone());
        Box::pin(async move {
            let catalog = model.catalog().await.map_err(|error| error.to_string())?;
            let entries = model.partitions().await.map_err(|error| error.to_string())?;
            let fed = |name: &str| {
                catalog.iter().any(|entry| entry.name == name && is_fed(&registry, entry).is_some())
            };
            let next = |number: i32| {
                let its = entries.iter().filter(|entry| {
                    entry.number == number && entry.topic == topic && fed(&entry.projection)
                });
                its.map(|entry| entry.mark.next_offset).min()
            };
            Ok(numbers.into_iter().map(next).collect())
        })
    })
}
