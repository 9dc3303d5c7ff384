//! The HTTP form of stock's rejections: every rule of the domain, with its problem code and members.

use super::problems;
use crate::http::validation;
use crate::json::FieldProblem;
use domain::stock::StockRejection;
use server::{Problem, ProblemCode};

/// The problem of a rejection, with the members that a client needs to act on it.
pub fn rejected(rejection: &StockRejection) -> Problem {
    let conflict = |code, detail: &str| Problem::new(code).detail(detail);
    match rejection {
        StockRejection::ReservationUnknown => {
            conflict(problems::RESERVATION_UNKNOWN, "No reservation has this id. Reserve first.")
        }
        StockRejection::ReservationConflict => conflict(
            problems::RESERVATION_CONFLICT,
            "This reservation_id is recorded with other lines, or for another order. Use another id.",
        ),
        StockRejection::ReservationNotFirm => conflict(
            problems::RESERVATION_NOT_FIRM,
            "Only units of a firm reservation may leave. Make it firm first.",
        ),
        StockRejection::ReservationLost => conflict(
            problems::RESERVATION_LOST,
            "It was refused, has expired or was released. Reserve again under another id.",
        ),
        StockRejection::ReservationCommitted => conflict(
            problems::RESERVATION_COMMITTED,
            "Its units have left. Record a return when they come back.",
        ),
        StockRejection::MovementConflict => conflict(
            problems::MOVEMENT_CONFLICT,
            "This id is recorded for another movement of stock. Use another id.",
        ),
        StockRejection::AdjustmentExceedsStock { on_hand } => conflict(
            problems::ADJUSTMENT_EXCEEDS_STOCK,
            "An adjustment may take away no more than is on hand.",
        )
        .with("on_hand", *on_hand),
        StockRejection::StockLimit => conflict(
            problems::STOCK_LIMIT,
            "The units of an item must stay below 9007199254740992.",
        ),
        StockRejection::Invalid(errors) => {
            let broken = |(pointer, error): &(String, domain::FieldError)| FieldProblem {
                pointer: pointer.clone(),
                code: error.code.into(),
                detail: error.detail.clone(),
            };
            validation(errors.iter().map(broken).collect())
        }
        StockRejection::WrongStreams => {
            tracing::error!("stock was decided on streams of other types");
            Problem::new(ProblemCode::INTERNAL)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem;
    use crate::pipeline::{Commanded, Refusal};
    use domain::FieldError;
    use domain::stock::StockAggregate;

    #[test]
    fn a_kept_rejection_reads_the_same_when_replayed() {
        let rejections = [
            StockRejection::ReservationUnknown,
            StockRejection::ReservationConflict,
            StockRejection::ReservationNotFirm,
            StockRejection::ReservationLost,
            StockRejection::ReservationCommitted,
            StockRejection::MovementConflict,
            StockRejection::AdjustmentExceedsStock { on_hand: 7 },
            StockRejection::StockLimit,
            StockRejection::Invalid(vec![(
                "/lines".into(),
                FieldError::new("too-many", "too many"),
            )]),
        ];
        for rejection in rejections {
            let kept = StockAggregate::keep(&rejection);
            let first =
                problem::<StockAggregate>(Refusal::Rejected(rejection)).document("/here", "c-1");
            let again = problem::<StockAggregate>(Refusal::Replayed(kept)).document("/here", "c-1");
            assert_eq!(first.to_string(), again.to_string());
        }
    }
}
