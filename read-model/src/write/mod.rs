//! What the projector does: catalog, checkpoints, bulk flushes, shadow generations.
//!
//! One [`WriteTx`] is one transaction: the checkpoint's compare-and-set first, then the rows. Whatever fails rolls all of
//! it back, so that a row and the checkpoint that accounts for it can never part. SQL stands beside its binds, one file
//! per group of tables; callers see rows, never SQL.

pub mod catalog;
pub mod compare;
pub mod customers;
mod definition;
pub mod generation;
pub mod history;
pub mod named;
pub mod orders;
pub mod parked;
pub mod partitions;
pub mod products;
pub mod rebuild;
pub mod sales;

pub use crate::db::{PostgresTx, SqliteTx, Tables, WriteTx};
