//! Rebuilds: fill shadow tables from position 1 while the old ones serve, catch up, swap in one transaction.
//!
//! All chosen projections share one pass over the log and the fold of the live projector, with larger pages and without
//! lookups of rows that cannot exist. While one batch is written the next is folded and the one after is read. On
//! PostgreSQL each projection's part of a batch is a transaction of its own, and indexes that only readers need come last.
//! After a kill at any point, the next run goes on from each projection's position. A second run at the same time is
//! refused; a run that was wrongly taken for dead loses its next compare-and-set.

mod claim;
mod finish;
mod owner;
mod pace;
mod progress;

use crate::ProjectorError;
use crate::flush::{Advance, Batch, fill};
use crate::group::Group;
use crate::log_identity;
use crate::points;
use crate::projection::Projection;
use crate::refused;
use crate::source::Source;
use claim::Claims;
use owner::Owner;
use pace::Throttle;
use progress::Progress;
pub use progress::Show;
use read_model::write::WriteTx;
use read_model::{ReadModel, ReadModelError};
use server::clock;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How often a rebuild that writes nothing sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The result of a rebuild.
#[derive(Debug, Clone)]
pub struct RebuildReport {
    /// The projections that were swapped in.
    pub projections: Vec<&'static str>,
    /// Events folded by this run.
    pub events: u64,
    /// How long it took.
    pub seconds: f64,
}

impl RebuildReport {
    /// Events folded per second.
    pub fn events_per_second(&self) -> f64 {
        self.events as f64 / self.seconds.max(1e-6)
    }
}

impl std::fmt::Display for RebuildReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let speed = self.events_per_second();
        let names = self.projections.join(", ");
        write!(
            f,
            "rebuilt {names}: {} events in {:.1} s, {speed:.0} events/s",
            self.events, self.seconds
        )
    }
}

/// Rebuilds projections and swaps them in, whether a live projector follows the log meanwhile or not.
///
/// # Errors
/// When another rebuild of one of them is running, when `shutdown` comes first, or when a storage refuses. Nothing has
/// changed for readers then, and the next run goes on from where this one stopped.
pub async fn rebuild(
    source: &Source,
    model: &ReadModel,
    projections: &[&'static Projection],
    show: Show,
    shutdown: &CancellationToken,
) -> Result<RebuildReport, ProjectorError> {
    let owner = Owner::new();
    log_identity::adopt(source, model, projections).await?;
    let target = source.head().await?.position;
    let mut claims = claim::claim(model, projections, target, &owner).await?;
    points::reach("rebuild: claimed").await?;
    let done = pass(source, model, &mut claims, show, shutdown).await;
    if done.is_err() {
        // Best effort: if this fails too, the heartbeat runs out by itself.
        let _ = claim::release(model, &owner).await;
    }
    done
}

/// One pass over the log, up to the swap.
async fn pass(
    source: &Source,
    model: &ReadModel,
    claims: &mut Claims,
    show: Show,
    shutdown: &CancellationToken,
) -> Result<RebuildReport, ProjectorError> {
    let mut groups = Group::sort(claims.members(model).await?, source);
    let mut run = Run {
        model,
        owner: claims.owner.clone(),
        target: claims.target,
        progress: Progress::new(show, claims.start(), claims.target),
        throttle: Throttle::new(model).await?,
        in_flight: None,
        indexed: false,
    };
    loop {
        match run.catch_up(&mut groups, shutdown).await {
            Ok(true) => break,
            Ok(false) => {}
            Err(refused) if refused.is_refusal() => {
                // Memory runs ahead of the rows, so it is reloaded from them, before and after.
                tracing::warn!(%refused, "a batch is refused for some of its rows");
                groups = Group::sort(claims.members(model).await?, source);
                run.write_without(&mut groups, refused).await?;
                groups = Group::sort(claims.members(model).await?, source);
            }
            Err(error) => return Err(error),
        }
    }
    let projections = claims.names();
    Ok(run.progress.end(projections))
}

/// A pass under way.
struct Run<'a> {
    model: &'a ReadModel,
    owner: Vec<u8>,
    target: u64,
    progress: Progress,
    throttle: Throttle,
    /// The batch being written. Dropping it aborts the write, also during a wait for it.
    in_flight: Option<AbortOnDropHandle<Result<(), ReadModelError>>>,
    /// Whether the indexes that were left out while the tables were filled are built.
    indexed: bool,
}

impl Run<'_> {
    /// Folds to the end of the log, then builds indexes or swaps. `true`: all projections are swapped in.
    async fn catch_up(
        &mut self,
        groups: &mut Vec<Group>,
        shutdown: &CancellationToken,
    ) -> Result<bool, ProjectorError> {
        while !self.step(groups).await? {
            if shutdown.is_cancelled() {
                break;
            }
        }
        self.settle(groups).await?;
        if shutdown.is_cancelled() {
            return Err(ProjectorError::Interrupted);
        }
        if self.indexed {
            return finish::finish(self, groups).await;
        }
        self.complete_indexes(groups, shutdown).await?;
        Ok(false)
    }

    /// Writes the refused next page of the group that is furthest behind, without the streams at fault.
    async fn write_without(
        &mut self,
        groups: &mut [Group],
        refused: ProjectorError,
    ) -> Result<(), ProjectorError> {
        let bound = groups.len().checked_sub(2).map(|ahead| groups[ahead].position);
        let Some(group) = groups.last_mut() else { return Err(refused) };
        let room = bound.map_or(u64::MAX, |bound| bound - group.position);
        let limit = usize::try_from(room).unwrap_or(usize::MAX).min(self.throttle.page());
        let page = group.reader.page(group.position, limit).await?;
        if page.events.is_empty() {
            return Err(refused);
        }
        let (events, to) = (page.events.len() as u64, page.to());
        self.target = self.target.max(to);
        let (advance, now) = (self.advance(), clock::now().timestamp_micros());
        refused::write_without(self.model, &group.members, page, advance, now).await?;
        self.progress.moved(events, to, self.target);
        Ok(())
    }

    /// Folds the next page of the group that is furthest behind, while the one before is written. `true`: all groups are
    /// merged and close to the end of the log. (They may never reach the end, because the log may keep growing.)
    async fn step(&mut self, groups: &mut Vec<Group>) -> Result<bool, ProjectorError> {
        Group::merge(groups);
        let last = groups.len().checked_sub(1).ok_or(ProjectorError::Interrupted)?;
        let bound = last.checked_sub(1).map(|ahead| groups[ahead].position);
        let group = &mut groups[last];
        let full = self.throttle.page();
        let limit = bound.map_or(full, |bound| {
            usize::try_from(bound.saturating_sub(group.position)).unwrap_or(full).min(full)
        });
        let page = group.reader.page(group.position, limit.max(1)).await?;
        if page.events.is_empty() {
            if self.target > group.position {
                let (expected, found) = (group.position + 1, self.target);
                return Err(ProjectorError::Gap { expected, found });
            }
            return Ok(bound.is_none());
        }
        if bound.is_none() {
            group.reader.prefetch(page.to(), full);
        }
        self.target = self.target.max(page.to());
        let events = page.events.len();
        let now = clock::now().timestamp_micros();
        let batch = group.fold(page, self.model, now).await?;
        self.settle_in_flight(groups, 1).await?;
        self.progress.moved(events as u64, batch.to, self.target);
        self.send(batch, now);
        Ok(bound.is_none() && (events as u64) < finish::GAP)
    }

    fn send(&mut self, batch: Batch, now: i64) {
        let advance = self.advance();
        let fill = tokio::spawn(fill(self.model.clone(), batch, advance, now));
        self.in_flight = Some(AbortOnDropHandle::new(fill));
    }

    fn advance(&self) -> Advance {
        Advance::Rebuild {
            owner: self.owner.clone(),
            target: self.target,
            events_per_second: self.progress.events_per_second(),
        }
    }

    /// Builds the indexes that are left out while tables are filled. Meanwhile the log and the live rows grow, and
    /// heartbeats keep the claim.
    async fn complete_indexes(
        &mut self,
        groups: &[Group],
        shutdown: &CancellationToken,
    ) -> Result<(), ProjectorError> {
        let model = self.model;
        let build = async {
            for member in groups.iter().flat_map(|group| &group.members) {
                model.complete_indexes(member.projection.tables, member.generation).await?;
            }
            Ok::<(), ReadModelError>(())
        };
        tokio::pin!(build);
        loop {
            tokio::select! {
                built = &mut build => break built?,
                () = sleep(HEARTBEAT) => {
                    self.progress.say("building indexes");
                    self.beat(groups).await?;
                }
                () = shutdown.cancelled() => return Err(ProjectorError::Interrupted),
            }
        }
        self.progress.say("");
        self.indexed = true;
        Ok(())
    }

    /// Writes the heartbeat of this run.
    async fn beat(&self, groups: &[Group]) -> Result<(), ProjectorError> {
        let mut tx = self.model.begin_fill().await?;
        for group in groups {
            self.stay(&mut tx, group).await?;
        }
        Ok(tx.commit(0).await?)
    }

    /// Moves the checkpoint from the group's position to the same position: this proves that the claim is still ours.
    async fn stay(&self, tx: &mut WriteTx, group: &Group) -> Result<(), ProjectorError> {
        let (from, to) = (group.position, group.position);
        let now = clock::now().timestamp_micros();
        self.advance().write(tx, &group.checkpoints(), (from, to), now).await.map_err(overtaken)
    }

    /// Waits for the batch being written; `folded` batches after it are in memory only.
    async fn settle_in_flight(
        &mut self,
        groups: &mut [Group],
        folded: u64,
    ) -> Result<(), ProjectorError> {
        let Some(flush) = self.in_flight.take() else { return Ok(()) };
        flush.await.map_err(ProjectorError::from_panic)?.map_err(overtaken)?;
        self.throttle.rest(self.model).await?;
        groups.iter_mut().for_each(|group| group.committed(folded));
        Ok(())
    }

    async fn settle(&mut self, groups: &mut [Group]) -> Result<(), ProjectorError> {
        self.settle_in_flight(groups, 0).await
    }
}

/// The error for a rebuild whose checkpoint another owner has moved.
fn overtaken(error: ReadModelError) -> ProjectorError {
    match error {
        ReadModelError::CheckpointMoved => {
            ProjectorError::Refused("another process has taken this rebuild over".into())
        }
        error => error.into(),
    }
}
