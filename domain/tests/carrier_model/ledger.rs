//! What is owed and how far a shipment has come, told from its events and status without its own rules.

use domain::shipment::{Call, CancelledBy, ShipmentEvent, ShipmentStatus};
use std::collections::HashSet;

/// How far a shipment has come. A person may ask another carrier; nothing else goes back.
pub fn progress(status: ShipmentStatus) -> u8 {
    match status {
        ShipmentStatus::Planned => 0,
        ShipmentStatus::BookingFailed => 1,
        ShipmentStatus::Booked => 2,
        ShipmentStatus::CancelRequested => 3,
        ShipmentStatus::Dispatched => 4,
        ShipmentStatus::DeliveryFailed => 5,
        ShipmentStatus::Delivered | ShipmentStatus::Returned | ShipmentStatus::Cancelled => 6,
    }
}

/// The calls that are owed, told from the events alone: what was asked for and has not been answered.
pub fn owed_by(events: &[ShipmentEvent]) -> HashSet<Call> {
    let mut owed = HashSet::new();
    let (mut booking, mut carrier_id) = (1, None);
    for event in events {
        match event {
            ShipmentEvent::ShipmentPlanned(_) => drop(owed.insert(Call::book(1))),
            ShipmentEvent::ShipmentBooked(booked) => {
                carrier_id = Some(booked.carrier_id.clone());
                owed.remove(&Call::book(booking));
            }
            ShipmentEvent::BookingRefused(_) => drop(owed.remove(&Call::book(booking))),
            ShipmentEvent::ShipmentRebooked(rebooked) => {
                if owed.remove(&Call::book(booking)) {
                    owed.insert(Call::cancel(booking, None));
                }
                booking = rebooked.booking;
                owed.insert(Call::book(booking));
            }
            ShipmentEvent::CancellationRequested(_) => {
                owed.insert(Call::cancel(booking, carrier_id.clone()));
            }
            ShipmentEvent::ShipmentDispatched => {
                owed.remove(&Call::cancel(booking, carrier_id.clone()));
            }
            ShipmentEvent::ShipmentCancelled(cancelled) => {
                owed.remove(&Call::cancel(booking, carrier_id.clone()));
                let by_us = cancelled.by == CancelledBy::Request;
                if owed.remove(&Call::book(booking)) && by_us {
                    owed.insert(Call::cancel(booking, None));
                }
            }
            ShipmentEvent::StrayBookingFound(stray) => {
                owed.remove(&Call::cancel(stray.booking, None));
                owed.insert(Call::cancel(stray.booking, Some(stray.carrier_id.clone())));
            }
            ShipmentEvent::StrayBookingClosed(closed) => {
                owed.remove(&Call::cancel(closed.booking, None));
                owed.remove(&Call::cancel(closed.booking, closed.carrier_id.clone()));
            }
            _ => {}
        }
    }
    owed
}
