//! The pure half of projecting, for measurements: decode and fold a batch with every projection, read and write nothing.

use crate::ProjectorError;
use crate::decoded::Decoded;
use crate::projection::Pace;
use crate::registry::Registry;
use event_store::RecordedEvent;

/// Decodes a batch and folds it with every projection of the registry, as if into empty tables. Returns how many events were
/// kept as rows; the rows are dropped.
///
/// # Errors
/// When an event cannot be folded.
pub fn fold_unwritten(
    registry: &Registry,
    events: Vec<RecordedEvent>,
) -> Result<usize, ProjectorError> {
    let mut events: Vec<Decoded> = events.into_iter().map(|event| registry.decode(event)).collect();
    let mut kept = 0;
    for projection in registry.projections() {
        let mut fold = (projection.fold)(Pace::Bulk);
        for event in &events {
            fold.apply(event).map_err(|poison| ProjectorError::Parked(poison.0))?;
        }
        let mut own = Vec::new();
        if projection.keeps_events {
            std::mem::swap(&mut own, &mut events);
            kept += own.len();
        }
        std::hint::black_box(fold.take(own));
    }
    Ok(kept)
}
