//! Verifying the views: fold the log afresh into a read model of its own, compare row by row.
//!
//! The live side is read under one snapshot, so a running projector disturbs nothing; the fresh side is folded exactly
//! to each projection's position in that snapshot. Every stream passes through the domain's fold on the way: an event
//! that does not fit is a defect of the log.

use crate::ProjectorError;
use crate::flush::{Advance, flush};
use crate::group::{Group, Member};
use crate::kind::Kind;
use crate::source::Source;
use read_model::write::Tables;
use read_model::{Access, ReadModel};
use server::clock;

/// Events in one page of the fresh fold.
const PAGE: usize = 4_000;
/// Differences told of each table.
const MAX_DIFFERENCES: usize = 10;
/// Defects told of each projection.
const MAX_DEFECTS: u32 = 10;

/// What verifying found.
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
}

impl ViewsReport {
    /// Nothing was found.
    pub fn is_sound(&self) -> bool {
        self.differences.is_empty() && self.unfoldable.is_empty()
    }
}

/// Folds the log into a fresh read model at `scratch` (a path that does not exist yet; removed by the caller) and
/// compares. `progress` is told (position, target) now and then.
///
/// # Errors
/// When a storage refuses; what is wrong with the views is in the report.
pub async fn verify_views(
    source: &Source,
    model: &ReadModel,
    scratch: &std::path::Path,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<ViewsReport, ProjectorError> {
    let fresh =
        ReadModel::open(&format!("sqlite://{}", scratch.display()), Access::ReadWrite).await?;
    let mut snapshot = model.snapshot().await?;
    let positions = snapshot.positions().await?;
    let mut report = ViewsReport { differences: missing(&positions), ..ViewsReport::default() };
    fold(source, &fresh, &positions, &mut report, &mut progress).await?;
    let mut other = fresh.snapshot().await?;
    for kind in followed(&positions) {
        for table in kind.0.tables() {
            let (rows, found) = snapshot.compare(&mut other, table, MAX_DIFFERENCES).await?;
            report.rows += rows;
            report.differences.extend(found.into_iter().map(|difference| {
                let (projection, key) = (kind.0.name(), difference.key);
                format!("{projection}: {table} {key}: {}", difference.what)
            }));
        }
    }
    drop(other);
    fresh.close().await;
    Ok(report)
}

/// A line for every projection that the catalog should have and does not.
fn missing(positions: &[(String, u64)]) -> Vec<String> {
    let known = |kind: &Kind| positions.iter().any(|(name, _)| name == kind.name());
    let absent = Kind::ALL.into_iter().filter(|kind| !known(kind));
    absent.map(|kind| format!("{}: the projection is not in the catalog", kind.name())).collect()
}

/// The projections of the catalog that this build knows, with their positions.
fn followed(positions: &[(String, u64)]) -> impl Iterator<Item = (Kind, u64)> {
    positions.iter().filter_map(|(name, position)| Some((Kind::from_name(name)?, *position)))
}

/// Folds every projection up to its position.
async fn fold(
    source: &Source,
    fresh: &ReadModel,
    positions: &[(String, u64)],
    report: &mut ViewsReport,
    progress: &mut (impl FnMut(u64, u64) + Send),
) -> Result<(), ProjectorError> {
    let now = clock::now().timestamp_micros();
    let mut targets: Vec<u64> = followed(positions).map(|(_, position)| position).collect();
    targets.sort_unstable();
    targets.dedup();
    let last = targets.last().copied().unwrap_or(0);
    let mut members = Vec::new();
    for (kind, _) in followed(positions) {
        fresh.register(kind.name(), kind.version(), now).await?;
        members.push((0, Member::load(kind, 1, Tables::Live, fresh).await?));
    }
    let Some(mut group) = Group::sort(members, source).pop() else { return Ok(()) };
    for target in targets {
        report.events += fold_to(target, &mut group, fresh, |at| progress(at, last)).await?;
        // Those that stand here in the snapshot are done.
        let done =
            |kind: Kind| followed(positions).any(|(other, at)| other == kind && at <= target);
        group.members.retain(|member| !done(member.kind));
    }
    for (kind, _) in followed(positions) {
        for (position, stream, version, reason) in
            fresh.parked_reasons(kind.name(), 1, MAX_DEFECTS).await?
        {
            report.unfoldable.push(format!(
                "position {position}, order {stream}, version {version}: {reason} ({})",
                kind.name()
            ));
        }
    }
    Ok(())
}

async fn fold_to(
    target: u64,
    group: &mut Group,
    fresh: &ReadModel,
    mut progress: impl FnMut(u64),
) -> Result<u64, ProjectorError> {
    let mut events = 0;
    while group.position < target {
        let room = usize::try_from(target - group.position).unwrap_or(usize::MAX);
        let page = group.reader.page(group.position, room.min(PAGE)).await?;
        if page.events.is_empty() {
            return Err(ProjectorError::Refused(format!(
                "the views stand at position {target}, but the log ends at {}: they belong to another log",
                group.position
            )));
        }
        group.reader.prefetch(page.to(), PAGE);
        events += page.events.len() as u64;
        let now = clock::now().timestamp_micros();
        let batch = group.fold(page, fresh, now).await?;
        flush(fresh.clone(), batch, Advance::Live(None), now).await?;
        group.committed(0);
        progress(group.position);
    }
    Ok(events)
}
