//! Checks that the checkpoints belong to this topic: it may have been deleted and recreated.

use super::apply::Applier;
use super::doubt;
use crate::ProjectorError;
use event_store::RecordedEvent;
use read_model::write::partitions::Mark;
use relay::consumer::Page;
use relay::partition_of;
use relay::wire::Content;

/// Whether a page holds other records at the offsets of records that a projection has applied. An event in the wrong
/// partition proves nothing. If the log can be read, other events count if the log holds them, because positions then
/// include parked events. Without the log, only the `first` page is checked, and parked events prove nothing either.
pub(super) async fn is_another_topic(
    applier: &Applier,
    page: &Page,
    first: bool,
) -> Result<bool, ProjectorError> {
    let subscriptions = applier.subscriptions();
    let marks: Vec<Mark> = match applier.log() {
        Some(_) => subscriptions.marks(page.partition).collect(),
        None if first => subscriptions.slowest(page.partition).into_iter().collect(),
        None => Vec::new(),
    };
    let read = marks.iter().map(|mark| mark.next_offset).max().unwrap_or(0);
    for record in page.records.iter().take_while(|record| record.offset < read) {
        let contradicts = |position: u64| {
            marks.iter().any(|its| record.offset < its.next_offset && position > its.position)
        };
        let proves = match &record.content {
            Content::Event(event) if contradicts(event.position) => {
                proves(applier, event, page.partition).await?
            }
            Content::Mark(position) => contradicts(*position),
            Content::Event(_) | Content::Poison(_) => false,
        };
        if proves {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn proves(
    applier: &Applier,
    event: &RecordedEvent,
    partition: i32,
) -> Result<bool, ProjectorError> {
    if partition_of(event.partition_key, applier.topic().partitions) != partition {
        return Ok(false);
    }
    match applier.log() {
        Some(log) => doubt::holds(log, event).await,
        None => Ok(!applier.subscriptions().have_parked(event.stream)),
    }
}
