//! The ports against what stands for the world outside.
//!
//! [`suite`] has the cases that every payment provider must pass; [`providers`] runs them on the sandbox in process, on
//! the sandbox over HTTP, and on localstripe, which nobody here wrote. [`request_shapes`] asks stripe-mock, which knows
//! Stripe's own description of each parameter. [`answers`] and [`lost`] have what a network can do to an answer,
//! [`truth`] compares what callers learn with where the money is. The rest has one part of the library each.

#![allow(clippy::unwrap_used, missing_docs)]

mod answers;
mod breaker;
mod carrier;
mod doubles;
mod guards;
mod lost;
mod mail;
mod minor_units;
mod providers;
mod request_shapes;
mod secrets;
mod suite;
mod truth;
mod webhooks;
mod world;
