//! A movement: goods that came in or went back, or a count that was put right, under the caller's own id.
//!
//! Each has a stream of its own. So its id is known for ever, and the item's state stays small.

use crate::{Reason, Reference};
use serde::{Deserialize, Serialize};

/// A movement that is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// The caller's id of the product.
    pub product_id: Reference,
    /// The caller's id of the warehouse.
    pub warehouse: Reference,
    /// What it did to the item.
    pub change: MovementChange,
}

/// What a movement does to an item's count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MovementChange {
    /// Goods came in.
    Receipt {
        /// Units, at least one.
        quantity: u64,
    },
    /// A count found more or less than was recorded.
    Adjustment {
        /// Units to add, or below zero to take away.
        delta: i64,
        /// Why, in the shop's words. Nothing about a person: no customer's key seals it.
        reason: Reason,
    },
    /// A customer sent goods back.
    Return {
        /// Units, at least one.
        quantity: u64,
        /// Whether they can be sold again; only then they count as on hand.
        restocked: bool,
    },
}
