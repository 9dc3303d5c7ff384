//! What the query service asks: SQL beside its binds, rows out, nothing written.
//!
//! Every read answers from one statement, so from one snapshot, and says how far the projections behind it had come
//! ([`Seen::position`]): never further than its rows show. Texts of JSON columns pass through as they were stored.
//! Statements are few and constant, or built from few pieces, so that each connection keeps them prepared.

pub mod customers;
pub mod events;
pub mod order;
pub mod orders;
pub mod orders_as_of;
mod packed_rows;
pub mod past_events;
pub mod positions;
pub mod products;
pub mod projections;
pub mod reports;
pub mod version_at;

/// What a read found, and how far the projections it read from had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<T> {
    /// Every event up to here is in what was found.
    pub position: u64,
    /// What was found.
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
