//! The read side: composed views, every past state, and the feed of events, over the read tables alone.
//!
//! A request passes through [`params`] (texts to typed filters), waits in [`consistency`] until the view is as new as
//! the client asks, and is answered by one file of [`views`] from one statement of `read-model`. Stored JSON passes
//! through as it is; only past states are composed here, by [`replay`] with the domain's own fold. This service writes
//! nothing and does not know the event log.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod app;
mod coalescer;
pub mod consistency;
pub mod cursor;
mod erasures;
mod loaders;
mod opener;
pub mod params;
mod past_orders;
pub mod problems;
pub mod replay;
pub mod reply;
mod sealed_texts;
mod service;
pub mod views;
mod wire;

pub use app::App;
pub use service::{QueryService, Routes, Settings, api, run, watch_read_model};
