//! Folding parked events again, once this build can: in order, in the same kind of transaction as live batches.
//!
//! The projection gets a new generation number in that transaction, so that a running projector, which knows the
//! orders as parked, loses its next compare-and-set and reloads.

use crate::ProjectorError;
use crate::group::Member;
use crate::kind::Kind;
use crate::parking::{self, Faulty};
use crate::points;
use crate::refused::{Fence, Share};
use crate::source::Decoded;
use read_model::ReadModel;
use read_model::write::{Tables, WriteTx};
use server::clock;
use std::collections::HashSet;
use uuid::Uuid;

/// Parked events looked at in one transaction.
const PAGE: u32 = 500;

/// What came of a retry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryReport {
    /// Events that are in the rows now.
    pub folded: u64,
    /// Events that stay parked.
    pub parked: u64,
}

/// Folds what is parked of these projections.
///
/// # Errors
/// When a rebuild is under way (it folds everything anew anyway), or the storage refuses.
pub async fn retry_parked(
    model: &ReadModel,
    kinds: &[Kind],
) -> Result<RetryReport, ProjectorError> {
    let mut report = RetryReport::default();
    for kind in kinds {
        let mut after = 0;
        let mut failed = HashSet::new();
        loop {
            let page = retry_page(model, *kind, after, &mut failed).await?;
            report.folded += page.folded;
            report.parked += page.parked;
            match page.last {
                Some(last) => after = last,
                None => break,
            }
        }
        tracing::info!(projection = kind.name(), folded = report.folded, "parked orders retried");
    }
    Ok(report)
}

struct RetriedPage {
    folded: u64,
    parked: u64,
    last: Option<u64>,
}

/// A page; where the database refuses rows of it, without the orders at fault, which stay parked.
async fn retry_page(
    model: &ReadModel,
    kind: Kind,
    after: u64,
    failed: &mut HashSet<Uuid>,
) -> Result<RetriedPage, ProjectorError> {
    match try_page(model, kind, after, failed, Faulty::new()).await {
        Err(refused) if refused.is_refusal() => {
            let faulty = faulty(model, kind, after, failed).await?;
            try_page(model, kind, after, failed, faulty).await
        }
        done => done,
    }
}

/// Which orders' rows the database still refuses.
async fn faulty(
    model: &ReadModel,
    kind: Kind,
    after: u64,
    failed: &HashSet<Uuid>,
) -> Result<Faulty, ProjectorError> {
    let mut tx = model.begin_write().await?;
    let Some(generation) = generation(&mut tx, kind).await? else { return Ok(Faulty::new()) };
    let events = parked_events(&mut tx, kind, generation, after).await?;
    tx.try_out().await?;
    let share = Share {
        model,
        kind,
        generation,
        tables: Tables::Live,
        parked: failed.clone(),
        events: events.iter().collect(),
        fence: Fence::Live,
        now: clock::now().timestamp_micros(),
    };
    share.faulty().await
}

async fn parked_events(
    tx: &mut WriteTx,
    kind: Kind,
    generation: u64,
    after: u64,
) -> Result<Vec<Decoded>, ProjectorError> {
    let kept = tx.parked_events(kind.name(), generation, after, PAGE).await?;
    kept.iter().map(|(_, json)| Ok(Decoded::new(parking::event(json)?))).collect()
}

async fn try_page(
    model: &ReadModel,
    kind: Kind,
    after: u64,
    failed: &mut HashSet<Uuid>,
    faulty: Faulty,
) -> Result<RetriedPage, ProjectorError> {
    points::reach("views: retry").await?;
    let mut tx = model.begin_write().await?;
    let generation = generation(&mut tx, kind).await?;
    let Some(generation) = generation else {
        return Ok(RetriedPage { folded: 0, parked: 0, last: None });
    };
    let mut events = parked_events(&mut tx, kind, generation, after).await?;
    let last = events.last().map(|event| event.recorded.position);
    let positions: Vec<u64> = events.iter().map(|event| event.recorded.position).collect();
    let mut member = Member::retrying(kind, generation, failed.clone());
    member.expect_refusal(faulty);
    let folded: Vec<&Decoded> = events.iter().collect();
    let still = member.fold(&folded, model, clock::now().timestamp_micros()).await?;
    let still: HashSet<u64> = still.into_iter().map(|row| row.position).collect();
    let (changes, tables) = (member.take(&mut events), member.tables);
    let folded: Vec<u64> =
        positions.iter().copied().filter(|position| !still.contains(position)).collect();
    if !folded.is_empty() {
        changes.write(&mut tx, tables).await?;
        tx.unpark(kind.name(), generation, &folded).await?;
        points::half_way("views: retried").await;
        tx.commit(last.unwrap_or(after)).await?;
    }
    *failed = member.into_parked();
    Ok(RetriedPage { folded: folded.len() as u64, parked: still.len() as u64, last })
}

/// The live generation, unless the projection is not there.
async fn generation(tx: &mut WriteTx, kind: Kind) -> Result<Option<u64>, ProjectorError> {
    if tx.rebuilds().await?.iter().any(|rebuild| rebuild.name == kind.name()) {
        return Err(ProjectorError::Refused(format!(
            "{} is being rebuilt, which folds its parked orders anew; retry when that is done",
            kind.name()
        )));
    }
    let catalog = tx.catalog().await?;
    let entry = catalog.into_iter().find(|entry| entry.name == kind.name());
    if let Some(entry) = &entry
        && entry.version != kind.version()
    {
        return Err(ProjectorError::Refused(format!(
            "the rows of {} are of version {}, this build's of {}; rebuild it instead",
            kind.name(),
            entry.version,
            kind.version()
        )));
    }
    Ok(entry.map(|entry| entry.generation))
}
