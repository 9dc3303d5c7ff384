//! What follows from a carrier's words.
//!
//! A snapshot shows a whole booking, so one that shows a later state stands for those before. One that shows nothing new
//! yields no event: it came twice, or late.

use super::{Decision, leaves, refused};
use crate::Reference;
use crate::shipment::{
    Booked, Call, Cancelled, CancelledBy, CarrierSnapshot, CarrierState, Failed, MOST_STRAYS,
    Refused, Shipment, ShipmentEvent, ShipmentRejection, ShipmentStatus, Stray, StrayClosed,
    TrackingAssigned,
};

/// The code of a delivery that failed because the carrier called the parcel off.
const CANCELLED_BY_CARRIER: &str = "cancelled-by-carrier";

pub(super) fn observe(shipment: &Shipment, snapshot: &CarrierSnapshot) -> Decision {
    if !(1..=shipment.booking()).contains(&snapshot.booking) {
        return Err(ShipmentRejection::UnknownBooking);
    }
    if !counts(shipment, snapshot) {
        return stray(shipment, snapshot);
    }
    match shipment.status {
        ShipmentStatus::Planned | ShipmentStatus::BookingFailed => asked_for(shipment, snapshot),
        ShipmentStatus::Booked | ShipmentStatus::CancelRequested => expected(shipment, snapshot),
        ShipmentStatus::Dispatched | ShipmentStatus::DeliveryFailed => {
            Ok(under_way(shipment, snapshot))
        }
        ShipmentStatus::Delivered | ShipmentStatus::Returned | ShipmentStatus::Cancelled => {
            Ok(vec![])
        }
    }
}

/// Whether the snapshot is of the booking that counts. After a cancellation none can begin to count.
fn counts(shipment: &Shipment, snapshot: &CarrierSnapshot) -> bool {
    let latest = snapshot.booking == shipment.booking();
    latest
        && match (&shipment.carrier_id, &snapshot.carrier_id) {
            (Some(known), Some(shown)) => known == shown,
            (Some(_), None) => true,
            (None, _) => shipment.status != ShipmentStatus::Cancelled,
        }
}

/// The booking was asked for, and is not known to be made.
fn asked_for(shipment: &Shipment, snapshot: &CarrierSnapshot) -> Decision {
    let failed_before = shipment.status == ShipmentStatus::BookingFailed;
    match (snapshot.state, &snapshot.carrier_id) {
        (CarrierState::Booked, Some(carrier_id)) => Ok(vec![booked(snapshot, carrier_id)]),
        (CarrierState::Booked, None) => Err(ShipmentRejection::CarrierIdMissing),
        (CarrierState::Failed, None) | (CarrierState::Cancelled, _) if failed_before => Ok(vec![]),
        (CarrierState::Failed, None) => {
            let refused = Refused { booking: snapshot.booking, code: snapshot.refusal.clone() };
            Ok(vec![ShipmentEvent::BookingRefused(refused)])
        }
        (CarrierState::Cancelled, carrier_id) => {
            let made = carrier_id.iter().map(|carrier_id| booked(snapshot, carrier_id));
            Ok(made.chain([cancelled(CancelledBy::Carrier)]).collect())
        }
        (CarrierState::Failed, Some(_))
        | (CarrierState::InTransit | CarrierState::Arrived | CarrierState::Returned, _) => {
            Err(ShipmentRejection::NotBooked)
        }
    }
}

fn booked(snapshot: &CarrierSnapshot, carrier_id: &Reference) -> ShipmentEvent {
    ShipmentEvent::ShipmentBooked(Booked {
        booking: snapshot.booking,
        carrier_id: carrier_id.clone(),
        tracking: snapshot.tracking.clone(),
    })
}

fn cancelled(by: CancelledBy) -> ShipmentEvent {
    ShipmentEvent::ShipmentCancelled(Cancelled { by, reason: None })
}

/// The carrier expects the parcel, or is asked to forget it.
fn expected(shipment: &Shipment, snapshot: &CarrierSnapshot) -> Decision {
    let wanted = shipment.status == ShipmentStatus::CancelRequested;
    let mut events = tracking(shipment, snapshot);
    match (snapshot.state, &snapshot.refusal) {
        (CarrierState::Booked, Some(code)) if wanted => {
            events.extend(refused(shipment, shipment.cancel_call(), code));
        }
        (CarrierState::Booked, _) => {}
        (CarrierState::Cancelled, _) => {
            let by = if wanted { CancelledBy::Request } else { CancelledBy::Carrier };
            return Ok(vec![cancelled(by)]);
        }
        // A refusal from before the booking was made.
        (CarrierState::Failed, _) if snapshot.carrier_id.is_none() => return Ok(vec![]),
        (
            CarrierState::InTransit
            | CarrierState::Arrived
            | CarrierState::Failed
            | CarrierState::Returned,
            _,
        ) => {
            events.extend(leaves(shipment));
            events.extend(journey(shipment, snapshot));
        }
    }
    Ok(events)
}

/// The parcel has left.
fn under_way(shipment: &Shipment, snapshot: &CarrierSnapshot) -> Vec<ShipmentEvent> {
    let mut events = tracking(shipment, snapshot);
    events.extend(journey(shipment, snapshot));
    events
}

/// What the snapshot adds to the journey of a parcel that has left.
fn journey(shipment: &Shipment, snapshot: &CarrierSnapshot) -> Option<ShipmentEvent> {
    let failed_before = shipment.status == ShipmentStatus::DeliveryFailed;
    let failed = |code| Some(ShipmentEvent::DeliveryFailed(Failed { code }));
    match snapshot.state {
        CarrierState::Arrived => Some(ShipmentEvent::ShipmentArrived),
        CarrierState::Returned => Some(ShipmentEvent::ShipmentReturned),
        _ if failed_before => None,
        CarrierState::InTransit if shipment.tracked => None,
        CarrierState::InTransit => Some(ShipmentEvent::ShipmentTracked),
        CarrierState::Cancelled => failed(Some(Reference::stored(CANCELLED_BY_CARRIER))),
        CarrierState::Failed if snapshot.carrier_id.is_some() => failed(snapshot.refusal.clone()),
        CarrierState::Failed | CarrierState::Booked => None,
    }
}

/// A number for tracking is taken once: an old snapshot may have another one.
fn tracking(shipment: &Shipment, snapshot: &CarrierSnapshot) -> Vec<ShipmentEvent> {
    match (&shipment.tracking, &snapshot.tracking) {
        (None, Some(tracking)) => {
            let assigned = TrackingAssigned { tracking: tracking.clone() };
            vec![ShipmentEvent::TrackingAssigned(assigned)]
        }
        _ => vec![],
    }
}

/// A booking that does not count: one that was given up, or a second one that the carrier made of one request.
fn stray(shipment: &Shipment, snapshot: &CarrierSnapshot) -> Decision {
    let booking = snapshot.booking;
    match (snapshot.state, snapshot.carrier_id.clone()) {
        (CarrierState::Booked | CarrierState::InTransit, Some(carrier_id)) => {
            let found = Stray { booking, carrier_id };
            if shipment.strays.contains(&found) {
                let call = Call::cancel(booking, Some(found.carrier_id));
                let code = snapshot.refusal.as_ref();
                return Ok(code.map_or_else(Vec::new, |code| refused(shipment, call, code)));
            }
            if shipment.strays.len() >= MOST_STRAYS {
                return Err(ShipmentRejection::TooManyBookings);
            }
            Ok(vec![ShipmentEvent::StrayBookingFound(found)])
        }
        // Without the carrier's id, nothing is known that could be cancelled.
        (CarrierState::Booked | CarrierState::InTransit, None) => Ok(vec![]),
        (
            CarrierState::Arrived
            | CarrierState::Cancelled
            | CarrierState::Failed
            | CarrierState::Returned,
            carrier_id,
        ) => {
            let in_doubt = shipment.owed(&Call::cancel(booking, None)).is_some();
            let known = shipment.owed(&Call::cancel(booking, carrier_id.clone())).is_some();
            if !in_doubt && !known {
                return Ok(vec![]);
            }
            let closed = StrayClosed { booking, carrier_id };
            Ok(vec![ShipmentEvent::StrayBookingClosed(closed)])
        }
    }
}
