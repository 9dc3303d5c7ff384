//! One product in one warehouse, as counters of constant size.
//!
//! Who holds the reserved units stands in the reservations. So a product that many want costs no more to load than any
//! other.

use crate::Reference;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The most units that an item may have on hand: the largest integer that every JSON reader keeps exactly.
pub const STOCK_LIMIT: u64 = 9_007_199_254_740_991;

/// What the ids of items' streams are derived under.
const NAMESPACE: &[u8] = b"orderlog stock item\n";

/// The id of an item's stream: a UUID of version 8 (RFC 9562), from the SHA-256 of warehouse and product. The length of the
/// first stands before it, so no two pairs are hashed alike.
pub fn item_id(warehouse: &Reference, product_id: &Reference) -> Uuid {
    let (warehouse, product_id) = (warehouse.as_str(), product_id.as_str());
    let length = u64::try_from(warehouse.len()).unwrap_or(u64::MAX);
    let digest = Sha256::new()
        .chain_update(NAMESPACE)
        .chain_update(length.to_be_bytes())
        .chain_update(warehouse)
        .chain_update(product_id)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The stock of one product in one warehouse, in units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockItem {
    /// The caller's id of the product.
    pub product_id: Reference,
    /// The caller's id of the warehouse.
    pub warehouse: Reference,
    /// Units in the warehouse, by the count that is recorded; reserved ones are among them.
    pub on_hand: u64,
    /// Units that open reservations hold.
    pub reserved: u64,
    /// Units that have ever left for customers.
    pub committed_total: u64,
}

impl StockItem {
    /// An item before its first event.
    pub(super) fn empty(product_id: &Reference, warehouse: &Reference) -> Self {
        let (product_id, warehouse) = (product_id.clone(), warehouse.clone());
        Self { product_id, warehouse, on_hand: 0, reserved: 0, committed_total: 0 }
    }

    /// `on_hand` − `reserved`. Below zero if a count found less than is promised.
    pub fn available(&self) -> i64 {
        let difference = i128::from(self.on_hand) - i128::from(self.reserved);
        let nearest = if difference < 0 { i64::MIN } else { i64::MAX };
        i64::try_from(difference).unwrap_or(nearest)
    }

    /// Units that can still be reserved: what is available, but not below zero.
    pub fn free(&self) -> u64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// `in_stock`, `out_of_stock`, or `short`: less is there than is promised.
    pub fn status(&self) -> &'static str {
        match self.available() {
            ..0 => "short",
            0 => "out_of_stock",
            1.. => "in_stock",
        }
    }
}
