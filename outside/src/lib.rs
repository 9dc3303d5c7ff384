//! Calls to the world outside: the payment provider, the carrier, the mail server.
//!
//! A *port* says what the product asks of one of them, in the product's words: [`psp`], [`carrier`], [`mail`]. Its
//! adapter speaks the other's words, and they stay in it. Every call ends in an answer or in a [`Failure`], and a failure
//! says what the caller may believe: that nothing happened, that it was refused, or that nobody knows.
//!
//! [`guard`] stands around a single try: rate limit, bulkhead, breaker, timeout. [`guarded`] puts ports behind guards.
//! Nothing here repeats a call that changes something: retries are durable, and belong to who keeps them.
//!
//! No member that folds events depends on this one, so a rebuild, a replay or a check can send nothing.

pub mod carrier;
pub mod failure;
pub mod guard;
pub mod guarded;
pub mod mail;
pub mod psp;
pub mod secret;
pub mod wire;

pub use failure::{Cause, Failure, NotTried};
pub use secret::Secret;
