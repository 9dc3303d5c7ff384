//! The fold: what each fact does to a shipment. Total over everything that `decide` can produce.

use super::{
    Call, CancelledBy, OwedCall, Shipment, ShipmentEvent, ShipmentPlan, ShipmentStatus, Stray,
};
use crate::Timestamp;

/// Folds one event, which happened at `at`, into the state.
pub(super) fn evolve(
    state: Option<Shipment>,
    event: &ShipmentEvent,
    at: Timestamp,
) -> Option<Shipment> {
    match (state, event) {
        (None, ShipmentEvent::ShipmentPlanned(plan)) => Some(Shipment::planned(plan, at)),
        // No decision begins a shipment with another event.
        (None, _) => None,
        (Some(mut shipment), event) => {
            shipment.apply(event, at);
            Some(shipment)
        }
    }
}

impl Shipment {
    fn planned(plan: &ShipmentPlan, at: Timestamp) -> Self {
        Self {
            status: ShipmentStatus::Planned,
            plan: plan.clone(),
            carriers: vec![plan.carrier.clone()],
            carrier_id: None,
            tracking: None,
            tracked: false,
            refusal: None,
            cancel_reason: None,
            strays: Vec::new(),
            owed: vec![OwedCall::from(Call::book(1), at)],
            planned_at: at,
            dispatched_at: None,
            ended_at: None,
            updated_at: at,
        }
    }

    fn apply(&mut self, event: &ShipmentEvent, at: Timestamp) {
        self.updated_at = at;
        match event {
            ShipmentEvent::ShipmentPlanned(_) => {}
            ShipmentEvent::ShipmentBooked(booked) => {
                self.status = ShipmentStatus::Booked;
                self.carrier_id = Some(booked.carrier_id.clone());
                self.tracking.clone_from(&booked.tracking);
                self.refusal = None;
                self.settle(&Call::book(booked.booking));
            }
            ShipmentEvent::BookingRefused(refused) => {
                self.status = ShipmentStatus::BookingFailed;
                self.refusal.clone_from(&refused.code);
                self.settle(&Call::book(refused.booking));
            }
            ShipmentEvent::ShipmentRebooked(rebooked) => {
                self.give_up_booking(at);
                self.status = ShipmentStatus::Planned;
                self.refusal = None;
                self.carriers.push(rebooked.carrier.clone());
                self.owe(Call::book(rebooked.booking), at);
            }
            ShipmentEvent::TrackingAssigned(assigned) => {
                self.tracking = Some(assigned.tracking.clone());
            }
            ShipmentEvent::ShipmentDispatched => {
                self.status = ShipmentStatus::Dispatched;
                self.dispatched_at = Some(at);
                self.settle(&self.cancel_call());
            }
            ShipmentEvent::ShipmentTracked => self.tracked = true,
            ShipmentEvent::ShipmentArrived => self.end(ShipmentStatus::Delivered, at),
            ShipmentEvent::ShipmentReturned => self.end(ShipmentStatus::Returned, at),
            ShipmentEvent::DeliveryFailed(failed) => {
                self.status = ShipmentStatus::DeliveryFailed;
                self.refusal.clone_from(&failed.code);
            }
            ShipmentEvent::CancellationRequested(requested) => {
                self.status = ShipmentStatus::CancelRequested;
                self.cancel_reason = Some(requested.reason.clone());
                self.owe(self.cancel_call(), at);
            }
            ShipmentEvent::ShipmentCancelled(cancelled) => {
                self.settle(&self.cancel_call());
                match cancelled.by {
                    CancelledBy::Request => self.give_up_booking(at),
                    CancelledBy::Carrier => self.settle(&Call::book(self.booking())),
                }
                if cancelled.reason.is_some() {
                    self.cancel_reason.clone_from(&cancelled.reason);
                }
                self.end(ShipmentStatus::Cancelled, at);
            }
            ShipmentEvent::CancellationRefused => self.cancel_reason = None,
            ShipmentEvent::StrayBookingFound(stray) => {
                self.remember(stray.clone());
                self.settle(&Call::cancel(stray.booking, None));
                self.owe(Call::cancel(stray.booking, Some(stray.carrier_id.clone())), at);
            }
            ShipmentEvent::StrayBookingClosed(closed) => {
                let booking = closed.booking;
                self.settle(&Call::cancel(booking, None));
                if let Some(carrier_id) = closed.carrier_id.clone() {
                    self.settle(&Call::cancel(booking, Some(carrier_id.clone())));
                    self.remember(Stray { booking, carrier_id });
                }
            }
            ShipmentEvent::CallFailed(failed) => {
                if let Some(owed) = self.owed.iter_mut().find(|owed| owed.call == failed.call) {
                    owed.tries.fail(failed.class, failed.retry_at);
                }
            }
            ShipmentEvent::ShipmentStuck(stuck) => {
                if let Some(owed) = self.owed.iter_mut().find(|owed| owed.call == stuck.call) {
                    owed.tries.stuck = true;
                }
            }
            ShipmentEvent::CallRetried(_) => {
                let stuck = self.owed.iter_mut().filter(|owed| owed.tries.stuck);
                stuck.for_each(|owed| owed.tries.renew(at));
            }
        }
    }

    fn end(&mut self, status: ShipmentStatus, at: Timestamp) {
        self.status = status;
        self.ended_at = Some(at);
    }

    fn owe(&mut self, call: Call, at: Timestamp) {
        if self.owed(&call).is_none() {
            self.owed.push(OwedCall::from(call, at));
        }
    }

    fn settle(&mut self, call: &Call) {
        self.owed.retain(|owed| owed.call != *call);
    }

    /// A booking that was asked for and not answered may have been made: its cancellation is owed.
    fn give_up_booking(&mut self, at: Timestamp) {
        let book = Call::book(self.booking());
        if self.owed(&book).is_some() {
            self.settle(&book);
            self.owe(Call::cancel(self.booking(), None), at);
        }
    }

    fn remember(&mut self, stray: Stray) {
        if !self.strays.contains(&stray) {
            self.strays.push(stray);
        }
    }

    /// The call that cancels the booking that counts.
    pub(super) fn cancel_call(&self) -> Call {
        Call::cancel(self.booking(), self.carrier_id.clone())
    }
}
