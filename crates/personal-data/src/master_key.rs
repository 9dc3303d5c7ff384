//! The key that wraps all others. It is kept apart from everything else.

use crate::data_key::{DataKey, KEY_BYTES};
use crate::sealed::NONCE_BYTES;
use crate::{KeyId, NotOpened};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{digest, rand};
use zeroize::Zeroizing;

/// What a master key's text begins with, so that nobody takes another secret for one.
const PREFIX: &str = "olmk_";

/// Why a text is no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Its form.
    #[error(
        "a master key is olmk_ and 64 hexadecimal digits; `orderlog keys create-master` makes one"
    )]
    Form,
}

/// The key that wraps data keys.
pub struct MasterKey {
    id: [u8; 8],
    text: Zeroizing<String>,
    cipher: LessSafeKey,
}

/// Without the key.
impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MasterKey").finish_non_exhaustive()
    }
}

impl MasterKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, Unspecified> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(&mut *bytes)?;
        Self::of(&bytes)
    }

    /// Reads a key; blanks and line ends around it do not count.
    ///
    /// # Errors
    /// When it has not the form of one. The error does not show the text.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(MasterKeyError::Form)?;
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        hex::decode_to_slice(digits, &mut *bytes).map_err(|_| MasterKeyError::Form)?;
        Self::of(&bytes).map_err(|_| MasterKeyError::Form)
    }

    fn of(bytes: &[u8; KEY_BYTES]) -> Result<Self, Unspecified> {
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, bytes)?);
        let mut id = [0; 8];
        id.copy_from_slice(&digest::digest(&digest::SHA256, bytes).as_ref()[..8]);
        let digits = Zeroizing::new(hex::encode(bytes));
        let text = Zeroizing::new([PREFIX, &digits].concat());
        Ok(Self { id, text, cipher })
    }

    /// The key itself, for the file that it is kept in.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Which of several master keys this is: the first bytes of its SHA-256.
    pub fn id(&self) -> [u8; 8] {
        self.id
    }

    /// A data key as it is stored.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn wrap(&self, key: &DataKey) -> Result<Vec<u8>, Unspecified> {
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce)?;
        let mut wrapped = key.bytes().to_vec();
        let with = Nonce::assume_unique_for_key(nonce);
        let bound = Aad::from(*key.id().as_bytes());
        self.cipher.seal_in_place_append_tag(with, bound, &mut wrapped)?;
        Ok([&nonce[..], &wrapped].concat())
    }

    /// The data key of this name that was wrapped.
    ///
    /// # Errors
    /// [`NotOpened`] when another master key wrapped it, or another data key.
    pub fn unwrap(&self, id: KeyId, wrapped: &[u8]) -> Result<DataKey, NotOpened> {
        let (nonce, rest) = wrapped.split_first_chunk::<NONCE_BYTES>().ok_or(NotOpened)?;
        let mut rest = Zeroizing::new(rest.to_vec());
        let bound = Aad::from(*id.as_bytes());
        let with = Nonce::assume_unique_for_key(*nonce);
        let bytes = self.cipher.open_in_place(with, bound, &mut rest).map_err(|_| NotOpened)?;
        let bytes: [u8; KEY_BYTES] = (&*bytes).try_into().map_err(|_| NotOpened)?;
        DataKey::of(id, Zeroizing::new(bytes)).map_err(|_| NotOpened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_opens_what_the_key_sealed() {
        let (master, key) = (MasterKey::generate().unwrap(), DataKey::generate().unwrap());
        let wrapped = master.wrap(&key).unwrap();
        let read = MasterKey::parse(&format!("{}\n", master.reveal())).unwrap();
        assert_eq!(read.id(), master.id());
        let unwrapped = read.unwrap(key.id(), &wrapped).unwrap();
        assert_eq!(unwrapped.open(&key.seal("Ada").unwrap()).unwrap(), "Ada");
        let (other, another) = (MasterKey::generate().unwrap(), DataKey::generate().unwrap());
        assert!(other.unwrap(key.id(), &wrapped).is_err());
        assert!(master.unwrap(another.id(), &wrapped).is_err(), "under another name");
        assert!(master.unwrap(key.id(), &wrapped[1..]).is_err());
    }

    #[test]
    fn what_is_no_master_key_is_refused_and_not_shown() {
        let good = MasterKey::generate().unwrap().reveal().to_owned();
        for text in [
            "",
            "olmk_",
            &good[5..],
            &good[..68],
            &format!("{good}0"),
            &good.replace("olmk", "olk"),
        ] {
            assert_eq!(MasterKey::parse(text).unwrap_err(), MasterKeyError::Form, "{text}");
        }
        assert!(!format!("{:?}", MasterKey::parse(&good).unwrap()).contains(&good[5..20]));
    }
}
