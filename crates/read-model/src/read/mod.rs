//! What the query service reads: SQL next to its binds, rows out, nothing written.
//!
//! Every read answers from one statement, so from one snapshot. It says how far its projections had come
//! ([`Seen::position`]), which is never further than its rows show. Texts of JSON columns are returned as they were
//! stored. Statements are few and constant, or built from few pieces, so that each connection keeps them prepared.

mod customer_of;
pub mod customers;
pub mod events;
pub mod order;
pub mod orders;
pub mod orders_as_of;
pub mod orders_of_customer;
mod packed_rows;
pub mod past_events;
pub mod positions;
pub mod products;
pub mod projections;
pub mod proofs;
pub mod reports;
pub mod reservations;
pub mod stock;
pub mod stock_events;
pub mod stock_then;
pub mod version_at;

/// The result of a read, and the position of the projections it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<T> {
    /// Every event up to here is in the result.
    pub position: u64,
    /// The result.
    pub found: T,
}

/// An amount of minor units in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrencyAmount {
    /// ISO 4217 code.
    pub currency: String,
    /// Minor units.
    pub amount: i128,
}
