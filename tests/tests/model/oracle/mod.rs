//! The oracle: what the contract says a server must answer, computed from the commands so far.
//!
//! Written from the contract's pages alone. It imports nothing of the product; where the contract is silent it does not
//! insist. [`decide`] and [`judge`] say what commands must be answered, [`answer`] holds answers against that,
//! [`compose`] shows an order, [`figures`] and [`lists`] what views of many orders must say.

pub mod answer;
pub mod ask;
pub mod compose;
pub mod decide;
pub mod fact;
pub mod figures;
pub mod judge;
mod laws;
pub mod lists;
pub mod money;
pub mod order;
pub mod stream;
mod vectors;
mod vectors_of_views;
pub mod world;
