//! The order document: an order as JSON (`GET /v1/orders/{id}`, and `order` in a dry run).
//!
//! A pure function of the state. The projector uses it to write rows, the query service after a replay, and the command
//! service for dry runs, so the three cannot differ. [`restore`] is its inverse, as far as later folding needs it.

mod members;
pub mod micros;

use super::Order;
use crate::{Note, Timestamp};
use members::{Document, NoteMembers};
use std::borrow::Cow;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

/// The size of an order without lines, about.
const TYPICAL_BYTES: usize = 1_024;
/// The size of a line, about.
const LINE_BYTES: usize = 128;

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
        serde_json::to_string(&NoteMembers::from(self)).expect("a note has string keys")
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
        let mut json = Vec::with_capacity(TYPICAL_BYTES + LINE_BYTES * self.order.lines.len());
        serde_json::to_writer(&mut json, &Document::of(self))
            .expect("documents have string keys and a Vec takes every byte");
        json
    }
}

/// The schema of the members that it writes.
impl PartialSchema for OrderDocument<'_> {
    fn schema() -> RefOr<Schema> {
        Document::schema()
    }
}

impl ToSchema for OrderDocument<'_> {
    fn name() -> Cow<'static, str> {
        Document::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Document::schemas(schemas);
    }
}

/// Reads an order document back into its state and its notes.
///
/// The document lacks only the ids of lines that were added and removed again. So `next_line_id` is one above the
/// highest remaining line: enough for folding, not for deciding.
///
/// # Errors
/// When the JSON is not an order document.
pub fn restore(json: &[u8]) -> Result<(Order, Vec<NoteEntry>), serde_json::Error> {
    serde_json::from_slice::<Document<'_>>(json)?.read()
}
