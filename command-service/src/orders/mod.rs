//! The commands of orders over HTTP.
//!
//! [`commands`] has one file for each command: its body, its reader, its route. [`aggregate`], [`answer`] and
//! [`preview`] write orders into answers, [`rejection`] and [`problems`] their rejections. [`crate::http`] has what the
//! commands of every aggregate share.

mod aggregate;
mod answer;
pub mod commands;
mod preview;
pub mod problems;
mod rejection;

pub use answer::{Changed, CommandAnswer};
pub use commands::routes;

/// The state that the order handlers share.
pub type OrderCommands = crate::http::Commands<domain::order::OrderAggregate>;
