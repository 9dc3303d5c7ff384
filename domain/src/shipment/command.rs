//! What may be asked of a shipment, and how a carrier's words reach it.

use super::{Call, ShipmentPlan};
use crate::call::CallFailure;
use crate::{Label, Reason, Reference, Timestamp};

/// A command, valid by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShipmentCommand {
    /// Plans the parcel; its booking is owed from then on.
    Plan(Box<ShipmentPlan>),
    /// Takes note of what a carrier says.
    Observe(CarrierSnapshot),
    /// The warehouse hands the parcel over.
    Dispatch,
    /// Calls the parcel off.
    Cancel {
        /// Why.
        reason: Reason,
    },
    /// Asks another carrier, or the same one again, after a refused or stuck booking.
    Rebook {
        /// Who decided it.
        by: Label,
        /// Who is asked.
        carrier: Reference,
    },
    /// Reports a try that failed without a final answer.
    FailCall {
        /// Which call.
        call: Call,
        /// Which try of it, from 1.
        attempt: u32,
        /// How it failed.
        class: CallFailure,
        /// When the next try is due.
        retry_at: Timestamp,
    },
    /// Sets every stuck call going again.
    Retry {
        /// Who decided it.
        by: Label,
    },
}

/// A booking as its carrier shows it at some moment, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierSnapshot {
    /// Which of the shipment's bookings, from 1. The reference that the carrier was given says it.
    pub booking: u32,
    /// The carrier's id. A booking that was refused, or that the carrier does not have, has none.
    pub carrier_id: Option<Reference>,
    /// Where the booking stands.
    pub state: CarrierState,
    /// The number for tracking, once there is one.
    pub tracking: Option<Label>,
    /// What the carrier refused, as a code: with `failed` the booking or the delivery, with `booked` its cancellation.
    pub refusal: Option<Reference>,
}

/// Where a booking stands at its carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CarrierState {
    /// It is made, and no parcel has been seen.
    Booked,
    /// The parcel is on its way.
    InTransit,
    /// The parcel has arrived.
    Arrived,
    /// It is called off before the carrier saw a parcel, or was never made, and it will not be made later. Whoever finds no
    /// booking may say so only when no call that asked for it can still be performed. A parcel that the carrier saw and
    /// then called off is `failed`.
    Cancelled,
    /// Without the carrier's id: the booking was refused. With it: the parcel could not be delivered.
    Failed,
    /// The parcel has come back.
    Returned,
}

impl CarrierState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Booked,
        Self::InTransit,
        Self::Arrived,
        Self::Cancelled,
        Self::Failed,
        Self::Returned,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::InTransit => "in_transit",
            Self::Arrived => "arrived",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Returned => "returned",
        }
    }
}
