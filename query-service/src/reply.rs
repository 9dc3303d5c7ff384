//! Answers: JSON with the position it shows, conditional requests.

use crate::consistency::TOKEN_HEADER;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use sha2::{Digest, Sha256};

static TOKEN: HeaderName = HeaderName::from_static(TOKEN_HEADER);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Bytes of the hash that a tag of a composed answer holds.
const TAG_BYTES: usize = 16;

/// 200 with JSON that shows everything up to `position`.
pub fn json(position: u64, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(TOKEN.clone(), HeaderValue::from(position));
    response
}

/// A page of a list, ready to be sent to every client that asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// The page shows everything up to this position.
    pub position: u64,
    /// The page as JSON.
    pub body: Bytes,
}

/// The value of `ETag`, without the quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// The tag of a stream by itself: its version.
    pub fn version(version: u64) -> Self {
        Self(version.to_string())
    }

    /// The tag of an order with parts composed in: its version and a hash of the bytes, because the parts change without
    /// the order's version.
    pub(crate) fn composed(version: u64, body: &[u8]) -> Self {
        let digest = hex::encode(&Sha256::digest(body)[..TAG_BYTES]);
        Self(format!("{version}-{digest}"))
    }

    /// The tag of an order whose personal data were erased: its version, a dot and a hash of the bytes. A command's
    /// `If-Match` takes it as the version.
    pub(crate) fn erased(version: u64, body: &[u8]) -> Self {
        let digest = hex::encode(&Sha256::digest(body)[..TAG_BYTES]);
        Self(format!("{version}.{digest}"))
    }

    /// The tag of an item that is short: its version, a dot and a hash of the bytes, because the reservations to release
    /// change without the item. A command's `If-Match` takes it as the version.
    pub(crate) fn short(version: u64, body: &[u8]) -> Self {
        Self::erased(version, body)
    }

    /// As `ETag` gives it: `"7"`.
    pub fn header(&self) -> HeaderValue {
        let quoted = format!("\"{}\"", self.0);
        HeaderValue::from_str(&quoted)
            .expect("digits, letters, hyphens, dots and quotes are visible ASCII")
    }
}

/// 304: the client has what this tag stands for.
pub fn not_modified(position: u64, tag: &Tag) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(TOKEN.clone(), HeaderValue::from(position));
    response.headers_mut().insert(header::ETAG, tag.header());
    response
}

/// Whether `If-None-Match` names this tag. Tags are compared weakly, as RFC 9110 asks.
pub fn has_tag(headers: &HeaderMap, tag: &Tag) -> bool {
    let given = headers.get_all(header::IF_NONE_MATCH).iter();
    given.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|given| {
        let given = given.trim();
        let given = given.strip_prefix("W/").unwrap_or(given);
        let quoted = given.strip_prefix('"').and_then(|given| given.strip_suffix('"'));
        given == "*" || quoted.is_some_and(|given| given == tag.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_takes_lists_weak_tags_and_the_star() {
        for (given, unchanged) in [
            ("\"7\"", true),
            ("W/\"7\"", true),
            ("\"1\", \"7\"", true),
            ("*", true),
            ("\"8\"", false),
            ("7", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, given.parse().unwrap());
            assert_eq!(has_tag(&headers, &Tag::version(7)), unchanged, "{given}");
        }
        assert!(!has_tag(&HeaderMap::new(), &Tag::version(7)));
    }
}
