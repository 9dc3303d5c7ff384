//! The keys that sign tokens: a JSON Web Key Set (RFC 7517), with one algorithm pinned to each key.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// The most keys of a set.
const MAX_KEYS: usize = 64;
/// The fewest bytes of a secret for HS256: as many as its hash has (RFC 7518, section 3.2).
const MIN_SECRET: usize = 32;

/// Why a key set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// The text is no key set.
    #[error("it is no JSON Web Key Set: {0}")]
    Unreadable(serde_json::Error),
    /// No key of the set can verify a token.
    #[error("it has no key for RS256, ES256 or EdDSA signatures")]
    Empty,
    /// The set is too large.
    #[error("it has {0} keys, over {MAX_KEYS}")]
    TooMany(usize),
    /// The secret is too short.
    #[error("the secret has {0} bytes; HS256 asks for {MIN_SECRET} or more")]
    ShortSecret(usize),
}

/// A key, and the one algorithm whose signatures it verifies. A token never chooses the algorithm: a public key
/// presented as an HS256 secret, or `none`, finds no key.
#[derive(Clone)]
pub struct PinnedKey {
    /// The key's id; `None` fits only tokens without one.
    pub id: Option<String>,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// The key.
    pub key: DecodingKey,
}

/// The keys of an issuer.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<PinnedKey>,
    /// The hash of what it was read from: two sets are equal if their texts are.
    source: [u8; 32],
}

impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl KeySet {
    /// Reads a JSON Web Key Set. Keys of other kinds and for other uses are passed over: issuers publish encryption keys
    /// in the same set.
    ///
    /// # Errors
    /// When the text is no set, or no key of it can verify.
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Set<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let set: Set<'_> = serde_json::from_slice(text).map_err(KeySetError::Unreadable)?;
        if set.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooMany(set.keys.len()));
        }
        let keys: Vec<PinnedKey> = set.keys.iter().filter_map(|key| pinned(key.get())).collect();
        if keys.is_empty() {
            return Err(KeySetError::Empty);
        }
        Ok(Self { keys, source: Sha256::digest(text).into() })
    }

    /// The one key of a shared secret, for HS256.
    ///
    /// # Errors
    /// When the secret is short.
    pub fn of_secret(secret: &[u8]) -> Result<Self, KeySetError> {
        if secret.len() < MIN_SECRET {
            return Err(KeySetError::ShortSecret(secret.len()));
        }
        let key = DecodingKey::from_secret(secret);
        let keys = vec![PinnedKey { id: None, algorithm: Algorithm::HS256, key }];
        Ok(Self { keys, source: Sha256::digest(secret).into() })
    }

    /// How many keys it has.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has none: its source was not read yet.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that may have signed a token of this algorithm and key id. A token without id fits every key of its
    /// algorithm.
    pub fn candidates<'a>(
        &'a self,
        algorithm: Algorithm,
        id: Option<&'a str>,
    ) -> impl Iterator<Item = &'a PinnedKey> {
        self.keys.iter().filter(move |key| {
            key.algorithm == algorithm
                && (id.is_none() || key.id.is_none() || key.id.as_deref() == id)
        })
    }
}

fn pinned(text: &str) -> Option<PinnedKey> {
    let jwk: Jwk = serde_json::from_str(text).ok()?;
    if !verifies(&jwk) {
        return None;
    }
    let algorithm = algorithm(&jwk)?;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(PinnedKey { id: jwk.common.key_id, algorithm, key })
}

fn verifies(jwk: &Jwk) -> bool {
    let use_fits =
        jwk.common.public_key_use.as_ref().is_none_or(|its| *its == PublicKeyUse::Signature);
    let operations = jwk.common.key_operations.as_ref();
    use_fits && operations.is_none_or(|its| its.contains(&KeyOperations::Verify))
}

/// The algorithm that the key names, or the one that its type has. Never HS256: a published secret is none.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let fits = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    jwk.common.key_algorithm.is_none_or(|named| named == fits.1).then_some(fits.0)
}
