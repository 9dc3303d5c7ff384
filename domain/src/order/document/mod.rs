//! The order document: an order as JSON (`GET /v1/orders/{id}`, and `order` in a dry run).
//!
//! A pure function of the state. The projector uses it to write rows, the query service after a replay, and the command
//! service for dry runs, so the three cannot differ. [`restore`] is its inverse, as far as later folding needs it.

pub mod micros;
mod render;
mod restore;

use super::Order;
use crate::{Note, Timestamp};
use uuid::Uuid;

pub use restore::restore;

/// A note with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteEntry {
    /// The text.
    pub text: Note,
    /// When it was written.
    pub occurred_at: Timestamp,
}

impl NoteEntry {
    /// The JSON of one note, as in the order document's `notes`.
    pub fn to_json(&self) -> String {
        render::note(self)
    }
}

/// The order document, borrowed from its state. `notes` are passed separately, because the state does not keep them.
/// Without notes the member is exactly `"notes":[]`.
#[derive(Debug, Clone, Copy)]
pub struct OrderDocument<'a> {
    /// The stream's id.
    pub order_id: Uuid,
    /// The order's version.
    pub version: u64,
    /// The position of its last event.
    pub position: u64,
    /// The state.
    pub order: &'a Order,
    /// All notes, oldest first.
    pub notes: &'a [NoteEntry],
}

impl OrderDocument<'_> {
    /// The JSON, with its members in the documented order.
    pub fn to_json(&self) -> Vec<u8> {
        render::document(self)
    }
}
