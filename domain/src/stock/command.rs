//! What may be asked of stock. Each command is led by one stream; the others that it needs are its partners.
//!
//! The caller finds the leading stream: [`super::item_id`] for the first three commands, the reservation's id for the
//! others.

use super::movement::{Movement, MovementChange};
use crate::{Reason, Reference, Timestamp};
use uuid::Uuid;

/// A command on an item or a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockCommand {
    /// Records goods that came in.
    Receive {
        /// The caller's id of the receipt.
        receipt_id: Uuid,
        /// Which product.
        product_id: Reference,
        /// Where.
        warehouse: Reference,
        /// Units.
        quantity: u64,
    },
    /// Puts the count right. A fact: it is recorded even if less is left than is promised.
    Adjust {
        /// The caller's id of the adjustment.
        adjustment_id: Uuid,
        /// Which product.
        product_id: Reference,
        /// Where.
        warehouse: Reference,
        /// Units to add, or below zero to take away.
        delta: i64,
        /// Why.
        reason: Reason,
    },
    /// Records goods that a customer sent back.
    Return {
        /// The caller's id of the return.
        return_id: Uuid,
        /// Which product.
        product_id: Reference,
        /// Where.
        warehouse: Reference,
        /// Units.
        quantity: u64,
        /// Whether they can be sold again.
        restocked: bool,
    },
    /// Holds units of several products: all of them or none.
    Reserve {
        /// The id of the leading stream.
        reservation_id: Uuid,
        /// The order that it is for.
        order_id: Option<Uuid>,
        /// What is wanted; lines of one product are summed.
        lines: Vec<WantedLine>,
        /// Where to look, in the shop's order; 1..=[`super::MAX_WAREHOUSES`], repetitions do not count.
        warehouses: Vec<Reference>,
        /// From when on it may expire, unless it is firm by then. `None`: never.
        expires_at: Option<Timestamp>,
        /// What holds for products that no warehouse ever received.
        untracked: Untracked,
    },
    /// Makes a reservation firm, so that it cannot expire.
    Firm,
    /// Gives the units back.
    Release {
        /// Why, in the shop's words. Nothing about a person: no customer's key seals it.
        why: Option<Reason>,
    },
    /// Records that the units have left.
    Commit {
        /// The caller's id of the shipment.
        shipment: Option<Reference>,
    },
    /// Ends a soft reservation whose time has run out.
    Expire {
        /// The present time.
        now: Timestamp,
    },
}

/// A line of a request to reserve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedLine {
    /// Which product.
    pub product_id: Reference,
    /// Units.
    pub quantity: u32,
}

/// What holds for a product that none of the warehouses ever received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untracked {
    /// It is sold without a count.
    Sell,
    /// There is none of it.
    Refuse,
}

impl StockCommand {
    /// The movement that a command on an item asks for, with its id.
    pub(super) fn movement(&self) -> Option<(Uuid, Movement)> {
        let (id, product_id, warehouse, change) = match self {
            Self::Receive { receipt_id, product_id, warehouse, quantity } => {
                let change = MovementChange::Receipt { quantity: *quantity };
                (receipt_id, product_id, warehouse, change)
            }
            Self::Adjust { adjustment_id, product_id, warehouse, delta, reason } => {
                let change = MovementChange::Adjustment { delta: *delta, reason: reason.clone() };
                (adjustment_id, product_id, warehouse, change)
            }
            Self::Return { return_id, product_id, warehouse, quantity, restocked } => {
                let change = MovementChange::Return { quantity: *quantity, restocked: *restocked };
                (return_id, product_id, warehouse, change)
            }
            Self::Reserve { .. }
            | Self::Firm
            | Self::Release { .. }
            | Self::Commit { .. }
            | Self::Expire { .. } => return None,
        };
        let (product_id, warehouse) = (product_id.clone(), warehouse.clone());
        Some((*id, Movement { product_id, warehouse, change }))
    }
}
