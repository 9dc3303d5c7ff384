//! Errors on the wire: RFC 9457 `application/problem+json`.
//!
//! A handler returns a [`Problem`]; the edge adds `instance` and `correlation_id` and renders the body, so that the
//! framework's own refusals (404, 405, 413 …) look the same. A response that is `application/problem+json` already
//! (a kept answer given again) passes untouched, and members named `instance` or `correlation_id` that a handler
//! added itself win.

mod code;
mod document;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

pub use code::ProblemCode;
pub use document::{FieldError, OperationProblems, ProblemDocument, Responses, problem_responses};

/// The media type of every refusal.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    code: ProblemCode,
    detail: Option<String>,
    retry_after: Option<u64>,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem with no detail yet.
    pub fn new(code: ProblemCode) -> Self {
        Self { code, detail: None, retry_after: None, members: Map::new() }
    }

    /// What to do next, in one or two sentences; never echoes input.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// An extension member, e.g. `current_status`.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds `Retry-After` (seconds).
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The code.
    pub fn code(&self) -> ProblemCode {
        self.code
    }

    /// The JSON members without `instance` and `correlation_id` (for import answers and kept answers).
    pub fn to_value(&self) -> Value {
        Value::Object(self.members())
    }

    /// The whole document, as the edge writes it.
    pub fn document(&self, instance: &str, correlation_id: &str) -> Value {
        let mut members = self.members();
        for (name, value) in [("instance", instance), ("correlation_id", correlation_id)] {
            members.entry(name).or_insert_with(|| Value::from(value));
        }
        Value::Object(members)
    }

    fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("type".into(), self.code.type_reference().into());
        members.insert("title".into(), self.code.title().into());
        members.insert("status".into(), self.code.status().as_u16().into());
        let detail = self.detail.as_deref().unwrap_or(self.code.title());
        members.insert("detail".into(), detail.into());
        members.insert("code".into(), self.code.as_str().into());
        for (name, value) in &self.members {
            members.insert(name.clone(), value.clone());
        }
        members
    }
}

/// Leaves the body to the edge, which knows the instance and the correlation id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.code.status();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives a refusal its body; anything else passes as it is.
pub(crate) fn rendered(response: Response, instance: &str, correlation_id: &str) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_problem(&response) {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    let problem = parts
        .extensions
        .remove::<Problem>()
        .unwrap_or_else(|| Problem::new(ProblemCode::for_status(status)));
    parts.status = problem.code.status();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    let body = problem.document(instance, correlation_id).to_string();
    Response::from_parts(parts, Body::from(body))
}

fn is_problem(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON)
}
