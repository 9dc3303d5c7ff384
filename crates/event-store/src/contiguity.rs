//! Checks that a page of events has no hole before a reader gets it.

use crate::{Position, RecordedEvent, StoreError, Version};

/// Refuses a page of the log that does not follow `after` without a gap.
pub(crate) fn check_positions(after: Position, events: &[RecordedEvent]) -> Result<(), StoreError> {
    match first_gap(after, events.iter().map(|event| event.position)) {
        Some(gap) => Err(StoreError::Corrupt(format!("position {gap} is missing"))),
        None => Ok(()),
    }
}

/// Refuses events of one stream that do not follow `after` without a gap.
pub(crate) fn check_versions(after: Version, events: &[RecordedEvent]) -> Result<(), StoreError> {
    let gap = first_gap(after, events.iter().map(|event| event.version));
    match (gap, events.first()) {
        (Some(gap), Some(RecordedEvent { stream, .. })) => Err(StoreError::Corrupt(format!(
            "{} {} version {gap} is missing",
            stream.stream_type, stream.id
        ))),
        _ => Ok(()),
    }
}

/// The first number after `after` that is missing although a later one is present.
fn first_gap(after: u64, places: impl Iterator<Item = u64>) -> Option<u64> {
    let mut expected = after;
    for place in places {
        expected += 1;
        if place != expected {
            return Some(expected);
        }
    }
    None
}
