//! Answers: a status and a JSON body as the provider writes them, and what becomes of an answer on its way.

use serde_json::{Value, json};

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: Value,
    /// The header `Retry-After`, in seconds.
    pub retry_after_s: Option<u64>,
    /// Whether it is a stored answer (`Idempotent-Replayed: true`).
    pub replayed: bool,
}

/// What the caller gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// This answer.
    Answer(Reply),
    /// Nothing, however long it waits.
    Silence,
    /// The end of the connection.
    Cut,
}

/// What happens on a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Reaction {
    /// The milliseconds until the caller gets it.
    pub wait_ms: u64,
    /// Whether due webhooks are delivered first.
    pub webhooks_first: bool,
    /// What the caller gets.
    pub fate: Fate,
}

impl Reply {
    /// 200.
    pub fn ok(body: Value) -> Self {
        Self { status: 200, body, retry_after_s: None, replayed: false }
    }

    /// An error's body as Stripe writes it. An empty `code` is left out.
    pub fn error(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let mut error = json!({ "type": kind, "message": message });
        if !code.is_empty() {
            error["code"] = json!(code);
        }
        Self { status, body: json!({ "error": error }), retry_after_s: None, replayed: false }
    }

    /// 400 for a request that can never succeed as it is.
    pub fn bad(code: &str, message: &str) -> Self {
        Self::error(400, "invalid_request_error", code, message)
    }

    /// 404 for an object that does not exist.
    pub fn missing(what: &str, id: &str) -> Self {
        let message = format!("No such {what}: '{id}'");
        Self::error(404, "invalid_request_error", "resource_missing", &message)
    }

    /// The 500 of a planned fault.
    pub fn server_error() -> Self {
        Self::error(500, "api_error", "", "The sandbox was told to fail.")
    }

    /// The 429 of a planned fault.
    pub fn too_many(retry_after_s: Option<u64>) -> Self {
        let mut reply =
            Self::error(429, "invalid_request_error", "rate_limit", "Too many requests.");
        reply.retry_after_s = retry_after_s;
        reply
    }
}
