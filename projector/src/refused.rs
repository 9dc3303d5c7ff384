//! Bisection: which streams are at fault when the database refuses a batch's rows (a constraint, an impossible value).
//!
//! It runs only after a batch was refused. It tries the streams of the batch in halves, each projection by itself, in
//! transactions that are rolled back. Accepted streams stay in the next trial; a refused half is halved again. A stream
//! that is refused by itself, on top of the accepted ones, is parked. So of two streams that exclude each other the earlier
//! one stays. For `n` streams there are at most `2 n - 1` trials, about `2 log n` if one is at fault.
//!
//! Only refusals count: any other kind of error ends the search, and the batch is tried again later.

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

/// Keeps other writers out of a trial, and proves that the rows are at the batch's beginning. If the projection is swapped
/// meanwhile, the trial concerns the wrong rows, and its result is not written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fence<'a> {
    /// The checkpoint moves from one position to another.
    Log(&'a Advance, (u64, u64)),
    /// The checkpoints of these partitions are as expected.
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
    /// The events that the projection has not had, by position.
    pub events: Vec<&'a Decoded>,
    pub fence: Fence<'a>,
    pub now: i64,
}

impl Share<'_> {
    /// The streams whose rows the database refuses, found by bisection.
    ///
    /// # Errors
    /// When something other than the writing of rows fails, or another writer was faster.
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

    /// The streams of the events, by first event.
    fn streams(&self) -> Vec<StreamId> {
        let mut seen = HashSet::new();
        let streams = self.events.iter().map(|event| event.recorded.stream);
        streams.filter(|stream| seen.insert(*stream)).collect()
    }

    /// Writes the rows of these streams' events, and rolls back.
    async fn try_out(&self, streams: &HashSet<StreamId>) -> Result<(), ProjectorError> {
        // While the fence holds, the rows do not change, so they can be read outside the transaction.
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

/// Writes a refused page of the log without the streams at fault, which are parked. After that, everything that these
/// members hold in memory is out of date.
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
