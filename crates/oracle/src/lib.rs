//! What the contract says must be answered and shown, computed from the commands so far.
//!
//! Written from the contract's pages alone: it imports nothing of the product, and where the contract is silent, it
//! demands nothing. [`decide`] and [`judge`] give the right answers to commands, [`compose`] an order's document.
//! [`figures`], [`lists`] and [`history`] give the content of the other views. The walks over HTTP compare a server
//! with it, the simulation the server's parts.

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
/// The text of `otherwise`.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}
