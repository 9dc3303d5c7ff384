//! The command service over a real store, through its HTTP routes.

#![allow(clippy::unwrap_used)]

mod bodies;
mod commands;
mod document;
mod idempotency;
mod import;
mod rig;
