//! Verifies the views: folds the log into a fresh read model and compares row by row.
//!
//! The live side is read under one snapshot, so a running projector does not disturb the comparison. Each projection is
//! compared at its position in that snapshot. The fresh fold then goes on to the log's end, so that every stream passes
//! through the domain's fold: an event that does not fold is a defect of the log. Views that are behind the log, or were
//! never made, are reported separately from wrong views: their rows may be right.

use crate::ProjectorError;
use crate::flush::{Advance, flush};
use crate::group::{Group, Member};
use crate::log_identity::check_log_identity;
use crate::projection::Pace;
use crate::projection::Projection;
use crate::refused::write_without;
use crate::source::Source;
use read_model::write::Tables;
use read_model::write::compare::Snapshot;
use read_model::write::parked::ParkedReason;
use read_model::{Access, ReadModel, ReadModelError};
use server::clock;
use std::time::Duration;
use tokio::time::Instant;

/// Events in one page of the fresh fold.
const PAGE: usize = 4_000;
/// The most differences reported of a table.
const MAX_DIFFERENCES: usize = 10;
/// The most defects reported of a projection.
const MAX_DEFECTS: u32 = 10;
/// How long views may take to reach the position at which the log ended when verifying began.
const CATCH_UP: Duration = Duration::from_secs(5);
/// How often their positions are read meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// The result of verifying the views.
#[derive(Debug, Clone, Default)]
pub struct ViewsReport {
    /// Events folded.
    pub events: u64,
    /// Rows compared.
    pub rows: u64,
    /// The first differences, each naming projection, table, key and column. Empty = equal.
    pub differences: Vec<String>,
    /// Events that do not fold, each naming position, stream and version.
    pub unfoldable: Vec<String>,
    /// Projections that have not reached the log's end, or were not made yet, each with its position: not a defect.
    pub behind: Vec<String>,
}

impl ViewsReport {
    /// Nothing was found.
    pub fn is_sound(&self) -> bool {
        self.differences.is_empty() && self.unfoldable.is_empty()
    }
}

/// Folds the log into a fresh read model at `scratch` (a path that does not exist yet; removed by the caller) and
/// compares. `progress` receives (position, target) from time to time.
///
/// # Errors
/// When the views belong to another log or a storage refuses; what is wrong with the views is in the report.
pub async fn verify_views(
    source: &Source,
    model: &ReadModel,
    scratch: &std::path::Path,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<ViewsReport, ProjectorError> {
    check_log_identity(source, model).await?;
    let begun_at = source.head().await?.position;
    catch_up(model, begun_at).await?;
    let scratch = format!("sqlite://{}", scratch.display());
    let schema = source.registry().schema();
    let fresh = ReadModel::open_with(&scratch, Access::ReadWrite, schema).await?;
    let mut snapshot = model.snapshot().await?;
    let positions = snapshot.positions().await?;
    let mut report = ViewsReport::default();
    let place = |projection: &&'static Projection| {
        let entry = positions.iter().find(|(name, _)| name == projection.name);
        (*projection, entry.map(|(_, position)| *position))
    };
    let positions: Vec<_> = source.registry().projections().iter().map(place).collect();
    report.behind.extend(positions.iter().filter_map(|at| behind(*at, begun_at)));
    let target = source.head().await?.position;
    let group = begin(source, &fresh).await?;
    let mut check = Check { group, fresh, snapshot, target, report, progress };
    check.fold_and_compare(&positions).await?;
    check.fresh.close().await;
    Ok(check.report)
}

/// The text for a projection that has not reached `end`.
fn behind((projection, position): (&'static Projection, Option<u64>), end: u64) -> Option<String> {
    let name = projection.name;
    match position {
        None => Some(format!("{name}: not made yet")),
        Some(position) if position < end => Some(format!(
            "{name}: stands at position {position}, {} events behind the log",
            end - position
        )),
        Some(_) => None,
    }
}

/// Waits until the follower of the log reaches `position`.
async fn catch_up(model: &ReadModel, position: u64) -> Result<(), ProjectorError> {
    let until = Instant::now() + CATCH_UP;
    while model.catalog().await?.iter().any(|entry| entry.position < position && !entry.stopped)
        && Instant::now() < until
    {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Every projection, at the beginning of a fresh read model.
async fn begin(source: &Source, fresh: &ReadModel) -> Result<Group, ProjectorError> {
    let now = clock::now().timestamp_micros();
    let mut members = Vec::new();
    for projection in source.registry().projections() {
        fresh.register(projection.name, projection.version, now).await?;
        members.push((0, Member::load(projection, 1, Tables::Live, Pace::Following, fresh).await?));
    }
    let group = Group::sort(members, source).pop();
    Ok(group.expect("there are projections, and all stand at the beginning"))
}

/// A fresh fold under way.
struct Check<P> {
    group: Group,
    fresh: ReadModel,
    snapshot: Snapshot,
    /// Where the fold ends.
    target: u64,
    report: ViewsReport,
    progress: P,
}

impl<P: FnMut(u64, u64) + Send> Check<P> {
    /// Folds to the end, and compares each projection when the fold reaches its position.
    async fn fold_and_compare(
        &mut self,
        positions: &[(&'static Projection, Option<u64>)],
    ) -> Result<(), ProjectorError> {
        // A projection that was never made has no rows.
        let places = positions.iter().map(|(projection, at)| (*projection, at.unwrap_or(0)));
        let places: Vec<(&'static Projection, u64)> = places.collect();
        let mut stops: Vec<u64> = places.iter().map(|(_, at)| *at).chain([self.target]).collect();
        stops.sort_unstable();
        stops.dedup();
        for stop in stops {
            self.fold_to(stop).await?;
            for (projection, _) in places.iter().filter(|(_, at)| *at == stop) {
                self.compare(projection).await?;
            }
        }
        for (projection, _) in &places {
            let parked = self.fresh.parked_reasons(projection.name, 1, MAX_DEFECTS).await?;
            self.report.unfoldable.extend(parked.into_iter().map(
                |ParkedReason { position, stream_type, stream_id, version, reason }| {
                    let name = projection.name;
                    format!(
                        "position {position}, {stream_type} {stream_id}, version {version}: {reason} ({name})"
                    )
                },
            ));
        }
        Ok(())
    }

    async fn compare(&mut self, projection: &'static Projection) -> Result<(), ProjectorError> {
        let mut fresh = self.fresh.snapshot().await?;
        for table in projection.tables {
            let (rows, found) = self.snapshot.compare(&mut fresh, table, MAX_DIFFERENCES).await?;
            self.report.rows += rows;
            self.report.differences.extend(found.into_iter().map(|difference| {
                format!("{}: {table} {}: {}", projection.name, difference.key, difference.what)
            }));
        }
        Ok(())
    }

    /// Writes a refused batch without the streams at fault.
    async fn write_without(&mut self, from: u64, to: u64) -> Result<(), ProjectorError> {
        let limit = usize::try_from(to - from).unwrap_or(usize::MAX);
        let page = self.group.reader.page(from, limit).await?;
        self.group.position = page.to();
        let now = clock::now().timestamp_micros();
        write_without(&self.fresh, &self.group.members, page, Advance::Live(None), now).await?;
        for member in &mut self.group.members {
            let pace = Pace::Following;
            *member = Member::load(member.projection, 1, Tables::Live, pace, &self.fresh).await?;
        }
        Ok(())
    }

    async fn fold_to(&mut self, stop: u64) -> Result<(), ProjectorError> {
        while self.group.position < stop {
            let room = usize::try_from(stop - self.group.position).unwrap_or(usize::MAX);
            let page = self.group.reader.page(self.group.position, room.min(PAGE)).await?;
            if page.events.is_empty() {
                return Err(ProjectorError::ForeignLog(format!(
                    "they stand at position {stop}, it ends at {}",
                    self.group.position
                )));
            }
            self.group.reader.prefetch(page.to(), PAGE);
            self.report.events += page.events.len() as u64;
            let (from, to) = (page.after, page.to());
            let now = clock::now().timestamp_micros();
            let batch = self.group.fold(page, &self.fresh, now).await?;
            match flush(self.fresh.clone(), batch, Advance::Live(None), now).await {
                Ok(()) => self.group.committed(0),
                // A stream whose rows the tables refuse is reported as unfoldable.
                Err(ReadModelError::Refused(_)) => self.write_without(from, to).await?,
                Err(error) => return Err(error.into()),
            }
            (self.progress)(self.group.position, self.target);
        }
        Ok(())
    }
}
