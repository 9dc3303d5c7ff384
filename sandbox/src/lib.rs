//! A payment provider, a carrier and a mail server to test with.
//!
//! [`core`] is pure: requests and time go in, answers, webhooks and entries of a ledger come out. A seeded
//! [`Plan`](core::Plan) says which calls go wrong, and how. The [`Ledger`](core::Ledger) keeps by double entry what money
//! truly moved, so it judges every test of faults. [`Shared`] is one sandbox that several callers use in one process.
//! [`shell`] serves it over HTTP and SMTP, and delivers the webhooks.
//!
//! The routes of payments, their fields, errors and status codes are Stripe's. Nothing is stored: a sandbox that ends
//! forgets everything. It must never be asked for real money, and it cannot move any.

pub mod core;
pub mod shared;
pub mod shell;

pub use shared::{Clock, Shared};
