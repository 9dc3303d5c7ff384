//! The HTTP form of an order's rejections: every rule of the domain, with its problem code and members.
//!
//! Details say what to do next and never repeat input.

use super::problems;
use crate::http::{field, validation};
use crate::json::FieldProblem;
use domain::FieldError;
use domain::order::{CommandName, MAX_LINES, OrderRejection, Status};
use server::Problem;

/// The problem of a rejection, with the members that a client needs to act on it.
pub fn rejected(rejection: &OrderRejection) -> Problem {
    let conflict = |code, detail: &str| Problem::new(code).detail(detail);
    match rejection {
        OrderRejection::OrderNotFound => {
            conflict(problems::ORDER_NOT_FOUND, "There is no order with this id.")
        }
        OrderRejection::OrderAlreadyExists => conflict(
            problems::ORDER_ALREADY_EXISTS,
            "An order with this id exists. Use another id, or leave it out to get a new one.",
        ),
        OrderRejection::IllegalTransition { command, current_status, allowed_commands } => {
            let allowed: Vec<_> = allowed_commands.iter().map(|name| name.as_str()).collect();
            conflict(problems::ILLEGAL_TRANSITION, &not_now(*command, *current_status))
                .with("current_status", current_status.as_str())
                .with("allowed_commands", allowed)
        }
        OrderRejection::PriceChanged { actual_total } => conflict(
            problems::PRICE_CHANGED,
            "The order costs another amount. Show it to the customer, then place it again.",
        )
        .with("actual_total", actual_total.to_string()),
        OrderRejection::PaymentConflict => {
            conflict(problems::PAYMENT_CONFLICT, "This payment_id is recorded with another amount.")
        }
        OrderRejection::RefundConflict => {
            conflict(problems::REFUND_CONFLICT, "This refund_id is recorded with another amount.")
        }
        OrderRejection::ShipmentConflict => conflict(
            problems::SHIPMENT_CONFLICT,
            "This shipment_id is recorded with another content.",
        ),
        OrderRejection::RefundExceedsCaptured { refundable } => conflict(
            problems::REFUND_EXCEEDS_CAPTURED,
            "All refunds together must not exceed all payments.",
        )
        .with("refundable", refundable.to_string()),
        OrderRejection::QuantityExceedsRemaining { line_id, remaining } => {
            conflict(problems::QUANTITY_EXCEEDS_REMAINING, "A line has fewer units left to ship.")
                .with("line_id", *line_id)
                .with("remaining", *remaining)
        }
        OrderRejection::EmptyOrder => {
            field("", "empty-order", "add a line before placing the order")
        }
        OrderRejection::Invalid(errors) => validation(errors.iter().map(broken_field).collect()),
    }
}

/// Why a command is not possible: the status, or a fact in it if other orders in that status may.
fn not_now(command: CommandName, status: Status) -> String {
    let command = match (command, status) {
        (CommandName::Ship, Status::Confirmed) => {
            return "Everything in the order is shipped: nothing remains to ship.".to_owned();
        }
        (CommandName::Cancel, Status::Placed | Status::Confirmed) => {
            return "Units of the order are shipped: it cannot be cancelled any more.".to_owned();
        }
        (CommandName::AddLine, Status::Draft) => {
            return format!("The order has {MAX_LINES} lines already, the most it may have.");
        }
        (command, _) => command.as_str(),
    };
    format!("{command} is not possible while the order is {}.", status.as_str())
}

fn broken_field((pointer, error): &(String, FieldError)) -> FieldProblem {
    let (pointer, detail) = (pointer.clone(), error.detail.clone());
    FieldProblem { pointer, code: error.code.into(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem;
    use crate::pipeline::{Commanded, Refusal};
    use domain::order::OrderAggregate;
    use domain::{Currency, Money};

    #[test]
    fn a_kept_rejection_reads_the_same_when_replayed() {
        let usd = Currency::from_code("USD").unwrap();
        let amount = Money::from_minor(1_050, usd);
        let rejections = [
            OrderRejection::OrderNotFound,
            OrderRejection::OrderAlreadyExists,
            OrderRejection::IllegalTransition {
                command: CommandName::Ship,
                current_status: Status::Placed,
                allowed_commands: vec![CommandName::Confirm, CommandName::Cancel],
            },
            OrderRejection::PriceChanged { actual_total: amount },
            OrderRejection::PaymentConflict,
            OrderRejection::RefundConflict,
            OrderRejection::ShipmentConflict,
            OrderRejection::RefundExceedsCaptured { refundable: amount },
            OrderRejection::QuantityExceedsRemaining { line_id: 2, remaining: 7 },
            OrderRejection::EmptyOrder,
        ];
        for rejection in rejections {
            let kept = OrderAggregate::keep(&rejection);
            let first =
                problem::<OrderAggregate>(Refusal::Rejected(rejection)).document("/here", "c-1");
            let again = problem::<OrderAggregate>(Refusal::Replayed(kept)).document("/here", "c-1");
            assert_eq!(first.to_string(), again.to_string());
        }
    }
}
