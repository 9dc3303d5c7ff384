//! Why a shipment refuses a command: one variant for each rule.

use crate::FieldError;

/// The rule that a command breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShipmentRejection {
    /// No such shipment is planned.
    NotFound,
    /// The id is planned with other content.
    Conflict,
    /// No carrier expects the parcel yet. Whoever has seen it on its way observes the booking first.
    NotBooked,
    /// The parcel has left.
    AlreadyDispatched,
    /// The shipment is cancelled.
    Cancelled,
    /// Only a refused or stuck booking is made anew.
    RebookNotPossible,
    /// The shipment, or its memory of strays, has as many bookings as it may have.
    TooManyBookings,
    /// The snapshot is of a booking that the shipment never asked for.
    UnknownBooking,
    /// A booking cannot be taken note of without the carrier's id.
    CarrierIdMissing,
    /// The report is about a try that is not due yet.
    UnknownAttempt {
        /// The try that is due or under way.
        current: u32,
    },
    /// Fields that are wrong, with where they stand.
    Invalid(Vec<(String, FieldError)>),
}

impl ShipmentRejection {
    /// The problem code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "shipment-not-found",
            Self::Conflict => "shipment-conflict",
            Self::NotBooked => "shipment-not-booked",
            Self::AlreadyDispatched => "already-dispatched",
            Self::Cancelled => "shipment-cancelled",
            Self::RebookNotPossible => "rebook-not-possible",
            Self::TooManyBookings => "too-many-bookings",
            Self::UnknownBooking => "unknown-booking",
            Self::CarrierIdMissing => "carrier-id-missing",
            Self::UnknownAttempt { .. } => "unknown-attempt",
            Self::Invalid(_) => "validation",
        }
    }
}
