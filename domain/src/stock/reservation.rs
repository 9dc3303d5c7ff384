//! A reservation: all units that one checkout holds, over products and warehouses.
//!
//! It is soft until it is made firm. A soft one may expire, a firm one never does. Each ends once, and its id never
//! comes back.

use crate::{Reference, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A reservation as the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its place in its lifecycle.
    pub status: ReservationStatus,
    /// Its own id. `None` if it was released before it was made.
    pub reservation_id: Option<Uuid>,
    /// The order that it is for.
    pub order_id: Option<Uuid>,
    /// What was asked for, each product once, sorted by product. Empty if it was released before it was made.
    pub wanted: Vec<Wanted>,
    /// What it holds, or held until it ended: each product and warehouse once.
    pub lines: Vec<ReservedLine>,
    /// Why it was refused: every product of which there was too little.
    pub short: Vec<Shortage>,
    /// From when on it may expire, unless it is firm by then. `None`: never.
    pub expires_at: Option<Timestamp>,
}

/// The lifecycle of a reservation. All but `soft` and `firm` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    /// Holds units, and may expire.
    Soft,
    /// Holds units until it is released or committed.
    Firm,
    /// There was too little; it never held anything.
    Refused,
    /// Its units were given back.
    Released,
    /// Its time ran out, and its units were given back.
    Expired,
    /// Its units have left for the customer.
    Committed,
}

impl ReservationStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Soft, Self::Firm, Self::Refused, Self::Released, Self::Expired, Self::Committed];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Firm => "firm",
            Self::Refused => "refused",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Committed => "committed",
        }
    }

    /// Whether it holds units.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Soft | Self::Firm)
    }
}

impl Reservation {
    /// Whether it was released before it was made: a later request under its id must not hold anything.
    pub fn is_tombstone(&self) -> bool {
        self.status == ReservationStatus::Released && self.wanted.is_empty()
    }
}

/// Units of a product that one warehouse keeps for a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedLine {
    /// The caller's id of the product.
    pub product_id: Reference,
    /// The caller's id of the warehouse.
    pub warehouse: Reference,
    /// Units, at least one.
    pub quantity: u64,
    /// Whether the units are counted. A product that was never received may be sold without a count.
    pub tracked: bool,
}

/// How much of a product was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The caller's id of the product.
    pub product_id: Reference,
    /// Units, over all lines that asked for it.
    pub quantity: u64,
}

/// A product of which there was too little.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// The caller's id of the product.
    pub product_id: Reference,
    /// Units that were asked for.
    pub wanted: u64,
    /// Units that could have been reserved, over all warehouses that were asked.
    pub available: u64,
}
