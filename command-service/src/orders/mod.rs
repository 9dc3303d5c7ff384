//! The commands of orders over HTTP.
//!
//! [`commands`] holds one file for each command: its body, how that is read, its route. How orders stand in answers is in
//! [`aggregate`], [`answer`] and [`preview`], how their rejections read in [`rejection`] and [`problems`]. What commands of
//! every aggregate share is in [`crate::http`].

mod aggregate;
mod answer;
pub mod commands;
mod preview;
pub mod problems;
mod rejection;

pub use answer::{Changed, CommandAnswer};
pub use commands::routes;

/// What the order handlers share.
pub type OrderCommands = crate::http::Commands<domain::order::OrderAggregate>;
