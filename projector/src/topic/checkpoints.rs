//! The checkpoints of a topic: which projections it feeds, where each partition is read, and how a projection moves over
//! to the topic.

use crate::ProjectorError;
use crate::projection::Projection;
use crate::registry::Registry;
use read_model::ReadModel;
use read_model::write::catalog::{CatalogEntry, Checkpoint};
use read_model::write::partitions::{Mark, PartitionEntry};
use relay::consumer::Lookup;
use server::clock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A topic as the checkpoints know it.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    pub name: String,
    pub partitions: u32,
}

impl Topic {
    /// The numbers of all partitions.
    fn numbers(&self) -> std::ops::Range<i32> {
        0..i32::try_from(self.partitions).unwrap_or(i32::MAX)
    }
}

/// The projection of a catalog entry, if this build feeds it now.
fn is_fed(registry: &Registry, entry: &CatalogEntry) -> Option<&'static Projection> {
    let projection = registry.named(&entry.name)?;
    (!entry.stopped && entry.version == projection.version).then_some(projection)
}

/// A projection, its generation and its checkpoints.
type Fed = (&'static Projection, u64, BTreeMap<i32, Mark>);

/// Every live projection with its checkpoints; a projection that the topic does not feed yet continues from its position
/// in the catalog.
pub(super) async fn of_fed(
    registry: &Registry,
    model: &ReadModel,
    catalog: &[CatalogEntry],
    topic: &Topic,
) -> Result<Vec<Fed>, ProjectorError> {
    let mut entries = model.partitions().await?;
    let fed = || catalog.iter().filter_map(|entry| Some((entry, is_fed(registry, entry)?)));
    if fed().any(|(entry, _)| !fits(&of(&entries, entry), topic)) {
        enter(registry, model, topic).await?;
        entries = model.partitions().await?;
    }
    let each = fed().map(|(entry, projection)| {
        let marks = of(&entries, entry).into_iter().map(|entry| (entry.number, entry.mark));
        (projection, entry.generation, marks.collect())
    });
    Ok(each.collect())
}

/// The partitions of a projection's generation.
fn of<'a>(entries: &'a [PartitionEntry], of: &CatalogEntry) -> Vec<&'a PartitionEntry> {
    let its =
        |entry: &&PartitionEntry| entry.projection == of.name && entry.generation == of.generation;
    entries.iter().filter(its).collect()
}

fn fits(entries: &[&PartitionEntry], topic: &Topic) -> bool {
    topic.numbers().eq(entries.iter().map(|entry| entry.number))
        && entries.iter().all(|entry| entry.topic == topic.name)
}

/// Inserts the partition checkpoints of every projection that has none for this topic.
async fn enter(
    registry: &Registry,
    model: &ReadModel,
    topic: &Topic,
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
        if fits(&known, topic) {
            continue;
        }
        let marks = begin(&entry, &known, topic)?;
        tx.leave_partitions(checkpoint).await?;
        for (number, position) in marks {
            let mark = Mark { next_offset: 0, position };
            tx.enter_partition(&PartitionEntry {
                projection: entry.name.clone(),
                generation: entry.generation,
                number,
                topic: topic.name.clone(),
                mark,
            })
            .await?;
        }
        tracing::info!(
            projection = entry.name,
            topic = topic.name,
            partitions = topic.partitions,
            position = entry.position,
            "the projection is fed from a topic"
        );
    }
    tx.commit(0).await?;
    Ok(())
}

/// The position up to which each partition is known to be applied. Records are read from the beginning; events at or below
/// that position are skipped.
fn begin(
    entry: &CatalogEntry,
    known: &[&PartitionEntry],
    topic: &Topic,
) -> Result<Vec<(i32, u64)>, ProjectorError> {
    if topic.numbers().eq(known.iter().map(|entry| entry.number)) {
        return Ok(known.iter().map(|known| (known.number, known.mark.position)).collect());
    }
    // Another partition count moves streams, so what was applied is known only if all partitions are at one position.
    if known.iter().any(|known| known.mark.position != entry.position) {
        return Err(ProjectorError::Refused(format!(
            "{} was fed from {} partitions that do not stand at one position, and the topic {} has {}; \
             rebuild it from the log (--rebuild={} --event-store URL)",
            entry.name,
            known.len(),
            topic.name,
            topic.partitions,
            entry.name
        )));
    }
    Ok(topic.numbers().map(|number| (number, entry.position)).collect())
}

/// Looks up where reading continues: after the last record of the slowest projection.
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
