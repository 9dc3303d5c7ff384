//! The log check: what the log holds of one partition between two positions. In doubt, the log decides.

use super::batch::Arrived;
use crate::ProjectorError;
use crate::decoded::Decoded;
use crate::source::Source;
use event_store::RecordedEvent;
use relay::partition_of;

/// The most positions that are searched for an event in doubt; above that it is parked without a search.
const MAX_SPAN: u64 = 100_000;
/// Events read from the log at once.
const PAGE: usize = 2_000;

/// The events of a partition above `floor`, up to `top`; `None` if these are too far apart.
pub(super) async fn truth(
    log: &Source,
    partition: i32,
    partitions: u32,
    floor: u64,
    top: u64,
) -> Result<Option<Vec<Decoded>>, ProjectorError> {
    let top = top.min(log.head().await?.position);
    if top.saturating_sub(floor) > MAX_SPAN {
        return Ok(None);
    }
    let (mut events, mut after) = (Vec::new(), floor);
    while after < top {
        let (found, to) = page(log, partition, partitions, after, top).await?;
        events.extend(found);
        after = to;
    }
    Ok(Some(events))
}

/// A page of these events, and the position up to which it is complete.
pub(super) async fn page(
    log: &Source,
    partition: i32,
    partitions: u32,
    after: u64,
    top: u64,
) -> Result<(Vec<Decoded>, u64), ProjectorError> {
    let room = usize::try_from(top - after).unwrap_or(usize::MAX);
    let feed = log.feed(after, room.min(PAGE)).await?;
    let Some(to) = feed.last().map(|event| event.position) else {
        return Err(ProjectorError::Gap { expected: after + 1, found: top });
    };
    let here =
        feed.into_iter().filter(|event| partition_of(event.partition_key, partitions) == partition);
    Ok((here.map(|event| log.registry().decode(event)).collect(), to))
}

/// Whether the log holds the same event at its position.
pub(super) async fn holds(log: &Source, event: &RecordedEvent) -> Result<bool, ProjectorError> {
    let found = log.feed(event.position.saturating_sub(1), 1).await?;
    let is_it = |found: &RecordedEvent| {
        (found.position, found.event_id) == (event.position, event.event_id)
    };
    Ok(found.first().is_some_and(is_it))
}

/// Events of the log, with the offsets of those that also arrived from the topic.
pub(super) fn located(events: Vec<Decoded>, arrived: &[Arrived]) -> Vec<Arrived> {
    let located = events.into_iter().map(|event| {
        let position = event.recorded.position;
        match arrived.binary_search_by_key(&position, Arrived::position) {
            Ok(index) => Arrived { offset: arrived[index].offset, event },
            Err(_) => Arrived::from_log(event),
        }
    });
    located.collect()
}
