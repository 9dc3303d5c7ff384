//! Texts about people, sealed with a key of their own.
//!
//! The log is never changed, and what it holds is copied to views, topics and backups. So a text about a customer is sealed
//! before it is stored ([`DataKey::seal`]), and opened when it is shown ([`open_json`]). To erase it, its key is destroyed:
//! then no copy can be opened. Data keys are stored wrapped by a [`MasterKey`].
//!
//! This crate is the cryptography and the stored forms. Where keys are kept is the key store's matter; which texts are
//! about people is the domain's.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod data_key;
mod json;
mod master_key;
mod sealed;

pub use data_key::DataKey;
pub use json::{Opened, open_json};
pub use master_key::{MasterKey, MasterKeyError};
pub use sealed::{MARK, Sealed};

/// The name of a data key: random, says nothing of its customer.
pub type KeyId = uuid::Uuid;

/// Something was not sealed with this key, or was changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was not sealed with this key, or was changed since")]
pub struct NotOpened;
