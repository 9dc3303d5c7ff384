//! The lifecycle of a shipment.

use serde::{Deserialize, Serialize};

/// Where a shipment stands. `delivered`, `returned` and `cancelled` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentStatus {
    /// A carrier is asked to book it.
    Planned,
    /// The carrier refused to book it; a person picks another one, or cancels.
    BookingFailed,
    /// The carrier expects the parcel.
    Booked,
    /// The carrier is asked to forget it, but the parcel may still win.
    CancelRequested,
    /// The parcel has left the warehouse.
    Dispatched,
    /// The carrier could not deliver it. It may still arrive, or come back.
    DeliveryFailed,
    /// The parcel has arrived.
    Delivered,
    /// The parcel has come back.
    Returned,
    /// No parcel leaves.
    Cancelled,
}

impl ShipmentStatus {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Planned,
        Self::BookingFailed,
        Self::Booked,
        Self::CancelRequested,
        Self::Dispatched,
        Self::DeliveryFailed,
        Self::Delivered,
        Self::Returned,
        Self::Cancelled,
    ];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::BookingFailed => "booking_failed",
            Self::Booked => "booked",
            Self::CancelRequested => "cancel_requested",
            Self::Dispatched => "dispatched",
            Self::DeliveryFailed => "delivery_failed",
            Self::Delivered => "delivered",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }
}
