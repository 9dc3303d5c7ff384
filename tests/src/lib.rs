//! The harness of the system tests: the real programs in separate processes, used over HTTP like any client would.
//!
//! It stands outside the system. It knows the contract, the programs' flags and the line `listening on http://…`, and
//! no crate of the workspace. [`server`] starts and kills programs, [`client`] sends requests and checks every answer
//! against the served OpenAPI document. [`load`] keeps clients busy across restarts, [`checker`] compares the answers
//! with the log. [`events`] listens to the stream of events, [`raw`] sends what no HTTP library would, [`sealed`] has a folder with a
//! master key.
//!
//! A harness that cannot go on panics, and so fails the test. No process that it starts outlives it.

pub mod auth;
pub mod checker;
pub mod client;
pub mod contract;
pub mod events;
pub mod load;
pub mod orders;
pub mod program;
pub mod raw;
pub mod sealed;
pub mod server;
pub mod system;
pub mod views;

/// A size that an environment variable may raise for a long run.
///
/// # Panics
/// When the variable is set to something that is not a number.
pub fn size(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{variable}={value} is no number")),
        Err(_) => default,
    }
}
