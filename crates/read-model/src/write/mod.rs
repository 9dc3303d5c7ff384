//! What the projector writes: catalog, checkpoints, bulk flushes, shadow generations.
//!
//! One [`WriteTx`] is one transaction: the checkpoint's compare-and-set first, then the rows. A failure rolls all of it
//! back, so a row and its checkpoint can never part. SQL is next to its binds, one file for each group of tables;
//! callers see rows, never SQL.

pub mod catalog;
mod checkpoints;
pub mod compare;
pub mod customers;
mod definition;
pub mod erasures;
pub mod generation;
pub mod history;
pub mod named;
pub mod orders;
pub mod parked;
pub mod partitions;
pub mod products;
pub mod proofs;
pub mod rebuild;
pub mod reservations;
pub mod sales;
pub mod stock;

pub use crate::db::{PostgresTx, SqliteTx, Tables, WriteTx};
