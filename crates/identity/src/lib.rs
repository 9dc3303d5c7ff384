//! Who sends a request, and what that caller may do.
//!
//! A [`token`] or an [`api_key`] proves a [`Principal`]; the table in [`access`] says which roles may call a route; the
//! [`Scope`] says which orders the caller sees. [`protect`] decides all of it in one layer, before any handler runs.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
pub mod api_key;
mod api_keys;
mod claims;
mod clock;
mod guard;
pub mod key_set;
mod key_source;
mod layer;
pub mod openapi;
mod origin;
mod principal;
pub mod rates;
mod role;
mod session;
pub mod token;

pub use api_keys::{ApiKeys, Look, MAX_AGE, Use, Verdict};
pub use guard::{Given, Tokens};
pub use key_source::{IssuerKeys, KeySource, SourceError};
pub use layer::{Guard, protect};
pub use origin::Proxies;
pub use principal::{Principal, Scope};
pub use role::{Role, Roles};
pub use session::Identity;
