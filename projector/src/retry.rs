//! Folding parked events again, once this build can: in order, in the same kind of transaction as live batches.
//!
//! The projection gets a new generation number in that transaction, so that a running projector, which knows the
//! streams as parked, loses its next compare-and-set and reloads.

use crate::ProjectorError;
use crate::decoded::{Decoded, Fact};
use crate::group::Member;
use crate::parking::{self, Faulty};
use crate::points;
use crate::projection::{Projection, Streams};
use crate::refused::{Fence, Share};
use crate::registry::Registry;

use event_store::{StreamId, StreamType};
use read_model::ReadModel;
use read_model::write::{Tables, WriteTx};
use server::clock;
use std::collections::HashSet;

/// Parked events tried in one transaction.
const PAGE: u32 = 500;

/// The result of a retry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryReport {
    /// Events that were folded into the rows.
    pub folded: u64,
    /// Events that stay parked.
    pub parked: u64,
}

/// Folds the parked events of these projections.
///
/// # Errors
/// When a rebuild is under way (it folds everything in any case), or the storage refuses.
pub async fn retry_parked(
    registry: &Registry,
    model: &ReadModel,
    projections: &[&'static Projection],
) -> Result<RetryReport, ProjectorError> {
    let mut report = RetryReport::default();
    for projection in projections {
        let mut after = 0;
        let mut failed = HashSet::new();
        loop {
            let page = retry_page(registry, model, projection, after, &mut failed).await?;
            report.folded += page.folded;
            report.parked += page.parked;
            match page.last {
                Some(last) => after = last,
                None => break,
            }
        }
        tracing::info!(
            projection = projection.name,
            folded = report.folded,
            "parked streams retried"
        );
    }
    Ok(report)
}

struct RetriedPage {
    folded: u64,
    parked: u64,
    last: Option<u64>,
}

/// Retries a page of parked events. If the database refuses its rows, the streams at fault stay parked.
async fn retry_page(
    registry: &Registry,
    model: &ReadModel,
    projection: &'static Projection,
    after: u64,
    failed: &mut HashSet<StreamId>,
) -> Result<RetriedPage, ProjectorError> {
    match try_page(registry, model, projection, after, failed, Faulty::new()).await {
        Err(refused) if refused.is_refusal() => {
            let faulty = faulty(registry, model, projection, after, failed).await?;
            try_page(registry, model, projection, after, failed, faulty).await
        }
        done => done,
    }
}

/// The streams whose rows the database still refuses.
async fn faulty(
    registry: &Registry,
    model: &ReadModel,
    projection: &'static Projection,
    after: u64,
    failed: &HashSet<StreamId>,
) -> Result<Faulty, ProjectorError> {
    let mut tx = model.begin_write().await?;
    let Some(generation) = generation(&mut tx, projection).await? else { return Ok(Faulty::new()) };
    let parked = parked_events(registry, &mut tx, projection, generation, after).await?;
    tx.try_out().await?;
    let share = Share {
        model,
        projection,
        generation,
        tables: Tables::Live,
        parked: failed.iter().copied().chain(parked.broken).collect(),
        events: parked.events.iter().collect(),
        fence: Fence::Live,
        now: clock::now().timestamp_micros(),
    };
    share.faulty().await
}

/// Parked events of one page.
struct Parked {
    /// The events that this build can try.
    events: Vec<Decoded>,
    /// Positions of the events that it cannot try: their stream type is unknown, or they cannot be read back.
    unknown: Vec<u64>,
    /// Streams with an event that cannot be read back: their later events stay parked, too.
    broken: Vec<StreamId>,
}

impl Parked {
    fn last(&self) -> Option<u64> {
        let last = self.events.last().map(|event| event.recorded.position);
        last.max(self.unknown.last().copied())
    }
}

async fn parked_events(
    registry: &Registry,
    tx: &mut WriteTx,
    projection: &'static Projection,
    generation: u64,
    after: u64,
) -> Result<Parked, ProjectorError> {
    let mut parked = Parked { events: Vec::new(), unknown: Vec::new(), broken: Vec::new() };
    for (position, (stream_type, id), json) in
        tx.parked_events(projection.name, generation, after, PAGE).await?
    {
        match parking::event(&json).map(|event| registry.decode(event)) {
            Ok(event) if is_known(projection, &event) => parked.events.push(event),
            Ok(_) => parked.unknown.push(position),
            Err(error) => {
                let projection = projection.name;
                tracing::error!(projection, event.position = position, %error, "the event stays parked");
                parked.unknown.push(position);
                parked.broken.extend(StreamType::parse(&stream_type).map(|its| its.stream(id)));
            }
        }
    }
    Ok(parked)
}

fn is_known(projection: &Projection, event: &Decoded) -> bool {
    match projection.streams {
        Streams::All => true,
        Streams::Of(types) => {
            types.contains(&event.recorded.stream.stream_type)
                && !matches!(event.fact, Fact::Foreign)
        }
    }
}

async fn try_page(
    registry: &Registry,
    model: &ReadModel,
    projection: &'static Projection,
    after: u64,
    failed: &mut HashSet<StreamId>,
    faulty: Faulty,
) -> Result<RetriedPage, ProjectorError> {
    points::reach("views: retry").await?;
    let mut tx = model.begin_write().await?;
    let generation = generation(&mut tx, projection).await?;
    let Some(generation) = generation else {
        return Ok(RetriedPage { folded: 0, parked: 0, last: None });
    };
    let page = parked_events(registry, &mut tx, projection, generation, after).await?;
    let last = page.last();
    failed.extend(&page.broken);
    let mut member = Member::retrying(projection, generation, failed.clone());
    member.expect_refusal(faulty);
    let events: Vec<&Decoded> = page.events.iter().collect();
    let still = member.fold(&events, model, clock::now().timestamp_micros()).await?;
    let still: HashSet<u64> = still.into_iter().map(|row| row.position).collect();
    let tables = member.tables;
    let changes = member.take_copies(&events);
    let positions = events.iter().map(|event| event.recorded.position);
    let folded: Vec<u64> = positions.filter(|position| !still.contains(position)).collect();
    let parked = (still.len() + page.unknown.len()) as u64;
    if !folded.is_empty() {
        changes.write(&mut tx, tables).await?;
        tx.unpark(projection.name, generation, &folded).await?;
        points::half_way("views: retried").await;
        tx.commit(last.unwrap_or(after)).await?;
    }
    *failed = member.into_parked();
    Ok(RetriedPage { folded: folded.len() as u64, parked, last })
}

/// The live generation; `None` if the catalog does not have the projection.
async fn generation(
    tx: &mut WriteTx,
    projection: &'static Projection,
) -> Result<Option<u64>, ProjectorError> {
    if tx.rebuilds().await?.iter().any(|rebuild| rebuild.name == projection.name) {
        return Err(ProjectorError::Refused(format!(
            "{} is being rebuilt, which folds its parked streams again; retry when that is done",
            projection.name
        )));
    }
    let catalog = tx.catalog().await?;
    let entry = catalog.into_iter().find(|entry| entry.name == projection.name);
    if let Some(entry) = &entry
        && entry.version != projection.version
    {
        return Err(ProjectorError::Refused(format!(
            "the rows of {} are of version {}, this build's of {}; rebuild it instead",
            projection.name, entry.version, projection.version
        )));
    }
    Ok(entry.map(|entry| entry.generation))
}
