//! Which texts of a shipment's events are about a person.

use super::{Destination, ShipmentEvent};
use crate::{Label, Name, Reason};

/// The stored names of the events that have some.
pub(super) const EVENTS: [&str; 5] = [
    "ShipmentPlanned",
    "ShipmentBooked",
    "TrackingAssigned",
    "CancellationRequested",
    "ShipmentCancelled",
];

/// Passes each of them to `change`, and puts the result in its place: the address, the number by which a carrier shows who
/// gets a parcel where, and what people write as a reason. The carrier's id stays, since owed calls need it, and so do
/// the country and the staff who decided something.
pub(super) fn change(event: &mut ShipmentEvent, change: &mut dyn FnMut(&str) -> String) {
    let mut label = |text: &mut Label| *text = Label::stored(change(text.as_str()));
    match event {
        ShipmentEvent::ShipmentPlanned(plan) => {
            let Destination { name, street, extra, postal_code, city, country: _, phone } =
                &mut plan.to;
            label(street);
            extra.iter_mut().for_each(&mut label);
            postal_code.iter_mut().for_each(&mut label);
            label(city);
            phone.iter_mut().for_each(label);
            *name = Name::stored(change(name.as_str()));
        }
        ShipmentEvent::ShipmentBooked(booked) => booked.tracking.iter_mut().for_each(label),
        ShipmentEvent::TrackingAssigned(assigned) => label(&mut assigned.tracking),
        ShipmentEvent::CancellationRequested(requested) => {
            requested.reason = Reason::stored(change(requested.reason.as_str()));
        }
        ShipmentEvent::ShipmentCancelled(cancelled) => cancelled
            .reason
            .iter_mut()
            .for_each(|reason| *reason = Reason::stored(change(reason.as_str()))),
        // Named one by one, so that a new event has to be thought of here.
        ShipmentEvent::BookingRefused(_)
        | ShipmentEvent::ShipmentRebooked(_)
        | ShipmentEvent::ShipmentDispatched
        | ShipmentEvent::ShipmentTracked
        | ShipmentEvent::ShipmentArrived
        | ShipmentEvent::ShipmentReturned
        | ShipmentEvent::DeliveryFailed(_)
        | ShipmentEvent::CancellationRefused
        | ShipmentEvent::StrayBookingFound(_)
        | ShipmentEvent::StrayBookingClosed(_)
        | ShipmentEvent::CallFailed(_)
        | ShipmentEvent::ShipmentStuck(_)
        | ShipmentEvent::CallRetried(_) => {}
    }
}
