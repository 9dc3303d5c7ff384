//! The request's context: correlation id and trace, created or checked once, then passed on everywhere.
//!
//! The edge puts it on every request before any handler runs. A correlation id that breaks the rule is refused (it
//! would be stored on events); a malformed `traceparent` is ignored, as W3C Trace Context asks.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use uuid::Uuid;

use crate::problem::{Problem, ProblemCode};

/// The header that carries the correlation id, in and out.
pub const CORRELATION_HEADER: &str = "x-correlation-id";

/// The longest correlation id that is accepted, in characters.
pub const MAX_CORRELATION_ID: usize = 128;

/// Length of a version 00 `traceparent`.
const TRACEPARENT_LENGTH: usize = 55;

/// Extension on every request; an axum extractor. Set by [`crate::layer`].
#[derive(Debug, Clone, Default)]
pub struct RequestContext {
    /// `X-Correlation-Id`, or made (UUID v7): at most 128 visible ASCII characters.
    pub correlation_id: String,
    /// `traceparent`, if it was well-formed.
    pub traceparent: Option<String>,
}

impl RequestContext {
    /// A new context for work that no request began.
    pub fn made() -> Self {
        Self { correlation_id: Uuid::now_v7().to_string(), traceparent: None }
    }

    /// Reads the context of a request.
    ///
    /// # Errors
    /// 400 `invalid-parameter` when the correlation id is repeated, empty, too long or not visible ASCII.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut given = headers.get_all(CORRELATION_HEADER).iter();
        let correlation_id = match (given.next(), given.next()) {
            (None, _) => Uuid::now_v7().to_string(),
            (Some(value), None) => visible(value.as_bytes()).ok_or_else(refused)?.to_owned(),
            (Some(_), Some(_)) => return Err(refused()),
        };
        Ok(Self { correlation_id, traceparent: traceparent(headers) })
    }
}

/// Extension on every request: the address that its connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(Self::made))
    }
}

fn refused() -> Problem {
    Problem::new(ProblemCode::INVALID_PARAMETER)
        .detail("X-Correlation-Id takes one value of 1 to 128 visible ASCII characters.")
        .with("parameter", "X-Correlation-Id")
}

fn visible(value: &[u8]) -> Option<&str> {
    let fits = !value.is_empty() && value.len() <= MAX_CORRELATION_ID;
    (fits && value.iter().all(u8::is_ascii_graphic)).then(|| std::str::from_utf8(value).ok())?
}

/// `version-traceid-parentid-flags`; a later version is read by the fields of version 00, which it must keep.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let mut given = headers.get_all("traceparent").iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let value = value.to_str().ok()?;
    let known = value.get(..TRACEPARENT_LENGTH)?;
    let rest = &value[TRACEPARENT_LENGTH..];
    let mut fields = known.split('-');
    let (version, trace, parent, flags) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let lengths = [(version, 2), (trace, 32), (parent, 16), (flags, 2)];
    let well_formed = lengths.iter().all(|(field, length)| field.len() == *length && hex(field))
        && fields.next().is_none()
        && version != "ff"
        && !zero(trace)
        && !zero(parent)
        && (rest.is_empty() || (version != "00" && rest.starts_with('-')));
    well_formed.then(|| format!("00-{trace}-{parent}-{flags}"))
}

fn hex(field: &str) -> bool {
    field.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn zero(field: &str) -> bool {
    field.bytes().all(|b| b == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_correlation_id_is_kept_or_made() {
        let kept = RequestContext::from_headers(&with(CORRELATION_HEADER, "order-7/a")).unwrap();
        assert_eq!(kept.correlation_id, "order-7/a");
        let made = RequestContext::from_headers(&HeaderMap::new()).unwrap();
        assert_eq!(Uuid::parse_str(&made.correlation_id).unwrap().get_version_num(), 7);
    }

    #[test]
    fn a_correlation_id_that_is_long_or_not_visible_is_refused() {
        for bad in ["", "a b", "a\tb", "\u{e9}", &"x".repeat(129)] {
            let refusal = RequestContext::from_headers(&with(CORRELATION_HEADER, bad));
            assert_eq!(refusal.unwrap_err().code(), ProblemCode::INVALID_PARAMETER, "{bad:?}");
        }
        assert!(RequestContext::from_headers(&with(CORRELATION_HEADER, &"x".repeat(128))).is_ok());
    }

    #[test]
    fn a_malformed_traceparent_is_ignored() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(traceparent(&with("traceparent", good)).as_deref(), Some(good));
        let later = format!("cc{}-what-comes-later", &good[2..]);
        assert_eq!(traceparent(&with("traceparent", &later)).as_deref(), Some(good));
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e47360-0f067aa0ba902b7-01",
        ] {
            assert_eq!(traceparent(&with("traceparent", bad)), None, "{bad}");
        }
    }
}
