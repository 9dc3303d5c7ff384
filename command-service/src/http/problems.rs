//! The problem codes that commands of every aggregate share.

use axum::http::StatusCode;
use server::ProblemCode;

/// Other writers came first, at every attempt.
pub const CONCURRENT_UPDATE: ProblemCode = ProblemCode::new(
    "concurrent-update",
    StatusCode::CONFLICT,
    "Others changed this at the same time",
);
/// A request with the same key has not been answered yet.
pub const REQUEST_IN_PROGRESS: ProblemCode = ProblemCode::new(
    "request-in-progress",
    StatusCode::CONFLICT,
    "The same request is still running",
);
/// The key was used for another request.
pub const IDEMPOTENCY_KEY_REUSED: ProblemCode = ProblemCode::new(
    "idempotency-key-reused",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The idempotency key belongs to another request",
);

/// The problems that any aggregate's command may be answered with.
pub const SHARED: [ProblemCode; 5] = [
    CONCURRENT_UPDATE,
    REQUEST_IN_PROGRESS,
    IDEMPOTENCY_KEY_REUSED,
    ProblemCode::PRECONDITION_FAILED,
    ProblemCode::VALIDATION,
];
