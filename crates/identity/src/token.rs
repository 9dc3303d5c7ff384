//! What a JSON Web Token must be (RFC 7519, with the advice of RFC 8725) before its claims are believed.

use crate::claims::{Claims, Members};
use crate::key_set::KeySet;
use crate::principal::{Principal, is_name};
use crate::role::Roles;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::Reference;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, get_current_timestamp};

/// The tolerance between the issuer's clock and ours, in seconds.
pub const LEEWAY_SECONDS: u64 = 30;
/// The most bytes of a token.
pub const MAX_TOKEN: usize = 8 * 1024;

/// Why a token is refused. For logs and metrics: the caller learns only that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no token that this server takes: its form, header or algorithm is wrong.
    #[error("unreadable")]
    Unreadable,
    /// No key of the issuer fits its key id; a newer set of keys may have one.
    #[error("unknown-key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("bad-signature")]
    Signature,
    /// A claim is missing, of another JSON type, expired, or meant for somebody else.
    #[error("bad-claims")]
    Claims,
}

/// What tokens must say.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The issuer, exactly.
    pub issuer: String,
    /// The audience: one of the token's.
    pub audience: String,
}

/// A token that was checked.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Who it names.
    pub principal: Principal,
    /// When it ends, in seconds since 1970; the leeway is not in it.
    pub expires: u64,
}

impl Expected {
    /// Checks a token with the issuer's keys.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(&self, token: &str, keys: &KeySet) -> Result<Checked, Refused> {
        if token.len() > MAX_TOKEN {
            return Err(Refused::Unreadable);
        }
        let header = decode_header(token).map_err(|_| Refused::Unreadable)?;
        if !is_plain(&header) || !has_plain_members(token) {
            return Err(Refused::Unreadable);
        }
        let validation = self.validation(header.alg);
        let mut refused = Refused::UnknownKey;
        for pinned in keys.candidates(header.alg, header.kid.as_deref()) {
            match decode::<Claims>(token, &pinned.key, &validation) {
                Ok(token) => return checked(token.claims),
                Err(error) => refused = reason(error.kind()),
            }
            if refused != Refused::Signature {
                break;
            }
        }
        Err(refused)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation
    }
}

/// A signed token and no more: no extension that must be understood, no token within, no encryption. Keys that it
/// carries or points to (`jwk`, `jku`, `x5u`, `x5c`) are never looked at.
fn is_plain(header: &Header) -> bool {
    let nested = header.cty.is_some();
    let encrypted = header.enc.is_some() || header.zip.is_some();
    header.crit.is_none() && !nested && !encrypted
}

/// Each member of the header stands there once, and none says that the claims are not in base64 (RFC 7797).
fn has_plain_members(token: &str) -> bool {
    let header = token.split('.').next().and_then(|header| BASE64.decode(header).ok());
    let members = header.and_then(|header| serde_json::from_slice::<Members>(&header).ok());
    members.is_some_and(|members| !members.0.contains_key("b64"))
}

fn reason(kind: &jsonwebtoken::errors::ErrorKind) -> Refused {
    use jsonwebtoken::errors::ErrorKind as Kind;
    match kind {
        Kind::InvalidSignature => Refused::Signature,
        Kind::InvalidToken | Kind::Base64(_) | Kind::InvalidAlgorithm => Refused::Unreadable,
        _ => Refused::Claims,
    }
}

fn checked(claims: Claims) -> Result<Checked, Refused> {
    let is_customer = |id: &String| Reference::parse(id).is_ok();
    let latest = get_current_timestamp() + LEEWAY_SECONDS;
    // A token of the future: the issuer's clock, or the issuer, is not the one we trust.
    let begins_later = [claims.iat, claims.nbf].iter().flatten().any(|begin| begin.0 > latest);
    if begins_later || !is_name(&claims.sub) || !claims.customer_id.iter().all(is_customer) {
        return Err(Refused::Claims);
    }
    let roles = match (&claims.roles, &claims.scope) {
        (Some(roles), _) => Roles::of_names(roles.iter().map(String::as_str)),
        (None, Some(scope)) => Roles::of_names(scope.split(' ')),
        (None, None) => Roles::default(),
    };
    let principal = Principal {
        actor: format!("jwt:{}", claims.sub).into(),
        roles,
        customer: claims.customer_id.map(Into::into),
    };
    Ok(Checked { principal, expires: claims.exp.0 })
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
