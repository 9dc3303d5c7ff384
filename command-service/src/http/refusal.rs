//! The HTTP form of refusals: the pipeline's own, and rejections that were stored under a key.
//!
//! Details say what to do next and never repeat input. A rejection is stored under its key as the members of its
//! problem. So a replay reads the same, whatever the aggregate would say now.

use super::{CommandApi, problems};
use crate::json::{FieldProblem, Unreadable};
use crate::pipeline::{Refusal, figures};
use serde_json::{Map, Value, json};
use server::{Problem, ProblemCode};

/// Seconds after which a refused caller may try again.
const RETRY_SOON: u64 = 1;

/// The members that every problem gets from its code.
const STANDARD_MEMBERS: [&str; 5] = ["type", "title", "status", "code", "detail"];

/// Turns a refusal of any kind into its problem document.
pub fn problem<A: CommandApi>(refusal: Refusal<A::Rejection>) -> Problem {
    let problem = match refusal {
        Refusal::Rejected(rejection) => A::rejected(&rejection),
        Refusal::Replayed(kept) => replayed::<A>(kept),
        Refusal::Forbidden => Problem::new(ProblemCode::FORBIDDEN)
            .detail("Give your own customer id; you can order for nobody else."),
        Refusal::PreconditionFailed { current_version } => {
            Problem::new(ProblemCode::PRECONDITION_FAILED)
                .detail(format!(
                    "The {} is at another version. Read it again, then decide again.",
                    A::NOUN
                ))
                .with("current_version", current_version)
        }
        Refusal::KeyReused => Problem::new(problems::IDEMPOTENCY_KEY_REUSED)
            .detail("The key was used for another request. Use a new key for a new request."),
        Refusal::InProgress => Problem::new(problems::REQUEST_IN_PROGRESS)
            .detail("A request with this key is being worked on. Repeat it to get its answer.")
            .retry_after(RETRY_SOON),
        Refusal::ConcurrentUpdate => Problem::new(problems::CONCURRENT_UPDATE)
            .detail(format!(
                "Others kept changing the {}. Nothing was stored; send it again.",
                A::NOUN
            ))
            .retry_after(RETRY_SOON),
        Refusal::InFuture => field("/at", "in-future", "must not be in the future"),
        Refusal::BeforeLastEvent { .. } => {
            let rule = format!("must not be before the {}'s last event", A::NOUN);
            field("/at", "before-last-event", rule)
        }
        Refusal::Overloaded => Problem::new(ProblemCode::OVERLOADED)
            .detail("Too many commands are waiting. Nothing was stored; send it again later.")
            .retry_after(RETRY_SOON),
        Refusal::Unavailable => Problem::new(ProblemCode::UNAVAILABLE)
            .detail("The event store cannot be written to now. Nothing was stored; try later.")
            .retry_after(RETRY_SOON),
        Refusal::OutcomeUnknown => Problem::new(ProblemCode::UNAVAILABLE)
            .detail(
                "Whether this was stored is not known yet. \
                 Repeat it with the same Idempotency-Key to find out.",
            )
            .retry_after(RETRY_SOON),
        Refusal::Internal => Problem::new(ProblemCode::INTERNAL),
    };
    metrics::counter!(figures::REFUSED, "code" => problem.code().as_str()).increment(1);
    problem
}

/// The problem of a body that is not a JSON document.
pub fn unreadable(why: Unreadable) -> Problem {
    match why {
        Unreadable::Malformed => Problem::new(ProblemCode::MALFORMED_JSON)
            .detail("The body must be one JSON document in UTF-8, nested at most 16 deep."),
        Unreadable::HugeNumber { pointer } => {
            field(&pointer, "out-of-range", "is a number beyond all limits")
        }
    }
}

/// The problem of broken fields of a body.
pub fn validation(errors: Vec<FieldProblem>) -> Problem {
    let errors = serde_json::to_value(errors).expect("broken fields hold only strings");
    Problem::new(ProblemCode::VALIDATION)
        .detail("Some fields break a rule; errors names each of them.")
        .with("errors", errors)
}

/// The problem of one broken field, with its rule in words.
pub fn field(pointer: &str, code: &'static str, rule: impl Into<String>) -> Problem {
    let (pointer, detail) = (pointer.to_owned(), rule.into());
    validation(vec![FieldProblem { pointer, code: code.into(), detail }])
}

fn replayed<A: CommandApi>(kept: Value) -> Problem {
    let Value::Object(members) = kept else { return unknown_record(&json!(null)) };
    let code = members.get("code").cloned().unwrap_or_default();
    let mut codes = A::REJECTIONS.iter().chain(&problems::SHARED);
    let Some(known) = codes.find(|known| code == known.as_str()) else {
        return unknown_record(&code);
    };
    let mut problem = Problem::new(*known);
    if let Some(detail) = members.get("detail").and_then(Value::as_str) {
        problem = problem.detail(detail);
    }
    own_members(members).fold(problem, |problem, (name, value)| problem.with(&name, value))
}

fn own_members(members: Map<String, Value>) -> impl Iterator<Item = (String, Value)> {
    members.into_iter().filter(|(name, _)| !STANDARD_MEMBERS.contains(&name.as_str()))
}

fn unknown_record(code: &Value) -> Problem {
    tracing::error!(%code, "a stored refusal has no known code");
    Problem::new(ProblemCode::INTERNAL)
}
