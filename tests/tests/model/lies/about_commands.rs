//! Lies about the answers to commands and imports.

use super::Twist::{Body, Header, Lines, Whole};
use super::{Asked, Lie, Memory, lie, moved, swapped, with_header};
use serde_json::{Value, json};
use system_tests::client::Answer;

pub const LIES: [Lie; 18] = [
    lie("a refusal has another code", "expected 409 illegal-transition", refused, {
        Body(|body| swapped(&mut body["code"], "illegal-transition", "price-changed"))
    }),
    lie("a command too much is allowed", "expected `allowed_commands`", refused, {
        Body(|body| {
            let allowed = body.get_mut("allowed_commands").and_then(Value::as_array_mut);
            allowed.into_iter().for_each(|allowed| allowed.push(json!("split")));
        })
    }),
    lie("a broken field is not named", "expected errors", refused, {
        Body(|body| {
            if body["errors"][0]["code"] != "empty-order" {
                body.get_mut("errors").and_then(Value::as_array_mut).and_then(Vec::pop);
            }
        })
    }),
    lie("a problem is about nothing", "expected a whole problem document", refused, {
        Body(|body| body["instance"] = Value::Null)
    }),
    lie("an event is left out of the answer", "`events`: expected", accepted, {
        Body(|body| {
            body["events"].as_array_mut().and_then(Vec::pop);
        })
    }),
    lie("a command answers the status before", "`status`: expected", accepted, {
        Body(|body| swapped(&mut body["status"], "confirmed", "placed"))
    }),
    lie("a command has the tag of no version", "expected ETag", accepted, {
        Header("ETag", Some("\"0\""))
    }),
    lie("a token is ahead of the log", "expected position = Consistency-Token", accepted, {
        Whole(|_, asked, answer| match asked.path == asked.bare() {
            true => with_header(answer, "Consistency-Token", Some("1000000")),
            false => answer,
        })
    }),
    lie("nothing says where a new order is", "expected Location", accepted, {
        Header("Location", None)
    }),
    lie("a used key does its work again", "expected again, as a replay", accepted_again, {
        Header("Idempotent-Replayed", None)
    }),
    lie("a refusal is forgotten under its key", "expected again, as a replay", refused_again, {
        Header("Idempotent-Replayed", None)
    }),
    lie("a key answers to another request", "not 422 idempotency-key-reused", keyed, {
        Whole(|memory, asked, answer| match answer.text().contains("idempotency-key-reused") {
            // A key that a race used first is unknown, and a key whose request was refused may be free.
            true => match memory.get(asked.key().unwrap_or_default()) {
                Some(first) => again(first),
                None => answer,
            },
            false => {
                if answer.status < 300 {
                    memory.first(asked.key().unwrap_or_default(), answer.clone());
                }
                answer
            }
        })
    }),
    lie("a broken field is kept under its key", "expected no replay", keyed, {
        Whole(|memory, asked, answer| match answer.text().contains("/problems/validation") {
            true => first(memory, asked, answer),
            false => memory.get(asked.key().unwrap_or_default()).unwrap_or(answer),
        })
    }),
    lie("a dry run is of the version before", "in `order`: ", accepted, {
        Body(|body| {
            if body["order"].is_object() {
                moved(&mut body["order"]["version"], -1);
            }
        })
    }),
    lie("a dry run has no order", "expected updated_at", accepted, {
        Body(|body| {
            if body["order"].is_object() {
                body["order"]["updated_at"] = json!("2001-01-01T00:00:00.000000Z");
            }
        })
    }),
    lie("a race is won by two", "expected some order in which all of these are right", won, {
        Body(|body| moved(&mut body["version"], 1))
    }),
    lie("an import counts a line too many", "import of", imports, {
        Lines(|line| {
            if line["summary"].is_object() {
                moved(&mut line["summary"]["applied"], 1);
            }
        })
    }),
    lie("a refused line goes without mention", "a refusal of line", imports, {
        Lines(|line| {
            if line["problem"].is_object() {
                *line = Value::Null;
            }
        })
    }),
];

// A race is judged as a whole, and its report says no more. So only one lie is about races, and the others leave them
// alone. A repeated answer must equal the first, so the lie falsifies the first.

fn refused(asked: &Asked<'_>, answer: &Answer) -> bool {
    is_lone(asked) && answer.status >= 400 && !is_again(answer)
}

fn accepted(asked: &Asked<'_>, answer: &Answer) -> bool {
    is_lone(asked) && answer.status < 300 && !is_again(answer)
}

fn refused_again(asked: &Asked<'_>, answer: &Answer) -> bool {
    is_lone(asked) && answer.status >= 400 && is_again(answer)
}

fn accepted_again(asked: &Asked<'_>, answer: &Answer) -> bool {
    is_lone(asked) && answer.status < 300 && is_again(answer)
}

fn is_lone(asked: &Asked<'_>) -> bool {
    asked.commands() && !asked.racing
}

fn is_again(answer: &Answer) -> bool {
    answer.header("Idempotent-Replayed").is_some()
}

fn keyed(asked: &Asked<'_>, _: &Answer) -> bool {
    asked.key().is_some() && !asked.racing
}

fn won(asked: &Asked<'_>, answer: &Answer) -> bool {
    asked.commands() && asked.racing && answer.status < 300
}

fn imports(asked: &Asked<'_>, _: &Answer) -> bool {
    asked.imports()
}

/// The first answer under the key.
fn first(memory: &Memory, asked: &Asked<'_>, answer: Answer) -> Answer {
    again(memory.first(asked.key().unwrap_or_default(), answer))
}

/// Marks the answer as a replay.
fn again(answer: Answer) -> Answer {
    with_header(answer, "Idempotent-Replayed", Some("true"))
}
