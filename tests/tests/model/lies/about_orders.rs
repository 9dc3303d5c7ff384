//! Lies about one order: its present, its past, and its events.

use super::Twist::{Body, Header, Whole};
use super::{Asked, Lie, Memory, lie, moved, rows, swapped, with_header};
use serde_json::{Value, json};
use system_tests::client::Answer;

pub const LIES: [Lie; 14] = [
    lie("an order is shown as it was", "`version`: expected", whole, {
        Whole(|memory, asked, answer| memory.first(asked.path, answer))
    }),
    lie("a view has applied less than was waited for", "expected a token", whole, {
        Header("Consistency-Token", Some("0"))
    }),
    lie("a past version is that of now", "?version=", order, {
        Whole(|memory, asked, answer| now_instead(memory, asked, answer, "?version="))
    }),
    lie("a past moment is that of now", "?as_of=", order, {
        Whole(|memory, asked, answer| now_instead(memory, asked, answer, "?as_of="))
    }),
    lie("what was known is what is known now", "?known_at=", order, {
        Whole(|memory, asked, answer| now_instead(memory, asked, answer, "?known_at="))
    }),
    lie("a past order has no date", "expected a Memento-Datetime", order, {
        Header("Memento-Datetime", None)
    }),
    lie("what is not yet is not there", "expected 404 not-yet-created", unborn, {
        Body(|body| swapped(&mut body["code"], "not-yet-created", "order-not-found"))
    }),
    lie("nothing is ever unchanged", "expected 304", order, {
        Whole(|_, _, mut answer| {
            answer.status = if answer.status == 304 { 200 } else { answer.status };
            answer
        })
    }),
    lie("what is composed in has the order's own tag", "expected another ETag", composed, {
        Whole(|_, _, answer| {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            with_header(answer, "ETag", Some(&format!("\"{}\"", body["version"])))
        })
    }),
    lie("a composed customer has an order too many", ": customer: ", composed, {
        Body(|body| {
            let customer = body.pointer_mut("/included/customer/orders");
            customer.into_iter().for_each(|orders| moved(orders, 1));
        })
    }),
    lie("a history loses its last event", "history of ", history, {
        Body(|body| {
            let last = body["next_cursor"].is_null();
            rows(body).filter(|rows| last && rows.len() > 1).and_then(Vec::pop);
        })
    }),
    lie("a difference lacks its last step", ", applied: ", difference, {
        Body(|patch| {
            patch.as_array_mut().and_then(Vec::pop);
        })
    }),
    lie("an event happened on another day", "expected occurred_at", feed, {
        Body(|body| {
            let day = json!("2001-01-01T00:00:00.000000Z");
            rows(body).into_iter().flatten().for_each(|event| event["time"] = day.clone());
        })
    }),
    lie("an event has no correlation", "expected the correlation id", feed, {
        Body(|body| {
            let events = rows(body).into_iter().flatten();
            // Only ids that a client named: of others, any is right.
            let named = |event: &&mut Value| {
                event["correlationid"].as_str().is_some_and(|id| id.starts_with("walk-"))
            };
            events.filter(named).for_each(|event| event["correlationid"] = Value::Null);
        })
    }),
];

fn order(asked: &Asked<'_>, _: &Answer) -> bool {
    asked.reads_order()
}

fn unborn(asked: &Asked<'_>, answer: &Answer) -> bool {
    asked.reads_order() && answer.status == 404
}

fn whole(asked: &Asked<'_>, answer: &Answer) -> bool {
    asked.reads_order() && asked.path == asked.bare() && answer.status == 200
}

fn composed(asked: &Asked<'_>, _: &Answer) -> bool {
    asked.reads_order() && asked.path.contains("?include=")
}

fn history(asked: &Asked<'_>, _: &Answer) -> bool {
    asked.bare().ends_with("/history")
}

fn difference(asked: &Asked<'_>, _: &Answer) -> bool {
    asked.bare().ends_with("/diff")
}

fn feed(asked: &Asked<'_>, _: &Answer) -> bool {
    asked.reads("/v1/events")
}

/// The order's latest answer in the place of its past.
fn now_instead(memory: &Memory, asked: &Asked<'_>, answer: Answer, query: &str) -> Answer {
    if whole(asked, &answer) {
        memory.keep(asked.bare(), &answer);
    }
    let past = asked.path.contains(query) && answer.status == 200;
    memory.get(asked.bare()).filter(|_| past).unwrap_or(answer)
}
