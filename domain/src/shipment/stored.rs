//! The stored form of a shipment's events: explicit names, schema versions, members as JSON.
//!
//! A stored event is never rewritten. Members that this build does not know are ignored, so an event may gain one without
//! a new version.

use super::ShipmentEvent;
use crate::payloads::{Empty, json, read, require_known};
use crate::{DecodeError, EncodedEvent};

/// Every stored name with its newest schema version.
pub const EVENT_TYPES: [(&str, u16); 18] = [
    ("ShipmentPlanned", 1),
    ("ShipmentBooked", 1),
    ("BookingRefused", 1),
    ("ShipmentRebooked", 1),
    ("TrackingAssigned", 1),
    ("ShipmentDispatched", 1),
    ("ShipmentTracked", 1),
    ("ShipmentArrived", 1),
    ("ShipmentReturned", 1),
    ("DeliveryFailed", 1),
    ("CancellationRequested", 1),
    ("ShipmentCancelled", 1),
    ("CancellationRefused", 1),
    ("StrayBookingFound", 1),
    ("StrayBookingClosed", 1),
    ("CallFailed", 1),
    ("ShipmentStuck", 1),
    ("CallRetried", 1),
];

impl ShipmentEvent {
    /// The explicit stored name.
    pub const fn stored_name(&self) -> &'static str {
        match self {
            Self::ShipmentPlanned(_) => "ShipmentPlanned",
            Self::ShipmentBooked(_) => "ShipmentBooked",
            Self::BookingRefused(_) => "BookingRefused",
            Self::ShipmentRebooked(_) => "ShipmentRebooked",
            Self::TrackingAssigned(_) => "TrackingAssigned",
            Self::ShipmentDispatched => "ShipmentDispatched",
            Self::ShipmentTracked => "ShipmentTracked",
            Self::ShipmentArrived => "ShipmentArrived",
            Self::ShipmentReturned => "ShipmentReturned",
            Self::DeliveryFailed(_) => "DeliveryFailed",
            Self::CancellationRequested(_) => "CancellationRequested",
            Self::ShipmentCancelled(_) => "ShipmentCancelled",
            Self::CancellationRefused => "CancellationRefused",
            Self::StrayBookingFound(_) => "StrayBookingFound",
            Self::StrayBookingClosed(_) => "StrayBookingClosed",
            Self::CallFailed(_) => "CallFailed",
            Self::ShipmentStuck(_) => "ShipmentStuck",
            Self::CallRetried(_) => "CallRetried",
        }
    }
}

/// The stored form of an event. Every event is still in its first version.
pub(super) fn encode(event: &ShipmentEvent) -> EncodedEvent {
    let payload = match event {
        ShipmentEvent::ShipmentPlanned(members) => json(members),
        ShipmentEvent::ShipmentBooked(members) => json(members),
        ShipmentEvent::BookingRefused(members) => json(members),
        ShipmentEvent::ShipmentRebooked(members) => json(members),
        ShipmentEvent::TrackingAssigned(members) => json(members),
        ShipmentEvent::ShipmentDispatched
        | ShipmentEvent::ShipmentTracked
        | ShipmentEvent::ShipmentArrived
        | ShipmentEvent::ShipmentReturned
        | ShipmentEvent::CancellationRefused => json(&Empty {}),
        ShipmentEvent::DeliveryFailed(members) => json(members),
        ShipmentEvent::CancellationRequested(members) => json(members),
        ShipmentEvent::ShipmentCancelled(members) => json(members),
        ShipmentEvent::StrayBookingFound(members) => json(members),
        ShipmentEvent::StrayBookingClosed(members) => json(members),
        ShipmentEvent::CallFailed(members) => json(members),
        ShipmentEvent::ShipmentStuck(members) => json(members),
        ShipmentEvent::CallRetried(members) => json(members),
    };
    EncodedEvent { event_type: event.stored_name(), schema_version: 1, payload }
}

/// Reads a stored event.
pub(super) fn decode(
    event_type: &str,
    version: u16,
    payload: &[u8],
) -> Result<ShipmentEvent, DecodeError> {
    use ShipmentEvent as E;
    require_known(&EVENT_TYPES, event_type, version)?;
    let empty = |event| read::<Empty>(event_type, payload).map(|Empty {}| event);
    match event_type {
        "ShipmentPlanned" => read(event_type, payload).map(E::ShipmentPlanned),
        "ShipmentBooked" => read(event_type, payload).map(E::ShipmentBooked),
        "BookingRefused" => read(event_type, payload).map(E::BookingRefused),
        "ShipmentRebooked" => read(event_type, payload).map(E::ShipmentRebooked),
        "TrackingAssigned" => read(event_type, payload).map(E::TrackingAssigned),
        "ShipmentDispatched" => empty(E::ShipmentDispatched),
        "ShipmentTracked" => empty(E::ShipmentTracked),
        "ShipmentArrived" => empty(E::ShipmentArrived),
        "ShipmentReturned" => empty(E::ShipmentReturned),
        "DeliveryFailed" => read(event_type, payload).map(E::DeliveryFailed),
        "CancellationRequested" => read(event_type, payload).map(E::CancellationRequested),
        "ShipmentCancelled" => read(event_type, payload).map(E::ShipmentCancelled),
        "CancellationRefused" => empty(E::CancellationRefused),
        "StrayBookingFound" => read(event_type, payload).map(E::StrayBookingFound),
        "StrayBookingClosed" => read(event_type, payload).map(E::StrayBookingClosed),
        "CallFailed" => read(event_type, payload).map(E::CallFailed),
        "ShipmentStuck" => read(event_type, payload).map(E::ShipmentStuck),
        "CallRetried" => read(event_type, payload).map(E::CallRetried),
        unknown => Err(DecodeError::UnknownType(unknown.to_owned())),
    }
}
