//! The write side: HTTP → command → decide → append.
//!
//! [`http`] is the path of every command over HTTP; [`orders`] and [`stock`] are what orders and stock add to it. [`pipeline`] turns commands
//! of any aggregate into events, `erasure` follows whose keys they use, [`import`] feeds it with history, [`json`] reads what clients send. This crate reads
//! no view tables, and writes only the log.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod erasure;
pub mod http;
pub mod import;
pub mod json;
pub mod orders;
pub mod pipeline;
mod service;
pub mod stock;

pub use service::{CommandService, Settings, api, run, watch_store};
