//! A customer's key.

use crate::sealed::{NONCE_BYTES, Sealed};
use crate::{KeyId, NotOpened};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hmac, rand};
use zeroize::Zeroizing;

/// The bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// A key of one customer, with its name.
///
/// AES-256-GCM-SIV (RFC 8452) with a random nonce: if a nonce ever came twice, one could see that two texts are equal, and
/// nothing else.
pub struct DataKey {
    id: KeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    cipher: LessSafeKey,
}

/// Without the key.
impl std::fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DataKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl DataKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, Unspecified> {
        let (mut id, mut bytes) = ([0; 16], Zeroizing::new([0; KEY_BYTES]));
        rand::fill(&mut id)?;
        rand::fill(&mut *bytes)?;
        Self::of(uuid::Builder::from_random_bytes(id).into_uuid(), bytes)
    }

    pub(crate) fn of(id: KeyId, bytes: Zeroizing<[u8; KEY_BYTES]>) -> Result<Self, Unspecified> {
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, &*bytes)?);
        Ok(Self { id, bytes, cipher })
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// The fingerprint of a hash, HMAC-SHA-256: without the key nobody can tell whose hash it was of.
    pub fn fingerprint(&self, hash: &[u8; 32]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.bytes);
        let tag = hmac::sign(&key, hash);
        std::array::from_fn(|at| tag.as_ref()[at])
    }

    /// Seals a text.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, text: &str) -> Result<Sealed, Unspecified> {
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce)?;
        let mut ciphertext = text.as_bytes().to_vec();
        let bound = Aad::from(Sealed::bound(self.id));
        let with = Nonce::assume_unique_for_key(nonce);
        self.cipher.seal_in_place_append_tag(with, bound, &mut ciphertext)?;
        Ok(Sealed::of(self.id, nonce, &ciphertext))
    }

    /// Opens a text that was sealed with this key.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub fn open(&self, sealed: &Sealed) -> Result<String, NotOpened> {
        let mut bytes = sealed.ciphertext().to_vec();
        let bound = Aad::from(Sealed::bound(self.id));
        let nonce = Nonce::assume_unique_for_key(sealed.nonce());
        let length =
            self.cipher.open_in_place(nonce, bound, &mut bytes).map_err(|_| NotOpened)?.len();
        bytes.truncate(length);
        String::from_utf8(bytes).map_err(|_| NotOpened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_comes_back_with_its_key_and_with_no_other(text in ".{0,200}") {
            let (key, other) = (DataKey::generate().unwrap(), DataKey::generate().unwrap());
            let sealed = key.seal(&text).unwrap();
            let stored = sealed.to_string();
            prop_assert!(text.is_empty() || !stored.contains(&text) || text.len() < 4);
            let read = Sealed::parse(&stored).unwrap();
            prop_assert_eq!((&read, read.key()), (&sealed, key.id()));
            prop_assert_eq!(key.open(&read), Ok(text));
            prop_assert_eq!(other.open(&read), Err(NotOpened));
        }

        #[test]
        fn a_changed_byte_is_noticed(text in ".{1,40}", at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let key = DataKey::generate().unwrap();
            let sealed = key.seal(&text).unwrap();
            let mut bytes = [&sealed.nonce()[..], sealed.ciphertext()].concat();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let (nonce, ciphertext) = bytes.split_at(NONCE_BYTES);
            let changed = Sealed::of(key.id(), nonce.try_into().unwrap(), ciphertext);
            prop_assert_eq!(key.open(&changed), Err(NotOpened));
        }
    }

    #[test]
    fn equal_texts_are_sealed_differently_and_no_key_is_shown() {
        let key = DataKey::generate().unwrap();
        assert_ne!(key.seal("Ada").unwrap(), key.seal("Ada").unwrap());
        assert_eq!(format!("{key:?}"), format!("DataKey {{ id: {:?}, .. }}", key.id()));
    }

    #[test]
    fn a_fingerprint_is_that_of_rfc_2104_and_differs_with_the_key() {
        let key = |bytes| DataKey::of(KeyId::nil(), Zeroizing::new([bytes; 32])).unwrap();
        let fingerprint = key(0x0b).fingerprint(b"Hi there, a text of 32 bytes now");
        // From: printf 'Hi there, …' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0b0b…
        assert_eq!(
            hex::encode(fingerprint),
            "b472e66693dacf3e2537ff9a8e1aba3fae18f1ccfa6444092f9539d867495b72"
        );
        assert_ne!(fingerprint, key(0x0c).fingerprint(b"Hi there, a text of 32 bytes now"));
    }

    #[test]
    fn what_is_no_sealed_text_is_refused() {
        for text in ["", "Ada", "\u{1a}", "\u{1a}AAAA", "\u{1a}not base64!", "\u{1a}AgAA"] {
            assert_eq!(Sealed::parse(text), Err(NotOpened), "{text:?}");
        }
    }
}
