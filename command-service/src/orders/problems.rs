//! The problem codes of order commands.

use crate::http::problems::SHARED;
use axum::http::StatusCode as S;
use server::ProblemCode;
use server::problem::{Responses, problem_responses};
use utoipa::IntoResponses;

/// No order has the id.
pub const ORDER_NOT_FOUND: ProblemCode =
    ProblemCode::new("order-not-found", S::NOT_FOUND, "There is no such order");
/// The id of a new order is already used.
pub const ORDER_ALREADY_EXISTS: ProblemCode =
    ProblemCode::new("order-already-exists", S::CONFLICT, "The order id is in use");
/// The command is not possible in this status.
pub const ILLEGAL_TRANSITION: ProblemCode =
    ProblemCode::new("illegal-transition", S::CONFLICT, "The order's status does not allow this");
/// The order's total is not the one that the customer agreed to.
pub const PRICE_CHANGED: ProblemCode =
    ProblemCode::new("price-changed", S::CONFLICT, "The total has changed");
/// The payment's id is recorded with another amount.
pub const PAYMENT_CONFLICT: ProblemCode = ProblemCode::new(
    "payment-conflict",
    S::CONFLICT,
    "The payment id is recorded with other content",
);
/// The refund's id is recorded with another amount.
pub const REFUND_CONFLICT: ProblemCode = ProblemCode::new(
    "refund-conflict",
    S::CONFLICT,
    "The refund id is recorded with other content",
);
/// The shipment's id is recorded with other content.
pub const SHIPMENT_CONFLICT: ProblemCode = ProblemCode::new(
    "shipment-conflict",
    S::CONFLICT,
    "The shipment id is recorded with other content",
);
/// The refund would exceed what was paid and not refunded.
pub const REFUND_EXCEEDS_CAPTURED: ProblemCode =
    ProblemCode::new("refund-exceeds-captured", S::CONFLICT, "Refunds would exceed what was paid");
/// The shipment would exceed the units that remain.
pub const QUANTITY_EXCEEDS_REMAINING: ProblemCode = ProblemCode::new(
    "quantity-exceeds-remaining",
    S::CONFLICT,
    "More than what remains to be shipped",
);

/// The codes of rejections besides `validation`, including those of earlier builds.
pub const REJECTIONS: [ProblemCode; 9] = [
    ORDER_NOT_FOUND,
    ILLEGAL_TRANSITION,
    ORDER_ALREADY_EXISTS,
    PRICE_CHANGED,
    PAYMENT_CONFLICT,
    REFUND_CONFLICT,
    SHIPMENT_CONFLICT,
    REFUND_EXCEEDS_CAPTURED,
    QUANTITY_EXCEEDS_REMAINING,
];

/// Every problem that a command may be answered with, for the OpenAPI document.
pub struct CommandProblems;

impl IntoResponses for CommandProblems {
    fn responses() -> Responses {
        problem_responses(&[&REJECTIONS[..], &SHARED].concat())
    }
}
