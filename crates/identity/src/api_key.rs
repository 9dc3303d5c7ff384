//! API keys: `olk_<id>_<secret>`. The id finds the key, the secret proves it.
//!
//! Only a hash of the secret is stored. The secret has 256 random bits, so a plain SHA-256 is enough: there is nothing to
//! guess, and a slow hash would only cost time on each request.

use crate::principal::Principal;
use crate::role::{Role, Roles};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// The beginning of every key, for people and for scanners that look for secrets in the open.
pub const PREFIX: &str = "olk_";
/// Random bytes of an id.
const ID_BYTES: usize = 8;
/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// A key as its owner holds it: shown once, never stored.
#[derive(Clone)]
pub struct ApiKey {
    id: String,
    secret: String,
}

impl ApiKey {
    /// Makes a key from the system's random numbers.
    ///
    /// # Errors
    /// When the system has none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        Ok(Self { id: hex::encode(id), secret: hex::encode(secret) })
    }

    /// Reads what a caller sent; `None` if it has not the form of a key.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_hex = |text: &str, bytes| {
            text.len() == 2 * bytes && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        (is_hex(id, ID_BYTES) && is_hex(secret, SECRET_BYTES))
            .then(|| Self { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// The part that finds the key; no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The hash of the secret, as it is stored.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }

    /// The whole key, to be shown once.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ApiKey({}, …)", self.id)
    }
}

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The part that finds it.
    pub id: String,
    /// Who holds it, in words: `till-3`. Becomes the actor `key:till-3`.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The customer whose orders it owns; only for [`Role::Customer`].
    pub customer: Option<String>,
    /// The hash of its secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl StoredKey {
    /// Whether it is in force.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// The caller that it proves.
    pub fn principal(&self) -> Principal {
        Principal {
            actor: format!("key:{}", self.name).into(),
            roles: Roles::of(&[self.role]),
            customer: self.customer.as_deref().map(Into::into),
        }
    }
}

/// Whether what a caller sent proves the stored key. Takes the same time for a key that is not there as for a wrong
/// secret.
pub fn proves(given: &ApiKey, stored: Option<&StoredKey>, now: DateTime<Utc>) -> bool {
    let hash = stored.map_or([0; 32], |key| key.hash);
    let fits: bool = given.hash().ct_eq(&hash).into();
    fits && stored.is_some_and(|key| key.is_valid(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn stored(key: &ApiKey) -> StoredKey {
        StoredKey {
            id: key.id().to_owned(),
            name: "till-3".to_owned(),
            role: Role::Staff,
            customer: None,
            hash: key.hash(),
            created_at: DateTime::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_reads_back_and_hides_its_secret() {
        let key = ApiKey::generate().unwrap();
        let read = ApiKey::parse(&key.reveal()).unwrap();
        assert_eq!((read.id(), read.hash()), (key.id(), key.hash()));
        assert!(!format!("{key:?}").contains(&key.secret));
        assert_ne!(key.reveal(), ApiKey::generate().unwrap().reveal());
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_none() {
        let key = ApiKey::generate().unwrap().reveal();
        for bad in [
            "",
            PREFIX,
            "olk__",
            &key[1..],
            &key[..key.len() - 1],
            &format!("{key}0"),
            &key.to_uppercase(),
            &key.replacen("olk_", "olk-", 1),
            &format!("{key}_"),
        ] {
            assert!(ApiKey::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_proven_by_its_secret_until_it_ends() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(400);
        let key = ApiKey::generate().unwrap();
        let known = stored(&key);
        assert!(proves(&key, Some(&known), now));
        assert!(!proves(&key, None, now));
        let other = ApiKey { id: key.id.clone(), secret: "0".repeat(64) };
        assert!(!proves(&other, Some(&known), now));
        let ended = StoredKey { expires_at: Some(now), ..known.clone() };
        assert!(!proves(&key, Some(&ended), now));
        let running = StoredKey { expires_at: Some(now + TimeDelta::seconds(1)), ..known.clone() };
        assert!(proves(&key, Some(&running), now));
        let revoked = StoredKey { revoked_at: Some(now - TimeDelta::days(1)), ..known };
        assert!(!proves(&key, Some(&revoked), now));
    }
}
