//! Strict extractors for query, path and media type. Either the handler gets values, or the client gets a 400/415.

mod query;
mod value;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use uuid::Uuid;

pub use query::{NoQuery, StrictQuery, read};

use crate::problem::{Problem, ProblemCode};

/// Length of a hyphenated UUID: the only form that is accepted.
const UUID_LENGTH: usize = 36;

/// Longest id that callers choose themselves (`customer.id`, `product_id` …).
const MAX_CALLER_ID: usize = 64;

/// The path's `{id}` as a hyphenated UUID; anything else is 400 `invalid-parameter`.
#[derive(Debug, Clone, Copy)]
pub struct PathUuid(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathUuid {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = only_parameter(parts, state).await?;
        let uuid = (text.len() == UUID_LENGTH).then(|| Uuid::try_parse(&text).ok()).flatten();
        uuid.map(Self).ok_or_else(|| {
            invalid("id")
                .detail("The id in the path must be a UUID: 8-4-4-4-12 hexadecimal digits.")
        })
    }
}

/// The path's id as its callers chose it: 1–64 of `A–Z a–z 0–9 . _ : -`, else 400 `invalid-parameter`.
#[derive(Debug, Clone)]
pub struct PathCallerId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathCallerId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = only_parameter(parts, state).await?;
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        if (1..=MAX_CALLER_ID).contains(&text.len()) && text.bytes().all(known) {
            return Ok(Self(text));
        }
        Err(invalid("id").detail("The id in the path takes 1 to 64 of A-Z a-z 0-9 . _ : -"))
    }
}

async fn only_parameter<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<String, Problem> {
    let undecodable = || invalid("id").detail("The path is not percent-encoded UTF-8.");
    let found = RawPathParams::from_request_parts(parts, state).await.map_err(|_| undecodable())?;
    found.iter().next().map(|(_, value)| value.to_owned()).ok_or_else(undecodable)
}

/// 400 `invalid-parameter` that names the parameter, never its value.
pub fn invalid(parameter: &str) -> Problem {
    Problem::new(ProblemCode::INVALID_PARAMETER)
        .detail(format!("The parameter {parameter} cannot be read."))
        .with("parameter", parameter)
}

/// Refuses a body that does not say it is `application/json`.
///
/// # Errors
/// 415 `unsupported-media-type`.
pub fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    require_media_type(headers, "application/json")
}

/// Refuses a body of another media type (a `charset`, if named, must be UTF-8, however it is spelt) or with a content
/// encoding.
///
/// # Errors
/// 415 `unsupported-media-type`, naming the type that is taken.
pub fn require_media_type(headers: &HeaderMap, expected: &str) -> Result<(), Problem> {
    let mut given = headers.get_all(header::CONTENT_TYPE).iter();
    let fits = match (given.next(), given.next()) {
        (Some(value), None) => {
            value.as_bytes() == expected.as_bytes() || {
                value.to_str().is_ok_and(|text| is_media_type(text, expected))
            }
        }
        _ => false,
    };
    if fits && !is_encoded(headers) {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::UNSUPPORTED_MEDIA_TYPE)
        .detail(format!("Send the body as Content-Type: {expected}, without Content-Encoding.")))
}

/// True when the body is said to be compressed.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn is_media_type(text: &str, expected: &str) -> bool {
    let mut pieces = pieces(text);
    let kind = pieces.next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case(expected)
        && pieces.all(|piece| match piece.trim().split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                is_utf8(value.trim())
            }
            _ => true,
        })
}

/// The media type and its parameters; a semicolon in quotes separates nothing.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let parts = character == ';' && !quoted;
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && quoted && !escaped;
        parts
    })
}

/// Any spelling of UTF-8: `utf-8`, `UTF8`, `utf_8`, `csUTF8`, in quotes or not.
fn is_utf8(charset: &str) -> bool {
    let unquoted = charset.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let plain: String =
        unquoted.unwrap_or(charset).chars().filter(|c| !matches!(c, '-' | '_')).collect();
    plain.eq_ignore_ascii_case("utf8") || plain.eq_ignore_ascii_case("csutf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_media_type_is_taken() {
        let cases = [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=UTF-8"), true),
            (Some("application/json;charset=\"utf-8\""), true),
            (Some("application/json; charset=utf8"), true),
            (Some("application/json; Charset=\"UTF8\"; profile=x"), true),
            (Some("application/json; charset=Utf_8"), true),
            (Some("application/json; charset=csUTF8"), true),
            (Some("application/json; profile=\"a;charset=latin1\""), true),
            (Some("application/json; profile=\"a\\\";charset=latin1\";charset=utf-8"), true),
            (Some("application/json;"), true),
            (Some("application/json; charset=latin1"), false),
            (Some("application/json; charset=\"latin1\""), false),
            (Some("application/json; charset=utf-16"), false),
            (Some("application/json; charset=utf-8; charset=latin1"), false),
            (Some("application/json; charset=\"utf-8"), false),
            (Some("application/json; charset=utf-8x"), false),
            (Some("application/json; charset='utf-8'"), false),
            (Some("application/json; charset="), false),
            (Some("application/json; profile=\"a\";charset=latin1"), false),
            (Some("application/jsonx"), false),
            (Some("text/plain"), false),
            (Some(""), false),
            (None, false),
        ];
        for (given, taken) in cases {
            let mut headers = HeaderMap::new();
            if let Some(kind) = given {
                headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            }
            assert_eq!(require_json(&headers).is_ok(), taken, "{given:?}");
        }
    }

    #[test]
    fn a_compressed_body_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        headers.insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        let refusal = require_json(&headers).unwrap_err();
        assert_eq!(refusal.code(), ProblemCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
