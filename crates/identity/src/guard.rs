//! Who a request's `Authorization` header names.

use crate::key_source::IssuerKeys;
use crate::session::{Ends, Session};
use crate::token::{Checked, Expected, LEEWAY_SECONDS, Refused};
use http::{HeaderMap, header};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How many checked tokens are remembered, so that a caller's next request costs no signature check.
const REMEMBERED: usize = 10_000;

/// The credentials in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given<'a> {
    /// None.
    Nothing,
    /// A bearer token or API key.
    Bearer(&'a str),
    /// Something else: another scheme, two headers, no text.
    Unreadable,
}

impl<'a> Given<'a> {
    /// The credentials in these headers (RFC 6750, section 2.1). Forms and query parameters are never read: they end up in
    /// logs.
    pub fn read(headers: &'a HeaderMap) -> Self {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return if headers.contains_key(header::AUTHORIZATION) {
                Self::Unreadable
            } else {
                Self::Nothing
            };
        };
        let Ok(text) = value.to_str() else { return Self::Unreadable };
        match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => {
                Self::Bearer(token)
            }
            _ => Self::Unreadable,
        }
    }
}

/// How tokens are checked: what they must say, and the keys of those that sign them.
#[derive(Clone)]
pub struct Tokens {
    expected: Expected,
    issuers: Vec<IssuerKeys>,
    remembered: Arc<Cache<[u8; 32], Arc<Remembered>>>,
}

/// A token that was checked with the keys of this generation.
struct Remembered {
    session: Session,
    generation: u64,
}

impl Tokens {
    /// Tokens that say what is expected, signed by a key of one of these sources.
    pub fn new(expected: Expected, issuers: Vec<IssuerKeys>) -> Self {
        Self { expected, issuers, remembered: Arc::new(Cache::new(REMEMBERED)) }
    }

    /// Checks a token with the keys that are there.
    ///
    /// # Errors
    /// [`Refused`]; [`Refused::UnknownKey`] may pass after [`Self::newer_keys`].
    pub(crate) fn check(&self, token: &str, now: u64) -> Result<Session, Refused> {
        let generation = self.issuers.iter().map(|keys| keys.current().generation).sum();
        let name: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self.remembered.get(&name)
            && known.generation == generation
        {
            return match known.session.ends {
                Ends::At(end) if end < now => Err(Refused::Claims),
                _ => Ok(known.session.clone()),
            };
        }
        let Checked { principal, expires } = self.check_with_each(token)?;
        let ends = Ends::At(expires.saturating_add(LEEWAY_SECONDS));
        let session = Session { principal: Arc::new(principal), ends };
        let known = Remembered { session: session.clone(), generation };
        self.remembered.insert(name, Arc::new(known));
        Ok(session)
    }

    fn check_with_each(&self, token: &str) -> Result<Checked, Refused> {
        let mut refused = Refused::UnknownKey;
        for issuer in &self.issuers {
            match self.expected.check(token, &issuer.current().keys) {
                Ok(checked) => return Ok(checked),
                Err(Refused::UnknownKey) => {}
                Err(other) => refused = other,
            }
        }
        Err(refused)
    }

    /// Waits until the issuers' keys were read again: a token names one that is not known.
    pub(crate) async fn newer_keys(&self) {
        futures::future::join_all(self.issuers.iter().map(IssuerKeys::newer)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let pairs = values.iter().map(|value| (header::AUTHORIZATION, value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn one_bearer_token_is_read() {
        assert_eq!(Given::read(&headers(&[])), Given::Nothing);
        for good in ["Bearer abc", "bearer abc", "BEARER abc"] {
            assert_eq!(Given::read(&headers(&[good])), Given::Bearer("abc"));
        }
        for bad in ["abc", "Bearer", "Bearer ", "Basic YTpi", "Bearerabc", ""] {
            assert_eq!(Given::read(&headers(&[bad])), Given::Unreadable, "{bad}");
        }
        assert_eq!(Given::read(&headers(&["Bearer a", "Bearer b"])), Given::Unreadable);
    }
}
