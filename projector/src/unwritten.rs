//! The pure half of projecting, for measurements: decode and fold a batch with every projection, read and write nothing.

use crate::ProjectorError;
use crate::kind::Kind;
use crate::projections::{Changes, Fold, Pace};
use crate::source::Decoded;
use event_store::RecordedEvent;

/// Decodes a batch and folds it with every projection, as if into empty tables; how many events became history. The
/// rows are made and thrown away.
///
/// # Errors
/// When an event cannot be folded.
pub fn fold_unwritten(events: Vec<RecordedEvent>) -> Result<usize, ProjectorError> {
    let mut events: Vec<Decoded> = events.into_iter().map(Decoded::new).collect();
    let mut history = 0;
    for kind in Kind::ALL {
        let mut fold = Fold::new(kind, Pace::Bulk);
        for event in &events {
            fold.apply(event).map_err(|poison| ProjectorError::Parked(poison.0))?;
        }
        let changes = std::hint::black_box(fold.take(&mut events));
        if let Changes::History(rows) = &changes {
            history = rows.len();
        }
    }
    Ok(history)
}
