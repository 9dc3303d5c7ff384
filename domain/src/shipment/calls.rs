//! The calls that a shipment owes to carriers, as a pure function of its facts.

use super::Shipment;
use crate::call::Tries;
use crate::{Reference, Timestamp};
use serde::{Deserialize, Serialize};

/// What a carrier is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// To take the parcel.
    Book,
    /// To forget it again.
    CancelBooking,
}

impl CallKind {
    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::CancelBooking => "cancel_booking",
        }
    }
}

/// One call: what is asked, about which booking.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Call {
    /// What is asked.
    pub kind: CallKind,
    /// Which of the shipment's bookings, from 1.
    pub booking: u32,
    /// The carrier's id of what is to be cancelled. Without it, the carrier is asked by our reference: it may or may not
    /// have booked the parcel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_id: Option<Reference>,
}

impl Call {
    /// The call that makes a booking.
    pub const fn book(booking: u32) -> Self {
        Self { kind: CallKind::Book, booking, carrier_id: None }
    }

    /// The call that undoes it.
    pub const fn cancel(booking: u32, carrier_id: Option<Reference>) -> Self {
        Self { kind: CallKind::CancelBooking, booking, carrier_id }
    }
}

/// A call that no fact has settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedCall {
    /// Which call.
    pub call: Call,
    /// How often it was tried, and when it is due.
    pub tries: Tries,
}

impl OwedCall {
    /// A call that is owed from now on.
    pub(super) const fn from(call: Call, at: Timestamp) -> Self {
        Self { call, tries: Tries::from(at) }
    }
}

/// A call to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// Which call.
    pub call: Call,
    /// Whom to ask.
    pub carrier: Reference,
    /// Which try this is, from 1. From the second on, the carrier is read first.
    pub attempt: u32,
    /// Under which idempotency key.
    pub key: String,
    /// Our name of the booking at the carrier, by which it is found again.
    pub reference: String,
    /// When.
    pub due_at: Timestamp,
}

/// The calls that are to be made, now or later. Those that are stuck are not among them.
pub fn open_calls(shipment: &Shipment) -> Vec<OpenCall> {
    let open = shipment.owed.iter().filter(|owed| !owed.tries.stuck);
    open.map(|owed| opened(shipment, owed)).collect()
}

fn opened(shipment: &Shipment, owed: &OwedCall) -> OpenCall {
    let OwedCall { call, tries } = owed;
    let nth = usize::try_from(call.booking).unwrap_or(usize::MAX).saturating_sub(1);
    let carrier = shipment.carriers.get(nth).unwrap_or(&shipment.plan.carrier);
    let reference = format!("{}:{}", shipment.id(), call.booking);
    let mut key = format!("{}:{reference}", call.kind.as_str());
    if let Some(carrier_id) = &call.carrier_id {
        key = format!("{key}:{}", carrier_id.as_str());
    }
    OpenCall {
        call: call.clone(),
        carrier: carrier.clone(),
        attempt: tries.attempt(),
        key: format!("{key}:{}", tries.key),
        reference,
        due_at: tries.due_at,
    }
}
