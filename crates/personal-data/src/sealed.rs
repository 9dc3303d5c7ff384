//! The stored form of a sealed text.
//!
//! It is a text itself, so that whatever stores, copies or folds texts does so with sealed ones as well. It begins with the
//! control character SUBSTITUTE (U+001A), which no text of a user may hold. Then follow, in base64url without padding: a
//! version (1), the key's id (16 bytes), the nonce (12 bytes), the ciphertext and its tag (16 bytes).

use crate::{KeyId, NotOpened};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The character that a sealed text begins with, and no other text holds.
pub const MARK: char = '\u{1a}';

pub(crate) const NONCE_BYTES: usize = 12;
const VERSION: u8 = 1;
const ID_BYTES: usize = 16;
const HEAD_BYTES: usize = 1 + ID_BYTES + NONCE_BYTES;

/// A sealed text, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    bytes: Vec<u8>,
}

impl Sealed {
    pub(crate) fn of(key: KeyId, nonce: [u8; NONCE_BYTES], ciphertext: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + ciphertext.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(ciphertext);
        Self { bytes }
    }

    /// Reads a text that begins with [`MARK`].
    ///
    /// # Errors
    /// [`NotOpened`] when it is no sealed text of this version.
    pub fn parse(text: &str) -> Result<Self, NotOpened> {
        let encoded = text.strip_prefix(MARK).ok_or(NotOpened)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| NotOpened)?;
        let fits = bytes.first() == Some(&VERSION) && bytes.len() >= HEAD_BYTES;
        if fits { Ok(Self { bytes }) } else { Err(NotOpened) }
    }

    /// The key that it was sealed with.
    pub fn key(&self) -> KeyId {
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&self.bytes[1..=ID_BYTES]);
        KeyId::from_bytes(id)
    }

    pub(crate) fn nonce(&self) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&self.bytes[1 + ID_BYTES..HEAD_BYTES]);
        nonce
    }

    pub(crate) fn ciphertext(&self) -> &[u8] {
        &self.bytes[HEAD_BYTES..]
    }

    /// What is bound to the ciphertext: the version and the key.
    pub(crate) fn bound(key: KeyId) -> [u8; 1 + ID_BYTES] {
        let mut bound = [VERSION; 1 + ID_BYTES];
        bound[1..].copy_from_slice(key.as_bytes());
        bound
    }
}

impl std::fmt::Display for Sealed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{MARK}{}", URL_SAFE_NO_PAD.encode(&self.bytes))
    }
}
