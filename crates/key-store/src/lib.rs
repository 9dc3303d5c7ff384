//! The store of keys: API keys by the hash of their secret, with the log of their use, and the wrapped keys that texts about
//! people are sealed with.
//!
//! Apart from the event log, so that a copy of the log opens nothing. Every server follows it ([`follow`]): a key that is
//! revoked here is refused everywhere within [`identity::MAX_AGE`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod condition;
mod data_keys;
mod destroy;
mod follow;
mod keyring;
mod learned;
mod open;
mod place;
mod request_key;
mod row;
mod statements;
mod supply;

pub use data_keys::{Figures, Followed, FollowedPage, Kept, StoredDataKey};
pub use destroy::DestroyedKey;
pub use follow::follow;
pub use keyring::{Keyring, OpenedJson, keys_in};
pub use open::{Access, KeyStore};
pub use place::Place;
pub use row::Listed;

/// Why the store of keys did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// The URL names no store.
    #[error(
        "the key store's URL must be of the form sqlite://path/to/keys.db or postgres://user@host/database: {0}"
    )]
    InvalidUrl(String),
    /// The file or database is not there, or was made by another build.
    #[error("the key store cannot be used: {0}")]
    Unfit(String),
    /// It cannot be reached.
    #[error("the key store cannot be reached: {0}")]
    Unavailable(#[from] sqlx::Error),
    /// It did not answer in time.
    #[error("the key store has not answered within {} s", .0.as_secs())]
    TimedOut(std::time::Duration),
    /// It could not be reached a moment ago, and was not asked again.
    #[error("{0}")]
    Unreached(String),
    /// A reader of the SQLite file has kept its WAL from being emptied.
    #[error(
        "keys are destroyed, but the WAL of their file still holds them: another program reads it"
    )]
    StillInWal,
    /// A key of this name is in force.
    #[error("there is a key {0:?} in force; revoke it, or choose another name")]
    NameTaken(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// The master key that was given does not unwrap a key that it is said to wrap.
    #[error("data key {0} cannot be unwrapped by the master key; is it the file of this store?")]
    NotUnwrapped(personal_data::KeyId),
    /// Texts are sealed, and the program has no master key.
    #[error("texts about people are sealed, and there is no --personal-data-key-file")]
    NoMasterKey,
    /// The master key was changed under a program that runs.
    #[error("the master key was changed; start again with the next one (--personal-data-key-file)")]
    MasterKeyChanged,
    /// No key is wrapped by the former master key.
    #[error("no key is wrapped by the master key in --from; is it the file, and this the store?")]
    NothingToRotate,
    /// The master key is to be changed to itself.
    #[error(
        "the two files hold the same master key; make the next one by: orderlog keys create-master"
    )]
    SameMasterKey,
    /// A statement did not change the one row that it was sent for.
    #[error("the key store changed {0} rows instead of one")]
    Miscounted(u64),
}
