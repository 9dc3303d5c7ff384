//! The pure half: a state machine over requests, with time passed in. No I/O, no clock, no randomness but the plan's seed.
//!
//! [`Sandbox`] is the whole. [`psp`] performs what a request asks, [`keys`] makes it happen once per idempotency key,
//! [`plan`] decides what goes wrong, [`ledger`] keeps where the money is, [`webhooks`] when events are delivered.
//! [`carrier`] is the parcel service. [`mail`] is the mailbox of the SMTP server.

pub mod carrier;
mod form;
pub mod intent;
mod intent_json;
pub mod keys;
pub mod ledger;
pub mod mail;
pub mod plan;
pub mod psp;
pub mod reply;
pub mod request;
mod sandbox;
pub mod webhooks;

pub use ledger::{Account, Ledger};
pub use plan::{CallKind, Fault, Plan, Rule, WebhookPlan};
pub use reply::{Fate, Reaction, Reply};
pub use request::Request;
pub use sandbox::{PlanRefused, Sandbox};
pub use webhooks::Delivery;
