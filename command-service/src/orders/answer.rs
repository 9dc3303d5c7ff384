//! The answer to an accepted order command.

use crate::http::{Done, EventAnswer};
use domain::order::OrderAggregate;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

/// The answer to an accepted command.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "order_id": "0190d3c4-7b5e-7cc1-9d5e-0c9f6a3b1e10", "version": 1, "position": 1042, "status": "placed",
    "events": [{"event_id": "0190d3c4-7b60-7a41-8a0e-5d2b7f1c9a01", "type": "OrderPlaced", "version": 1,
        "position": 1042}]
}))]
pub struct CommandAnswer<'a> {
    /// The order.
    pub order_id: Uuid,
    /// Its version after the command.
    pub version: u64,
    /// Place of the command's last event in the log; the end of the log if there was none.
    pub position: u64,
    /// The order's status after the command.
    #[schema(pattern = "^(draft|placed|confirmed|completed|cancelled|discarded)$")]
    pub status: Cow<'a, str>,
    /// What was appended; empty if the fact was already recorded.
    pub events: Vec<EventAnswer<'a>>,
    /// Present and true if nothing was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = bool)]
    pub dry_run: Option<bool>,
    /// Only in a dry run: the order as it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Object)]
    pub order: Option<Box<RawValue>>,
}

impl<'a> CommandAnswer<'a> {
    /// The answer to an accepted command.
    pub fn of(done: Done<'a, OrderAggregate>) -> Self {
        Self {
            order_id: done.accepted.id,
            version: done.accepted.version,
            position: done.accepted.position(),
            status: Cow::Borrowed(&done.accepted.status),
            events: done.events(),
            dry_run: done.dry_run(),
            order: done.preview,
        }
    }
}

/// The answer of every command on an order that exists.
#[derive(IntoResponses)]
#[response(status = 200, description = "Done, or already recorded.", headers(
    ("ETag" = String, description = "The order's version."),
    ("Consistency-Token" = u64, description = "Position to wait for when reading."),
    ("Idempotent-Replayed" = bool, description = "The answer was given before."),
))]
#[allow(dead_code)] // the document of answers that handlers write themselves
pub struct Changed(CommandAnswer<'static>);
