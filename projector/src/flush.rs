//! Writes a batch in one transaction (a rebuild: one for each projection): the checkpoint's compare-and-set first, then the
//! rows.

use crate::points;
use crate::projection::Changes;
use futures::stream::{self, StreamExt};
use read_model::write::catalog::{Checkpoint, SourceHead};
use read_model::write::parked::ParkedRow;
use read_model::write::rebuild::RebuildStep;
use read_model::write::{Tables, WriteTx};
use read_model::{ReadModel, ReadModelError};

/// The changes of a folded page.
#[derive(Debug)]
pub(crate) struct Batch {
    pub from: u64,
    pub to: u64,
    pub checkpoints: Vec<Checkpoint>,
    pub changes: Vec<(Tables, Box<dyn Changes>)>,
    pub parked: Vec<ParkedRow>,
    /// When the last event was stored, in microseconds since 1970.
    pub recorded_at: i64,
    /// The last event's hash in the log's chain.
    pub hash: Option<[u8; 32]>,
}

/// Which checkpoints move, and what is stored with them.
#[derive(Debug)]
pub(crate) enum Advance {
    /// The live checkpoints, and the log's end if it is known.
    Live(Option<SourceHead>),
    /// The checkpoints of a rebuild.
    Rebuild { owner: Vec<u8>, target: u64, events_per_second: f64 },
}

impl Batch {
    /// The same, projection by projection.
    fn apart(self) -> Vec<Self> {
        let Self { from, to, checkpoints, changes, mut parked, recorded_at, hash } = self;
        let each = checkpoints.into_iter().zip(changes);
        let part = |(checkpoint, changes): (Checkpoint, _)| {
            let its = parked.extract_if(.., |row| row.projection == checkpoint.name).collect();
            let (checkpoints, changes) = (vec![checkpoint], vec![changes]);
            Self { from, to, checkpoints, changes, parked: its, recorded_at, hash }
        };
        each.map(part).collect()
    }
}

/// Writes a batch of a rebuild. If projections are written in separate transactions and only some commit, they stand at
/// different positions; the next run begins there.
pub(crate) async fn fill(
    model: ReadModel,
    batch: Batch,
    advance: Advance,
    now: i64,
) -> Result<(), ReadModelError> {
    let (parts, at_once) = match model.fillers() {
        Some(fillers) => (batch.apart(), fillers.get()),
        None => (vec![batch], 1),
    };
    let fills = parts.into_iter().map(async |part: Batch| {
        let to = part.to;
        points::reach("rebuild: write").await?;
        {
            let _background = points::background();
            let mut tx = model.begin_fill().await?;
            write(&mut tx, part, &advance, now).await?;
            tx.commit(to).await?;
        }
        points::reach("rebuild: written").await
    });
    // Waits for every write, so that none is still under way when one has failed.
    let written: Vec<_> = stream::iter(fills).buffer_unordered(at_once).collect().await;
    written.into_iter().collect()
}

impl Advance {
    /// Moves checkpoints from one position to another, all or none.
    pub(crate) async fn write(
        &self,
        tx: &mut WriteTx,
        checkpoints: &[Checkpoint],
        (from, to): (u64, u64),
        now: i64,
    ) -> Result<(), ReadModelError> {
        match self {
            Self::Live(head) => {
                tx.advance(checkpoints, from, to, now).await?;
                match head {
                    Some(head) => tx.set_source_head(*head).await,
                    None => Ok(()),
                }
            }
            Self::Rebuild { owner, target, events_per_second } => {
                let (target, events_per_second) = (*target, *events_per_second);
                let step = RebuildStep { owner, from, to, target, events_per_second, now };
                tx.advance_rebuild(checkpoints, step).await
            }
        }
    }
}

/// Writes a batch in a transaction of its own.
pub(crate) async fn flush(
    model: ReadModel,
    batch: Batch,
    advance: Advance,
    now: i64,
) -> Result<(), ReadModelError> {
    let to = batch.to;
    points::reach("views: write").await?;
    let mut tx = model.begin_write().await?;
    write(&mut tx, batch, &advance, now).await?;
    tx.commit(to).await?;
    points::reach("views: written").await
}

/// Writes a batch into a transaction.
pub(crate) async fn write(
    tx: &mut WriteTx,
    batch: Batch,
    advance: &Advance,
    now: i64,
) -> Result<(), ReadModelError> {
    advance.write(tx, &batch.checkpoints, (batch.from, batch.to), now).await?;
    points::half_way("views: checkpoints moved").await;
    for (tables, changes) in batch.changes {
        changes.write(tx, tables).await?;
    }
    tx.park(batch.parked).await
}
