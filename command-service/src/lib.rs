//! The write side: HTTP → command → decide → append.
//!
//! [`pipeline`] turns commands of any aggregate into events, [`orders`] is the HTTP face of orders, [`import`] feeds
//! the pipeline with history, [`json`] reads what clients send. This crate reads no view tables; the only thing that
//! it writes is the log.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod import;
pub mod json;
pub mod orders;
pub mod pipeline;
mod service;

pub use service::{CommandService, Settings, api, run, watch_store};
