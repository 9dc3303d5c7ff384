//! Which web pages may call from a browser (CORS). Off unless an origin is named.

use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use std::time::Duration;
use tower_http::cors::CorsLayer;

/// How long a browser may remember the answer.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What a page may send.
const SENT: [HeaderName; 10] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("consistency-token"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("prefer"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("x-correlation-id"),
];

/// What a page may read.
const READ: [HeaderName; 11] = [
    header::ETAG,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("consistency-token"),
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("memento-datetime"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-correlation-id"),
];

/// Answers browsers for pages of these origins. There are no cookies here, so none are let through.
pub(crate) fn layer(origins: &[Origin]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins.iter().map(|origin| origin.0.clone()).collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(SENT)
        .expose_headers(READ)
        .max_age(REMEMBERED)
}

/// Where a page comes from: `https://shop.example`, with a port if it is not the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl std::str::FromStr for Origin {
    type Err = &'static str;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write an origin as browsers do, without a path: https://shop.example";
        let uri: Uri = given.parse().map_err(|_| WRONG)?;
        let bare = uri.path() == "/" && uri.query().is_none() && !given.ends_with('/');
        let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        let lower = !given.contains(|letter: char| letter.is_ascii_uppercase());
        if !(bare && named && web && lower) {
            return Err(WRONG);
        }
        HeaderValue::from_str(given).map(Self).map_err(|_| WRONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_scheme_a_host_and_nothing_else() {
        for good in ["https://shop.example", "http://localhost:3000", "https://[::1]:8443"] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in [
            "*",
            "null",
            "shop.example",
            "https://shop.example/",
            "https://shop.example/a",
            "https://shop.example?a",
            "ftp://shop.example",
            "https://a@shop.example",
            "HTTPS://shop.example",
            "https://Shop.example",
            "",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
