//! What the contract says must be answered and shown, computed from the commands so far.
//!
//! Written from the contract's pages alone. It imports nothing of the product; where the contract is silent it does not
//! insist. [`decide`] and [`judge`] say what commands must be answered, [`compose`] shows an order, [`figures`],
//! [`lists`] and [`history`] say what the other views must show. The walks over HTTP hold a server against it, the
//! simulation its parts.

// The names are the contract's own, and its pages say what they mean.
#![allow(missing_docs)]

pub mod ask;
pub mod compose;
pub mod decide;
pub mod fact;
pub mod figures;
pub mod history;
pub mod judge;
pub mod lists;
pub mod money;
pub mod order;
pub mod stream;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod vectors_of_views;
pub mod world;

/// Whether something holds; if not, what was expected and what came.
pub type Checked<T = ()> = Result<T, String>;

/// An error unless `holds`.
///
/// # Errors
/// What `otherwise` says.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}
