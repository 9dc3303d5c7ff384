//! The facts of a shipment, with the members that are stored. Stored names and versions are in `stored`.

use super::{Call, ShipmentPlan};
use crate::call::CallFailure;
use crate::{Label, Reason, Reference, Timestamp};
use serde::{Deserialize, Serialize};

/// A fact about a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShipmentEvent {
    /// A parcel is to be sent; a carrier is asked to book it.
    ShipmentPlanned(Box<ShipmentPlan>),
    /// The carrier expects the parcel.
    ShipmentBooked(Booked),
    /// The carrier does not take the parcel.
    BookingRefused(Refused),
    /// A person asks another carrier. If the booking before is in doubt, its cancellation is owed.
    ShipmentRebooked(Rebooked),
    /// The number for tracking became known after the booking.
    TrackingAssigned(TrackingAssigned),
    /// The parcel has left: from here on, only forward.
    ShipmentDispatched,
    /// The carrier has seen the parcel on its way.
    ShipmentTracked,
    /// The parcel has arrived.
    ShipmentArrived,
    /// The parcel has come back.
    ShipmentReturned,
    /// The carrier could not deliver the parcel, or called it off on its way.
    DeliveryFailed(Failed),
    /// The booking is to be cancelled.
    CancellationRequested(CancellationRequested),
    /// No parcel leaves. If a booking is in doubt, its cancellation is owed.
    ShipmentCancelled(Cancelled),
    /// The parcel had left before the booking was cancelled.
    CancellationRefused,
    /// A carrier has a booking that is not the one that counts; its cancellation is owed.
    StrayBookingFound(Stray),
    /// Nothing of such a booking is left to cancel.
    StrayBookingClosed(StrayClosed),
    /// A try of a call failed.
    CallFailed(CallFailed),
    /// A call waits for a person.
    ShipmentStuck(Stuck),
    /// A person set every stuck call going again.
    CallRetried(CallRetried),
}

/// See [`ShipmentEvent::ShipmentBooked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// Which of the shipment's bookings, from 1.
    pub booking: u32,
    /// The carrier's id.
    pub carrier_id: Reference,
    /// The number for tracking, if there is one already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Label>,
}

/// See [`ShipmentEvent::BookingRefused`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which of the shipment's bookings, from 1.
    pub booking: u32,
    /// Why, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Reference>,
}

/// See [`ShipmentEvent::ShipmentRebooked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebooked {
    /// Who decided it.
    pub by: Label,
    /// Who is asked.
    pub carrier: Reference,
    /// The number of the new booking.
    pub booking: u32,
}

/// See [`ShipmentEvent::TrackingAssigned`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingAssigned {
    /// The number.
    pub tracking: Label,
}

/// See [`ShipmentEvent::DeliveryFailed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Why, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Reference>,
}

/// See [`ShipmentEvent::CancellationRequested`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancellationRequested {
    /// Why.
    pub reason: Reason,
}

/// See [`ShipmentEvent::ShipmentCancelled`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Who wanted it.
    pub by: CancelledBy,
    /// Why; a cancellation that was requested before has its reason there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Who wanted a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// Whoever gave the command.
    Request,
    /// The carrier, unasked.
    Carrier,
}

/// A booking at a carrier that is not the one that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// Under which of the shipment's bookings it was made.
    pub booking: u32,
    /// The carrier's id.
    pub carrier_id: Reference,
}

/// See [`ShipmentEvent::StrayBookingClosed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrayClosed {
    /// Under which of the shipment's bookings it was made, or might have been.
    pub booking: u32,
    /// The carrier's id, if there ever was a booking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_id: Option<Reference>,
}

/// See [`ShipmentEvent::CallFailed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFailed {
    /// Which call.
    pub call: Call,
    /// Which try of it, from 1.
    pub attempt: u32,
    /// How it failed.
    pub class: CallFailure,
    /// When the next try is due.
    #[serde(with = "crate::order::document::micros")]
    pub retry_at: Timestamp,
}

/// See [`ShipmentEvent::ShipmentStuck`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// Which call.
    pub call: Call,
    /// Why the carrier refuses it; `None` after too many failed tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Reference>,
}

/// See [`ShipmentEvent::CallRetried`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRetried {
    /// Who decided it.
    pub by: Label,
}
