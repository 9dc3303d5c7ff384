//! Carriers as they are: an independent model that knows nothing of the shipment's rules.
//!
//! It performs calls late, twice or not at all, loses answers, cancels of its own accord, and repeats and reorders what it
//! says. It keeps two promises that real carriers keep as well: one idempotency key makes one booking, and a parcel that
//! was handed over cannot be cancelled.

#![allow(clippy::unwrap_used, dead_code, missing_docs)]

pub mod ledger;

use crate::parcel_support::{id, label};
use domain::shipment::{CallKind, CarrierSnapshot, CarrierState, OpenCall};
use std::collections::HashMap;

/// A booking in a carrier's own books.
#[derive(Debug, Clone)]
pub struct Real {
    pub booking: u32,
    pub carrier_id: String,
    pub state: CarrierState,
}

#[derive(Debug, Default)]
pub struct Carriers {
    pub books: Vec<Real>,
    /// Which entry of the books a key has made.
    keys: HashMap<String, usize>,
    /// Requests to book that were sent and will be performed later.
    late: Vec<OpenCall>,
    /// Everything that was ever said, to be heard again in any order.
    pub said: Vec<CarrierSnapshot>,
}

impl Carriers {
    fn say(&mut self, at: usize, refusal: Option<&str>) -> CarrierSnapshot {
        let Real { booking, carrier_id, state } = &self.books[at];
        let snapshot = CarrierSnapshot {
            booking: *booking,
            carrier_id: Some(id(carrier_id)),
            state: *state,
            // The carrier gives the number only once it has the parcel, and changes it later.
            tracking: (*state != CarrierState::Booked).then(|| label(&format!("{state:?}"))),
            refusal: refusal.map(id),
        };
        self.said.push(snapshot.clone());
        snapshot
    }

    fn say_of_no_booking(&mut self, booking: u32, state: CarrierState) -> CarrierSnapshot {
        let refusal = (state == CarrierState::Failed).then(|| id("no-such-street"));
        let snapshot =
            CarrierSnapshot { booking, carrier_id: None, state, tracking: None, refusal };
        self.said.push(snapshot.clone());
        snapshot
    }

    /// Performs a call and answers.
    pub fn perform(&mut self, call: &OpenCall) -> Option<CarrierSnapshot> {
        match call.call.kind {
            CallKind::Book => {
                let made = self.book(call);
                Some(self.say(made, None))
            }
            CallKind::CancelBooking => self.cancel(call),
        }
    }

    fn book(&mut self, call: &OpenCall) -> usize {
        if let Some(made) = self.keys.get(&call.key) {
            return *made;
        }
        let made = self.books.len();
        let (booking, carrier_id) = (call.call.booking, format!("k-{made}"));
        self.books.push(Real { booking, carrier_id, state: CarrierState::Booked });
        self.keys.insert(call.key.clone(), made);
        made
    }

    fn cancel(&mut self, call: &OpenCall) -> Option<CarrierSnapshot> {
        let (booking, wanted) = (call.call.booking, call.call.carrier_id.as_ref());
        let found = |real: &Real| {
            real.booking == booking && wanted.is_none_or(|id| id.as_str() == real.carrier_id)
        };
        let mut answer = None;
        for at in 0..self.books.len() {
            if !found(&self.books[at]) {
                continue;
            }
            if self.books[at].state == CarrierState::Booked {
                self.books[at].state = CarrierState::Cancelled;
            }
            answer = Some(self.say(at, None));
        }
        // Where nothing is found, only who can exclude a late booking may say so.
        let quiet = self.late.iter().all(|late| late.call.booking != booking);
        answer.or_else(|| quiet.then(|| self.say_of_no_booking(booking, CarrierState::Cancelled)))
    }

    /// Refuses a booking for good, unless it was made; refuses a cancellation for now.
    pub fn refuse(&mut self, call: &OpenCall) -> Option<CarrierSnapshot> {
        let made = self.books.iter().position(|real| real.booking == call.call.booking);
        match (call.call.kind, made) {
            (CallKind::Book, Some(made)) => Some(self.say(made, None)),
            (CallKind::Book, None) => {
                Some(self.say_of_no_booking(call.call.booking, CarrierState::Failed))
            }
            (CallKind::CancelBooking, _) => {
                let wanted = call.call.carrier_id.as_ref()?;
                let at = self.books.iter().position(|real| real.carrier_id == wanted.as_str())?;
                Some(self.say(at, Some("too-late")))
            }
        }
    }

    /// Keeps a booking for later: whoever sent it heard nothing.
    pub fn delay(&mut self, call: &OpenCall) {
        if call.call.kind == CallKind::Book {
            self.late.push(call.clone());
        }
    }

    /// Performs what came in long ago.
    pub fn catch_up(&mut self) {
        for call in std::mem::take(&mut self.late) {
            let made = self.book(&call);
            self.say(made, None);
        }
    }

    /// The warehouse hands the parcel over under this booking.
    pub fn pick_up(&mut self, carrier_id: &str) -> bool {
        let booked =
            |real: &Real| real.carrier_id == carrier_id && real.state == CarrierState::Booked;
        let Some(at) = self.books.iter().position(booked) else { return false };
        self.books[at].state = CarrierState::InTransit;
        self.say(at, None);
        true
    }

    /// Something happens at a carrier by itself.
    pub fn move_on(&mut self, at: usize, to: CarrierState) {
        let Some(real) = self.books.get_mut(at) else { return };
        use CarrierState::{Arrived, Booked, Cancelled, Failed, InTransit, Returned};
        let possible = matches!(
            (real.state, to),
            (Booked, Cancelled)
                | (InTransit, Arrived | Failed | Returned)
                | (Failed, Arrived | Returned)
        );
        if possible {
            real.state = to;
            self.say(at, None);
        }
    }

    /// Says of every booking how it stands now.
    pub fn say_all(&mut self) -> Vec<CarrierSnapshot> {
        (0..self.books.len()).map(|at| self.say(at, None)).collect()
    }
}
