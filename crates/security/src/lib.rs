//! How a program is secured: the flags that every program takes, and what they open.
//!
//! Without `--auth` a program listens on loopback only and asks nobody who they are. With it, [`Security::protect`] puts
//! the guard in front of all its routes.

#![cfg_attr(test, allow(clippy::unwrap_used))]

/// Where the programs of a folder keep API keys by default.
pub const KEY_STORE: &str = "sqlite://orderlog-data/keys.db";

mod cors;
mod flags;
mod open;
mod opening;
mod sealing;

pub use cors::Origin;
pub use flags::{Contradiction, Flags, Method, PersonalDataKeyError};
pub use open::{OpenError, PERSONAL_DATA, Security};
pub use opening::open_json;
pub use sealing::{SealingError, Stored, sealing};
