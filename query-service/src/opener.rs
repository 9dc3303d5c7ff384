//! Opens sealed texts where a view must see them as its client will: to compare two states, or to make a tag of what is
//! sent. All other texts go out as they are stored, and are opened on their way.

use axum::body::Bytes;
use key_store::Keyring;
use server::Problem;
use std::fmt;
use std::sync::OnceLock;

/// The keyring, if texts are sealed.
#[derive(Default)]
pub(crate) struct Opener(OnceLock<Keyring>);

impl fmt::Debug for Opener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Opener")
    }
}

impl Opener {
    /// Opens with this keyring from now on. The first one stays.
    pub(crate) fn attach(&self, keyring: Keyring) {
        drop(self.0.set(keyring));
    }

    /// JSON with its sealed texts opened; erased ones are null.
    ///
    /// # Errors
    /// 503 `unavailable` when the keys cannot be read.
    pub(crate) async fn open(&self, json: Bytes) -> Result<Bytes, Problem> {
        match self.0.get() {
            Some(keyring) => security::open_json(keyring, json).await,
            None => Ok(json),
        }
    }
}
