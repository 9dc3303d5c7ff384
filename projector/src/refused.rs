//! When the database refuses a batch for its rows (a constraint, a value it cannot take): which streams are at fault.
//!
//! Nothing of this runs until a batch was refused. Then the streams of the batch are tried in halves, each projection by
//! itself, in transactions that are taken back: whatever is taken stays in, a half that is refused is halved again, and
//! a stream that is refused by itself, on top of those that were taken, is the one to park. So of two streams that do
//! not go together the earlier one stays. For `n` streams there are at most `2 n - 1` trials, `2 log n` for one at fault.
//!
//! Only refusals count: an error of any other projection ends the search, and the batch is tried again later as ever.

use crate::ProjectorError;
use crate::decoded::Decoded;
use crate::flush::{Advance, fill, flush};
use crate::group::{self, Member};
use crate::parking::Faulty;
use crate::projection::Pace;
use crate::projection::Projection;
use crate::source::Page;
use event_store::StreamId;
use read_model::write::catalog::Checkpoint;
#[cfg(feature = "kafka")]
use read_model::write::partitions::Step;
use read_model::write::{Tables, WriteTx};
use read_model::{ReadModel, ReadModelError};
use std::collections::HashSet;

/// What keeps other writers out of a trial, and proves that the rows are where the batch begins. If the projection is
/// exchanged, the trial is of the wrong rows, and what it led to is not written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fence<'a> {
    /// The checkpoint moves from one position to another.
    Log(&'a Advance, (u64, u64)),
    /// The partitions' checkpoints are there.
    #[cfg(feature = "kafka")]
    Topic(&'a [Step]),
    /// The generation is live.
    Live,
}

/// One projection's part of a batch that was refused.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    pub model: &'a ReadModel,
    pub projection: &'static Projection,
    pub generation: u64,
    pub tables: Tables,
    /// Streams that are parked already.
    pub parked: HashSet<StreamId>,
    /// What is news to it, by position.
    pub events: Vec<&'a Decoded>,
    pub fence: Fence<'a>,
    pub now: i64,
}

impl Share<'_> {
    /// Which streams' rows the database refuses, tried as the file says.
    ///
    /// # Errors
    /// When anything else fails than the writing of rows, or another writer was faster.
    pub(crate) async fn faulty(&self) -> Result<Faulty, ProjectorError> {
        let streams = self.streams();
        let (mut taken, mut faulty) = (HashSet::new(), Faulty::new());
        let mut halves = vec![&streams[..]];
        while let Some(half) = halves.pop() {
            if half.is_empty() {
                continue;
            }
            taken.extend(half);
            match (self.try_out(&taken).await, half) {
                (Ok(()), _) => continue,
                (Err(ProjectorError::ReadModel(ReadModelError::Refused(rule))), [stream]) => {
                    let reason = format!("the database refuses a row of this stream: {rule}");
                    faulty.insert(*stream, reason);
                }
                (Err(ProjectorError::ReadModel(ReadModelError::Refused(_))), _) => {
                    let (first, second) = half.split_at(half.len() / 2);
                    halves.extend([second, first]);
                }
                (Err(error), _) => return Err(error),
            }
            half.iter().for_each(|stream| {
                taken.remove(stream);
            });
        }
        Ok(faulty)
    }

    /// The streams of the events, in the order in which they come.
    fn streams(&self) -> Vec<StreamId> {
        let mut seen = HashSet::new();
        let streams = self.events.iter().map(|event| event.recorded.stream);
        streams.filter(|stream| seen.insert(*stream)).collect()
    }

    /// Writes what these streams' events come to, and takes it back.
    async fn try_out(&self, streams: &HashSet<StreamId>) -> Result<(), ProjectorError> {
        // Behind the fence the rows stand still, so they can be read past the transaction.
        let mut tx = self.begin().await?;
        let mut member =
            Member::trying(self.projection, self.generation, self.tables, self.parked.clone());
        let its = |event: &&&Decoded| streams.contains(&event.recorded.stream);
        let events: Vec<&Decoded> = self.events.iter().filter(its).copied().collect();
        let parked = member.fold(&events, self.model, self.now).await?;
        let changes = member.take_copies(&events);
        changes.write(&mut tx, self.tables).await?;
        tx.park(parked).await?;
        Ok(tx.try_out().await?)
    }

    async fn begin(&self) -> Result<WriteTx, ProjectorError> {
        let checkpoints = [Checkpoint { name: self.projection.name, generation: self.generation }];
        let mut tx = match self.fence {
            Fence::Log(Advance::Rebuild { .. }, _) => self.model.begin_fill().await?,
            _ => self.model.begin_write().await?,
        };
        match self.fence {
            Fence::Log(advance, way) => advance.write(&mut tx, &checkpoints, way, self.now).await?,
            #[cfg(feature = "kafka")]
            Fence::Topic(steps) => tx.move_partitions(&checkpoints, steps).await?,
            Fence::Live => {
                let [Checkpoint { name, generation }] = checkpoints;
                let catalog = tx.catalog().await?;
                if !catalog.iter().any(|it| it.name == name && it.generation == generation) {
                    return Err(ReadModelError::CheckpointMoved.into());
                }
            }
        }
        Ok(tx)
    }
}

/// Writes a page of the log that was refused, without the streams at fault, which are parked. All that these members hold
/// in memory is out of date after that.
///
/// # Errors
/// As the writing of any batch.
pub(crate) async fn write_without(
    model: &ReadModel,
    members: &[Member],
    page: Page,
    advance: Advance,
    now: i64,
) -> Result<(), ProjectorError> {
    let way = (page.after, page.to());
    let mut others = Vec::with_capacity(members.len());
    for Member { projection, generation, tables, .. } in members {
        let (projection, generation, tables) = (*projection, *generation, *tables);
        let mut other =
            Member::load(projection, generation, tables, Pace::Repeating, model).await?;
        let share = Share {
            model,
            projection,
            generation,
            tables,
            parked: other.parked_streams().clone(),
            events: page.events.iter().collect(),
            fence: Fence::Log(&advance, way),
            now,
        };
        other.expect_refusal(share.faulty().await?);
        others.push(other);
    }
    let batch = group::fold(&mut others, page, model, now).await?;
    match advance {
        Advance::Live(_) => flush(model.clone(), batch, advance, now).await?,
        Advance::Rebuild { .. } => fill(model.clone(), batch, advance, now).await?,
    }
    Ok(())
}
