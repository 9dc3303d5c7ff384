//! How refusals read on the wire: every rule of the domain and of the pipeline, with its problem code and members.
//!
//! Details say what to do next and never repeat input. A rejection is kept under its key as the members of its
//! problem, so that a replay reads the same whatever this file says by then.

use crate::json::{FieldProblem, Unreadable};
use crate::pipeline::{Commanded, Refusal, Settles, figures};
use domain::FieldError;
use domain::order::{CommandName, MAX_LINES, Order, OrderAggregate, OrderRejection, Status};
use serde_json::{Map, Value, json};
use server::{Problem, ProblemCode};

/// Seconds after which a refused caller may try again.
const RETRY_SOON: u64 = 1;

/// The codes of rejections that settle a key, now or in an earlier build: what may stand in a kept answer.
const KEPT_CODES: [ProblemCode; 10] = [
    ProblemCode::OrderNotFound,
    ProblemCode::OrderAlreadyExists,
    ProblemCode::IllegalTransition,
    ProblemCode::PriceChanged,
    ProblemCode::PaymentConflict,
    ProblemCode::RefundConflict,
    ProblemCode::ShipmentConflict,
    ProblemCode::RefundExceedsCaptured,
    ProblemCode::QuantityExceedsRemaining,
    ProblemCode::Validation,
];
/// The members that every problem has by its code.
const STANDARD_MEMBERS: [&str; 5] = ["type", "title", "status", "code", "detail"];

impl Commanded for OrderAggregate {
    fn status(state: &Option<Order>) -> &'static str {
        state.as_ref().map_or("absent", |order| order.status.as_str())
    }

    fn keep(rejection: &OrderRejection) -> Value {
        rejected(rejection).to_value()
    }

    fn settles(rejection: &OrderRejection) -> Settles {
        match rejection {
            // A corrected body, or one sent when the order is there, is no other request than it was meant to be.
            OrderRejection::OrderNotFound | OrderRejection::Invalid(_) => Settles::Nothing,
            OrderRejection::OrderAlreadyExists
            | OrderRejection::IllegalTransition { .. }
            | OrderRejection::PriceChanged { .. }
            | OrderRejection::PaymentConflict
            | OrderRejection::RefundConflict
            | OrderRejection::ShipmentConflict
            | OrderRejection::RefundExceedsCaptured { .. }
            | OrderRejection::QuantityExceedsRemaining { .. }
            | OrderRejection::EmptyOrder => Settles::Key,
        }
    }
}

/// A refusal as a problem.
pub fn problem(refusal: Refusal<OrderRejection>) -> Problem {
    let problem = match refusal {
        Refusal::Rejected(rejection) => rejected(&rejection),
        Refusal::Replayed(kept) => replayed(kept),
        Refusal::PreconditionFailed { current_version } => {
            Problem::new(ProblemCode::PreconditionFailed)
                .detail("The order is at another version. Read it again, then decide again.")
                .with("current_version", current_version)
        }
        Refusal::KeyReused => Problem::new(ProblemCode::IdempotencyKeyReused)
            .detail("The key was used for another request. Use a new key for a new request."),
        Refusal::InProgress => Problem::new(ProblemCode::RequestInProgress)
            .detail("A request with this key is being worked on. Repeat it to get its answer.")
            .retry_after(RETRY_SOON),
        Refusal::ConcurrentUpdate => Problem::new(ProblemCode::ConcurrentUpdate)
            .detail("Others kept changing the order. Nothing was stored; send it again.")
            .retry_after(RETRY_SOON),
        Refusal::InFuture => field("/at", "in-future", "must not be in the future"),
        Refusal::BeforeLastEvent { .. } => {
            field("/at", "before-last-event", "must not be before the order's last event")
        }
        Refusal::Overloaded => Problem::new(ProblemCode::Overloaded)
            .detail("Too many commands are waiting. Nothing was stored; send it again later.")
            .retry_after(RETRY_SOON),
        Refusal::Unavailable => Problem::new(ProblemCode::Unavailable)
            .detail("The event store cannot be written to now. Nothing was stored; try later.")
            .retry_after(RETRY_SOON),
        Refusal::OutcomeUnknown => Problem::new(ProblemCode::Unavailable)
            .detail(
                "Whether this was stored is not known yet. \
                 Repeat it with the same Idempotency-Key to find out.",
            )
            .retry_after(RETRY_SOON),
        Refusal::Internal => Problem::new(ProblemCode::Internal),
    };
    metrics::counter!(figures::REFUSED, "code" => problem.code().as_str()).increment(1);
    problem
}

/// A body that is no JSON document.
pub fn unreadable(why: Unreadable) -> Problem {
    match why {
        Unreadable::Malformed => Problem::new(ProblemCode::MalformedJson)
            .detail("The body must be one JSON document in UTF-8, nested at most 16 deep."),
        Unreadable::HugeNumber { pointer } => {
            field(&pointer, "out-of-range", "is a number beyond all limits")
        }
    }
}

/// Broken fields of a body.
pub fn validation(errors: Vec<FieldProblem>) -> Problem {
    let errors = serde_json::to_value(errors).expect("broken fields hold only strings");
    Problem::new(ProblemCode::Validation)
        .detail("Some fields break a rule; errors names each of them.")
        .with("errors", errors)
}

fn field(pointer: &str, code: &'static str, detail: &str) -> Problem {
    let (pointer, detail) = (pointer.to_owned(), detail.to_owned());
    validation(vec![FieldProblem { pointer, code: code.into(), detail }])
}

fn rejected(rejection: &OrderRejection) -> Problem {
    let conflict = |code, detail: &str| Problem::new(code).detail(detail);
    match rejection {
        OrderRejection::OrderNotFound => {
            conflict(ProblemCode::OrderNotFound, "There is no order with this id.")
        }
        OrderRejection::OrderAlreadyExists => conflict(
            ProblemCode::OrderAlreadyExists,
            "An order with this id exists. Use another id, or leave it out to get a new one.",
        ),
        OrderRejection::IllegalTransition { command, current_status, allowed_commands } => {
            let allowed: Vec<_> = allowed_commands.iter().map(|name| name.as_str()).collect();
            conflict(ProblemCode::IllegalTransition, &not_now(*command, *current_status))
                .with("current_status", current_status.as_str())
                .with("allowed_commands", allowed)
        }
        OrderRejection::PriceChanged { actual_total } => conflict(
            ProblemCode::PriceChanged,
            "The order costs another amount. Show it to the customer, then place it again.",
        )
        .with("actual_total", actual_total.to_string()),
        OrderRejection::PaymentConflict => conflict(
            ProblemCode::PaymentConflict,
            "This payment_id is recorded with another amount.",
        ),
        OrderRejection::RefundConflict => {
            conflict(ProblemCode::RefundConflict, "This refund_id is recorded with another amount.")
        }
        OrderRejection::ShipmentConflict => conflict(
            ProblemCode::ShipmentConflict,
            "This shipment_id is recorded with another content.",
        ),
        OrderRejection::RefundExceedsCaptured { refundable } => conflict(
            ProblemCode::RefundExceedsCaptured,
            "All refunds together must not exceed all payments.",
        )
        .with("refundable", refundable.to_string()),
        OrderRejection::QuantityExceedsRemaining { line_id, remaining } => {
            conflict(ProblemCode::QuantityExceedsRemaining, "A line has fewer units left to ship.")
                .with("line_id", *line_id)
                .with("remaining", *remaining)
        }
        OrderRejection::EmptyOrder => {
            field("", "empty-order", "add a line before placing the order")
        }
        OrderRejection::Invalid(errors) => validation(errors.iter().map(broken_field).collect()),
    }
}

/// Why a command is not possible: the status, or what has been done in it when others in that status may.
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

fn replayed(kept: Value) -> Problem {
    let Value::Object(members) = kept else { return unknown_record(&json!(null)) };
    let code = members.get("code").cloned().unwrap_or_default();
    let Some(known) = KEPT_CODES.into_iter().find(|known| code == known.as_str()) else {
        return unknown_record(&code);
    };
    let mut problem = Problem::new(known);
    if let Some(detail) = members.get("detail").and_then(Value::as_str) {
        problem = problem.detail(detail);
    }
    own_members(members).fold(problem, |problem, (name, value)| problem.with(&name, value))
}

fn own_members(members: Map<String, Value>) -> impl Iterator<Item = (String, Value)> {
    members.into_iter().filter(|(name, _)| !STANDARD_MEMBERS.contains(&name.as_str()))
}

fn unknown_record(code: &Value) -> Problem {
    tracing::error!(%code, "a kept refusal has no known code");
    Problem::new(ProblemCode::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;
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
            let first = problem(Refusal::Rejected(rejection)).document("/here", "c-1");
            let again = problem(Refusal::Replayed(kept)).document("/here", "c-1");
            assert_eq!(first.to_string(), again.to_string());
        }
    }
}
