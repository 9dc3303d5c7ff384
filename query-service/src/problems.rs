//! The problem codes of views.

use axum::http::StatusCode;
use read_model::ReadModelError;
use server::problem::{Responses, problem_responses};
use server::{Problem, ProblemCode};
use utoipa::IntoResponses;

/// Seconds after which a client may repeat a request that could not be answered now.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 1;

/// A cursor that belongs to another list, or to none.
pub const INVALID_CURSOR: ProblemCode = ProblemCode::new(
    "invalid-cursor",
    StatusCode::BAD_REQUEST,
    "The cursor does not belong to this list",
);
/// No order has the id.
pub const ORDER_NOT_FOUND: ProblemCode =
    ProblemCode::new("order-not-found", StatusCode::NOT_FOUND, "There is no such order");
/// The order began after the time that was asked for.
pub const NOT_YET_CREATED: ProblemCode = ProblemCode::new(
    "not-yet-created",
    StatusCode::NOT_FOUND,
    "The order did not exist at that time",
);
/// No warehouse has ever had the product, or none had by then.
pub const STOCK_NOT_FOUND: ProblemCode =
    ProblemCode::new("stock-not-found", StatusCode::NOT_FOUND, "There is no stock of this product");
/// No reservation has the id, or none had by then.
pub const RESERVATION_NOT_FOUND: ProblemCode = ProblemCode::new(
    "reservation-not-found",
    StatusCode::NOT_FOUND,
    "There is no such reservation",
);
/// Nobody signs this log.
pub const NO_CHECKPOINT: ProblemCode =
    ProblemCode::new("no-checkpoint", StatusCode::NOT_FOUND, "The log has no signed checkpoint");
/// The view has not applied the position that was asked for.
pub const READ_MODEL_BEHIND: ProblemCode = ProblemCode::new(
    "read-model-behind",
    StatusCode::SERVICE_UNAVAILABLE,
    "The view has not caught up",
);

/// The error answers that every view may give.
pub struct ReadProblems;

impl IntoResponses for ReadProblems {
    fn responses() -> Responses {
        problem_responses(&[
            INVALID_CURSOR,
            ORDER_NOT_FOUND,
            ProblemCode::NOT_FOUND,
            NOT_YET_CREATED,
            NO_CHECKPOINT,
            READ_MODEL_BEHIND,
        ])
    }
}

/// The error answers that views of stock may give.
pub struct StockProblems;

impl IntoResponses for StockProblems {
    fn responses() -> Responses {
        problem_responses(&[
            INVALID_CURSOR,
            STOCK_NOT_FOUND,
            RESERVATION_NOT_FOUND,
            READ_MODEL_BEHIND,
        ])
    }
}

/// The answer to a client when the read model fails; the failure is logged here, once.
pub fn of_read_model(error: ReadModelError) -> Problem {
    match error {
        ReadModelError::Unavailable(reason) | ReadModelError::Missing(reason) => {
            tracing::warn!(reason, "the read model is unavailable");
            Problem::new(ProblemCode::UNAVAILABLE)
                .detail("The read model cannot be read right now. Try again in a moment.")
                .retry_after(RETRY_AFTER_SECONDS)
        }
        error => {
            tracing::error!(%error, "the read model cannot be used");
            Problem::new(ProblemCode::INTERNAL)
        }
    }
}
