//! The parts of a command request outside its body: query, conditions, keys. Read strictly, before the body.

use super::if_match;
use crate::pipeline::{Effect, Precondition};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;
use server::{Problem, ProblemCode};
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

/// Longest idempotency key.
const MAX_KEY_LENGTH: usize = 255;

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The query of every command.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CommandQuery {
    /// Decide and answer, but store nothing.
    #[serde(default)]
    #[param(default = false, required = false)]
    pub dry_run: bool,
}

/// The headers of every command, as documented.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)] // read from the header map by hand; this is its documentation
pub struct CommandHeaders {
    /// The same key with the same request gives the first answer again and appends nothing.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        required = false
    )]
    idempotency_key: Option<String>,
    /// Only at this version, `"7"`, or at one of several, `"7", "9"`; `*` if the stream exists, `"0"` if it
    /// must not exist yet. Weak tags match nothing.
    #[param(
        rename = "If-Match",
        pattern = r#"^(\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)$"#,
        required = false,
        value_type = String
    )]
    if_match: Option<String>,
    /// Stored on the events and given back; made if absent.
    #[param(
        rename = "X-Correlation-Id",
        min_length = 1,
        max_length = 128,
        pattern = "^[!-~]+$",
        required = false
    )]
    correlation_id: Option<String>,
    /// W3C trace context: stored and sent on.
    #[param(rename = "traceparent", required = false, value_type = String)]
    traceparent: Option<String>,
}

/// The conditions of a command request.
#[derive(Debug)]
pub struct Conditions {
    /// Whether to store or only to preview.
    pub effect: Effect,
    /// `If-Match`.
    pub precondition: Option<Precondition>,
    /// `Idempotency-Key`; a dry run neither reads nor keeps answers, so it has none.
    pub idempotency_key: Option<String>,
}

impl Conditions {
    /// Reads query and headers.
    ///
    /// # Errors
    /// 400 `invalid-parameter` or `unknown-parameter`.
    pub fn read(parts: &Parts) -> Result<Self, Problem> {
        let effect = effect(parts)?;
        let precondition = if_match::read(&parts.headers)?;
        let key = idempotency_key(&parts.headers)?.filter(|_| effect == Effect::Store);
        Ok(Self { effect, precondition, idempotency_key: key.map(str::to_owned) })
    }
}

/// The effect that the query asks for.
fn effect(parts: &Parts) -> Result<Effect, Problem> {
    let Some(query) = parts.uri.query() else { return Ok(Effect::Store) };
    let CommandQuery { dry_run } = server::extract::read(query)?;
    Ok(if dry_run { Effect::Preview } else { Effect::Store })
}

/// `Idempotency-Key`: visible ASCII.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = only(headers, &IDEMPOTENCY_KEY)? else { return Ok(None) };
    let bytes = value.as_bytes();
    let fits = (1..=MAX_KEY_LENGTH).contains(&bytes.len());
    let key = std::str::from_utf8(bytes).ok();
    let key = key.filter(|_| fits && bytes.iter().all(u8::is_ascii_graphic));
    key.map(Some).ok_or_else(|| {
        server::extract::invalid("Idempotency-Key")
            .detail("Idempotency-Key takes 1 to 255 visible ASCII characters.")
    })
}

/// The identity of a keyed request: another request with the same key must have the same one.
pub fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for piece in [parts.method.as_str(), parts.uri.path()] {
        hash.update(piece.as_bytes());
        hash.update([0]);
    }
    for (place, condition) in parts.headers.get_all(header::IF_MATCH).iter().enumerate() {
        if place > 0 {
            hash.update(b",");
        }
        hash.update(condition.as_bytes());
    }
    hash.update([0]);
    hash.update(body);
    hash.finalize().into()
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Problem::new(ProblemCode::INVALID_PARAMETER)
            .detail(format!("The header {name} may be given once."))
            .with("parameter", name.as_str())),
        (value, None) => Ok(value),
    }
}
