//! The facts about items, movements and reservations. Stored names and schema versions are in [`super::stored`].
//!
//! Facts about an item hold differences only. A fold that starts at the stream's first event knows the counters.

use super::movement::Movement;
use super::reservation::{ReservedLine, Shortage, Wanted};
use crate::{Reason, Reference, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A fact about an item, a movement or a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the members mean what they mean in the states
pub enum StockEvent {
    /// Item: goods came in.
    StockReceived { product_id: Reference, warehouse: Reference, movement_id: Uuid, quantity: u64 },
    /// Item: the count was put right.
    StockAdjusted {
        product_id: Reference,
        warehouse: Reference,
        movement_id: Uuid,
        delta: i64,
        reason: Reason,
    },
    /// Item: goods came back. Only restocked ones are on hand again.
    StockReturned {
        product_id: Reference,
        warehouse: Reference,
        movement_id: Uuid,
        quantity: u64,
        restocked: bool,
    },
    /// Item: a reservation holds these units from now on.
    StockReserved {
        product_id: Reference,
        warehouse: Reference,
        reservation_id: Uuid,
        quantity: u64,
    },
    /// Item: a reservation gave these units back.
    StockReleased {
        product_id: Reference,
        warehouse: Reference,
        reservation_id: Uuid,
        quantity: u64,
        why: ReleaseCause,
    },
    /// Item: these reserved units have left. If fewer were on hand by the count, the count was wrong, and none is on hand
    /// now.
    StockCommitted {
        product_id: Reference,
        warehouse: Reference,
        reservation_id: Uuid,
        quantity: u64,
    },
    /// Item: a count left less than is promised. Nothing is reserved from here until enough is available again.
    StockShortfallFound { product_id: Reference, warehouse: Reference, available: i64 },
    /// Movement: it is recorded, together with its effect on the item.
    MovementRecorded(Movement),
    /// Reservation: it holds these lines.
    ReservationMade {
        reservation_id: Uuid,
        order_id: Option<Uuid>,
        lines: Vec<ReservedLine>,
        wanted: Vec<Wanted>,
        expires_at: Option<Timestamp>,
    },
    /// Reservation: there was too little, so nothing is held.
    ReservationRefused {
        reservation_id: Uuid,
        order_id: Option<Uuid>,
        wanted: Vec<Wanted>,
        short: Vec<Shortage>,
    },
    /// Reservation: it cannot expire any more.
    ReservationFirmed,
    /// Reservation: its units were given back. Repeats its lines, so that a projection that subtracts needs no memory.
    /// Without lines and as the first fact, it keeps a reservation from ever being made.
    ReservationReleased { why: Option<Reason>, lines: Vec<ReservedLine> },
    /// Reservation: its time ran out. Repeats its lines.
    ReservationExpired { lines: Vec<ReservedLine> },
    /// Reservation: its units have left. Repeats its lines.
    ReservationCommitted { shipment: Option<Reference>, lines: Vec<ReservedLine> },
}

/// Which end of a reservation gave units back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseCause {
    /// It was released.
    Released,
    /// It expired.
    Expired,
}
