//! The problem codes of stock commands. Nobody who does not sell from stock gets them.

use crate::http::problems::SHARED;
use axum::http::StatusCode as S;
use server::ProblemCode;
use server::problem::{Responses, problem_responses};
use utoipa::IntoResponses;

/// Fewer units are available than the reservation wants; nothing is held.
pub const OUT_OF_STOCK: ProblemCode =
    ProblemCode::new("out-of-stock", S::CONFLICT, "Too few units are available");
/// No reservation has the id.
pub const RESERVATION_UNKNOWN: ProblemCode =
    ProblemCode::new("reservation-unknown", S::CONFLICT, "There is no such reservation");
/// The reservation's id stands for other lines.
pub const RESERVATION_CONFLICT: ProblemCode = ProblemCode::new(
    "reservation-conflict",
    S::CONFLICT,
    "The reservation id is recorded with other content",
);
/// Only firm units may leave.
pub const RESERVATION_NOT_FIRM: ProblemCode =
    ProblemCode::new("reservation-not-firm", S::CONFLICT, "The reservation is not firm");
/// The reservation was refused, has expired or was released.
pub const RESERVATION_LOST: ProblemCode =
    ProblemCode::new("reservation-lost", S::CONFLICT, "The reservation holds nothing any more");
/// The reservation's units have left.
pub const RESERVATION_COMMITTED: ProblemCode =
    ProblemCode::new("reservation-committed", S::CONFLICT, "The reserved units have left");
/// The id of a receipt, an adjustment or a return stands for other content.
pub const MOVEMENT_CONFLICT: ProblemCode =
    ProblemCode::new("movement-conflict", S::CONFLICT, "The id is recorded with other content");
/// More would be taken away than is on hand.
pub const ADJUSTMENT_EXCEEDS_STOCK: ProblemCode = ProblemCode::new(
    "adjustment-exceeds-stock",
    S::CONFLICT,
    "More would be taken away than is on hand",
);
/// More units than the system counts.
pub const STOCK_LIMIT: ProblemCode =
    ProblemCode::new("stock-limit", S::CONFLICT, "More units than can be counted");

/// The codes of rejections besides `validation`.
pub const REJECTIONS: [ProblemCode; 9] = [
    OUT_OF_STOCK,
    RESERVATION_UNKNOWN,
    RESERVATION_CONFLICT,
    RESERVATION_NOT_FIRM,
    RESERVATION_LOST,
    RESERVATION_COMMITTED,
    MOVEMENT_CONFLICT,
    ADJUSTMENT_EXCEEDS_STOCK,
    STOCK_LIMIT,
];

/// Every problem that a command may be answered with, for the OpenAPI document.
pub struct StockProblems;

impl IntoResponses for StockProblems {
    fn responses() -> Responses {
        problem_responses(&[&REJECTIONS[..], &SHARED].concat())
    }
}
