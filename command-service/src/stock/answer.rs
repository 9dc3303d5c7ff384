//! The answers to accepted stock commands: one form for items, one for reservations.

use crate::http::{Done, EventAnswer};
use chrono::SecondsFormat;
use domain::Timestamp;
use domain::stock::{ReservationStatus, StockAggregate, StockState};
use event_store::Version;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

/// The answer to an accepted command on a reservation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "reservation_id": "0190d3c4-7b5e-7cc1-9d5e-0c9f6a3b1e10", "version": 1, "position": 1042, "status": "soft",
    "events": [{"event_id": "0190d3c4-7b60-7a41-8a0e-5d2b7f1c9a01", "type": "ReservationMade", "version": 1,
        "position": 1042}]
}))]
pub struct ReservationAnswer<'a> {
    /// The reservation.
    pub reservation_id: Uuid,
    #[serde(flatten)]
    outcome: Outcome<'a>,
    /// Only in a dry run: the reservation as it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Object)]
    pub reservation: Option<Box<RawValue>>,
}

/// The answer to an accepted command on one product in one warehouse.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "item_id": "c5b6f4ae-1d0e-8f2c-9a51-7e0c1f3a9b22", "version": 1, "position": 1042, "status": "in_stock",
    "events": [{"event_id": "0190d3c4-7b60-7a41-8a0e-5d2b7f1c9a01", "type": "StockReceived", "version": 1,
        "position": 1042}]
}))]
pub struct ItemAnswer<'a> {
    /// The product in that warehouse; derived from both ids.
    pub item_id: Uuid,
    #[serde(flatten)]
    outcome: Outcome<'a>,
    /// Only in a dry run: the item as it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Object)]
    pub item: Option<Box<RawValue>>,
}

/// What every answer says.
#[derive(Debug, Serialize, ToSchema)]
struct Outcome<'a> {
    /// The version after the command.
    version: u64,
    /// Place of the command's last event in the log; the end of the log if there was none.
    position: u64,
    /// The status after the command.
    status: Cow<'a, str>,
    /// What was appended to the named stream; empty if the fact was already recorded.
    events: Vec<EventAnswer<'a>>,
    /// Present and true if nothing was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = bool)]
    dry_run: Option<bool>,
}

/// The answer to an accepted command.
pub fn write(done: Done<'_, StockAggregate>) -> Vec<u8> {
    let (id, status) = (done.accepted.id, &done.accepted.status);
    let outcome = Outcome {
        version: done.accepted.version,
        position: done.accepted.position(),
        status: Cow::Borrowed(status),
        events: done.events(),
        dry_run: done.dry_run(),
    };
    let is_reservation = ReservationStatus::ALL.iter().any(|known| known.as_str() == *status);
    let answer = if is_reservation {
        let (reservation_id, reservation) = (id, done.preview);
        serde_json::to_vec(&ReservationAnswer { reservation_id, outcome, reservation })
    } else {
        let (item_id, item) = (id, done.preview);
        serde_json::to_vec(&ItemAnswer { item_id, outcome, item })
    };
    answer.expect("an answer holds only strings and integers")
}

/// The state after a dry run, in the form of its view. Only the view knows when a reservation was made.
pub fn state(state: &StockState, version: Version, at: Timestamp) -> Option<Box<RawValue>> {
    let updated_at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let shown = match state {
        StockState::Item(item) => json!({
            "product_id": item.product_id, "warehouse": item.warehouse, "status": item.status(),
            "on_hand": item.on_hand, "reserved": item.reserved, "available": item.available(),
            "committed_total": item.committed_total, "version": version, "updated_at": updated_at,
        }),
        StockState::Reservation(reservation) => json!({
            "reservation_id": reservation.reservation_id, "version": version,
            "status": reservation.status.as_str(), "order_id": reservation.order_id,
            "lines": reservation.lines, "wanted": reservation.wanted, "short": reservation.short,
            "expires_at": reservation.expires_at, "updated_at": updated_at,
        }),
        StockState::Absent | StockState::Movement(_) => return None,
    };
    Some(to_raw_value(&shown).expect("a state holds only strings and integers"))
}

/// The answer of every command on a reservation that exists.
#[derive(IntoResponses)]
#[response(status = 200, description = "Done, or already recorded.", headers(
    ("ETag" = String, description = "The reservation's version."),
    ("Consistency-Token" = u64, description = "Position to wait for when reading."),
    ("Idempotent-Replayed" = bool, description = "The answer was given before."),
))]
#[allow(dead_code)] // the document of answers that handlers write themselves
pub struct ReservationChanged(ReservationAnswer<'static>);

/// The answer of every command on an item.
#[derive(IntoResponses)]
#[response(status = 200, description = "Recorded, now or before.", headers(
    ("ETag" = String, description = "The item's version."),
    ("Consistency-Token" = u64, description = "Position to wait for when reading."),
    ("Idempotent-Replayed" = bool, description = "The answer was given before."),
))]
#[allow(dead_code)] // the document of answers that handlers write themselves
pub struct ItemChanged(ItemAnswer<'static>);
