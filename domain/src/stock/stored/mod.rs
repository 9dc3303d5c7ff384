//! The stored form of the events: explicit names and schema versions. The names are unique across the three types of
//! stream.
//!
//! A stored event is never rewritten. When an event's format changes, its version here rises by one, and an upcaster
//! lifts the version before, as orders' events do. Members that this build does not know are ignored, so an event may
//! gain one without a new version.

mod items;
mod reservations;

use super::StockEvent;
use crate::payloads::{json, parse as read};
use crate::{DecodeError, EncodedEvent};
use items::{Adjusted, Given, Held, Moved, Received, Returned, Shortfall};
use reservations::{Committed, Expired, Firmed, Made, Refused, Released};
use std::borrow::Cow;

/// Every stored name with its newest schema version.
pub const EVENT_TYPES: [(&str, u16); 14] = [
    ("StockReceived", 1),
    ("StockAdjusted", 1),
    ("StockReturned", 1),
    ("StockReserved", 1),
    ("StockReleased", 1),
    ("StockCommitted", 1),
    ("StockShortfallFound", 1),
    ("MovementRecorded", 1),
    ("ReservationMade", 1),
    ("ReservationRefused", 1),
    ("ReservationFirmed", 1),
    ("ReservationReleased", 1),
    ("ReservationExpired", 1),
    ("ReservationCommitted", 1),
];

impl StockEvent {
    /// The explicit stored name.
    pub const fn stored_name(&self) -> &'static str {
        match self {
            Self::StockReceived { .. } => "StockReceived",
            Self::StockAdjusted { .. } => "StockAdjusted",
            Self::StockReturned { .. } => "StockReturned",
            Self::StockReserved { .. } => "StockReserved",
            Self::StockReleased { .. } => "StockReleased",
            Self::StockCommitted { .. } => "StockCommitted",
            Self::StockShortfallFound { .. } => "StockShortfallFound",
            Self::MovementRecorded(_) => "MovementRecorded",
            Self::ReservationMade { .. } => "ReservationMade",
            Self::ReservationRefused { .. } => "ReservationRefused",
            Self::ReservationFirmed => "ReservationFirmed",
            Self::ReservationReleased { .. } => "ReservationReleased",
            Self::ReservationExpired { .. } => "ReservationExpired",
            Self::ReservationCommitted { .. } => "ReservationCommitted",
        }
    }
}

fn newest_version(event_type: &str) -> Option<u16> {
    EVENT_TYPES.iter().find(|(name, _)| *name == event_type).map(|(_, version)| *version)
}

/// The stored form of an event, in its newest version.
pub(super) fn encode(event: &StockEvent) -> EncodedEvent {
    let event_type = event.stored_name();
    let payload = match event {
        StockEvent::StockReceived { product_id, warehouse, movement_id, quantity } => {
            json(&Received::of(product_id, warehouse, *movement_id, *quantity))
        }
        StockEvent::StockAdjusted { product_id, warehouse, movement_id, delta, reason } => {
            json(&Adjusted::of(product_id, warehouse, *movement_id, *delta, reason))
        }
        StockEvent::StockReturned { product_id, warehouse, movement_id, quantity, restocked } => {
            json(&Returned::of(product_id, warehouse, *movement_id, *quantity, *restocked))
        }
        StockEvent::StockReserved { product_id, warehouse, reservation_id, quantity }
        | StockEvent::StockCommitted { product_id, warehouse, reservation_id, quantity } => {
            json(&Held::of(product_id, warehouse, *reservation_id, *quantity))
        }
        StockEvent::StockReleased { product_id, warehouse, reservation_id, quantity, why } => {
            json(&Given::of(product_id, warehouse, *reservation_id, *quantity, *why))
        }
        StockEvent::StockShortfallFound { product_id, warehouse, available } => {
            json(&Shortfall::of(product_id, warehouse, *available))
        }
        StockEvent::MovementRecorded(movement) => json(&Moved::of(movement)),
        StockEvent::ReservationMade { reservation_id, order_id, lines, wanted, expires_at } => {
            json(&Made::of(*reservation_id, *order_id, lines, wanted, *expires_at))
        }
        StockEvent::ReservationRefused { reservation_id, order_id, wanted, short } => {
            json(&Refused::of(*reservation_id, *order_id, wanted, short))
        }
        StockEvent::ReservationFirmed => json(&Firmed {}),
        StockEvent::ReservationReleased { why, lines } => json(&Released::of(why.as_ref(), lines)),
        StockEvent::ReservationExpired { lines } => json(&Expired { lines: lines.into() }),
        StockEvent::ReservationCommitted { shipment, lines } => {
            json(&Committed::of(shipment.as_ref(), lines))
        }
    };
    let schema_version = newest_version(event_type).expect("every stored name is in EVENT_TYPES");
    EncodedEvent { event_type, schema_version, payload }
}

/// Reads a stored event.
pub(super) fn decode(
    event_type: &str,
    schema_version: u16,
    payload: &[u8],
) -> Result<StockEvent, DecodeError> {
    let newest = newest_version(event_type)
        .ok_or_else(|| DecodeError::UnknownType(event_type.to_owned()))?;
    if schema_version != newest {
        let event_type = event_type.to_owned();
        return Err(DecodeError::UnknownVersion { event_type, version: schema_version });
    }
    let event = match event_type {
        "StockReceived" => read::<Received>(payload).map(Received::into_event),
        "StockAdjusted" => read::<Adjusted>(payload).map(Adjusted::into_event),
        "StockReturned" => read::<Returned>(payload).map(Returned::into_event),
        "StockReserved" => read::<Held>(payload).map(Held::into_reserved),
        "StockReleased" => read::<Given>(payload).map(Given::into_event),
        "StockCommitted" => read::<Held>(payload).map(Held::into_committed),
        "StockShortfallFound" => read::<Shortfall>(payload).map(Shortfall::into_event),
        "MovementRecorded" => read::<Moved>(payload).map(Moved::into_event),
        "ReservationMade" => read::<Made>(payload).map(Made::into_event),
        "ReservationRefused" => read::<Refused>(payload).map(Refused::into_event),
        "ReservationFirmed" => {
            read::<Firmed>(payload).map(|Firmed {}| StockEvent::ReservationFirmed)
        }
        "ReservationReleased" => read::<Released>(payload).map(Released::into_event),
        "ReservationExpired" => read::<Expired>(payload).map(|Expired { lines }| {
            StockEvent::ReservationExpired { lines: Cow::into_owned(lines) }
        }),
        "ReservationCommitted" => read::<Committed>(payload).map(Committed::into_event),
        unknown => return Err(DecodeError::UnknownType(unknown.to_owned())),
    };
    event.map_err(|detail| DecodeError::Malformed { event_type: event_type.to_owned(), detail })
}
