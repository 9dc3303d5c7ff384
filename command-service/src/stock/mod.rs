//! The commands of stock over HTTP: receipts, adjustments and returns of a product, reservations of several products.
//!
//! [`commands`] has one file for each kind of command: its body, its reader, its routes. [`aggregate`] and [`answer`]
//! write stock into answers, [`rejection`] and [`problems`] its rejections. [`policy`] has what the shop decides once.

mod aggregate;
mod answer;
pub mod commands;
pub mod policy;
pub mod problems;
mod rejection;

pub use commands::routes;
pub use policy::StockPolicy;

/// The state that the handlers share.
pub type StockCommands = crate::http::Commands<domain::stock::StockAggregate>;
