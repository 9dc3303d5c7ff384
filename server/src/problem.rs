//! Errors on the wire: RFC 9457 `application/problem+json`.
//!
//! A handler returns a [`Problem`]; the outermost layer adds `instance` and `correlation_id` and renders the body, so
//! that the framework's own refusals (404, 405, 413 …) look the same.

use axum::response::{IntoResponse, Response};
use axum::http::StatusCode;
use serde_json::{Map, Value};

/// Every problem code of the contract, with its status and title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ProblemCode {
    MalformedJson, InvalidParameter, UnknownParameter, InvalidCursor, BadRequest,
    Unauthorized, Forbidden,
    OrderNotFound, NotFound, NotYetCreated,
    MethodNotAllowed, RequestTimeout,
    IllegalTransition, OrderAlreadyExists, PriceChanged, PaymentConflict, RefundConflict, ShipmentConflict,
    RefundExceedsCaptured, QuantityExceedsRemaining, ConcurrentUpdate, RequestInProgress,
    PreconditionFailed, PayloadTooLarge, UriTooLong, UnsupportedMediaType,
    Validation, IdempotencyKeyReused,
    RateLimited, HeadersTooLarge, Overloaded, ReadModelBehind, Unavailable, Internal,
}

impl ProblemCode {
    /// The code on the wire, e.g. `order-not-found`.
    pub fn as_str(self) -> &'static str { todo!() }
    /// The HTTP status.
    pub fn status(self) -> StatusCode { todo!() }
    /// The title.
    pub fn title(self) -> &'static str { todo!() }
}

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
    pub fn new(code: ProblemCode) -> Self { let _ = code; todo!() }
    /// What to do next, in one or two sentences; never echoes input.
    pub fn detail(self, detail: impl Into<String>) -> Self { let _ = detail.into(); todo!() }
    /// An extension member, e.g. `current_status`.
    pub fn with(self, name: &str, value: impl Into<Value>) -> Self { let _ = (name, value.into()); todo!() }
    /// Adds `Retry-After` (seconds).
    pub fn retry_after(self, seconds: u64) -> Self { let _ = seconds; todo!() }
    /// The code.
    pub fn code(&self) -> ProblemCode { self.code }
    /// The JSON members without `instance` and `correlation_id` (for import answers and kept answers).
    pub fn to_value(&self) -> Value { todo!() }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response { todo!() }
}
