//! Lies about many orders together: feed, lists, figures, projections.

use super::Twist::{Body, Header, Whole};
use super::{Asked, Lie, edited, lie, moved, rows};
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::client::Answer;

pub const LIES: [Lie; 20] = [
    lie("the log has an event without an answer", "all that was answered", probe, {
        Header("Consistency-Token", Some("1000000"))
    }),
    lie("the feed skips an event", "/v1/events?after=", |asked, _| asked.reads("/v1/events"), {
        Body(|body| {
            rows(body).filter(|rows| rows.len() > 3).map(|rows| rows.remove(2));
        })
    }),
    lie("the feed ends later", "expected head", |asked, _| asked.reads("/v1/events"), {
        Body(|body| moved(&mut body["head"], 1))
    }),
    lie("the feed leads beyond its end", "expected nothing after", |a, _| a.reads("/v1/events"), {
        Body(|body| {
            if body["data"] == json!([]) {
                moved(&mut body["next_after"], 1);
            }
        })
    }),
    lie("the stream skips an event", "/v1/events/stream: expected the event at", heard, {
        Body(|event| {
            if event["sequence"].as_str().is_some_and(|position| position.ends_with('7')) {
                *event = Value::Null;
            }
        })
    }),
    lie("the stream shows other data", "/v1/events/stream: expected {", heard, {
        Body(|event| event["data"] = json!({}))
    }),
    lie("a cursor loses its place while orders arrive", "lost meanwhile: ", turned_in_between, {
        Body(|body| {
            rows(body).filter(|rows| !rows.is_empty()).map(|rows| rows.remove(0));
        })
    }),
    lie("a projection has parked an order", "nothing parked", |a, _| a.reads("/v1/projections"), {
        Body(|body| body[0]["parked_streams"] = json!(1))
    }),
    lie("a list loses its last order", "left out: ", list, {
        Body(|body| {
            rows(body).and_then(Vec::pop);
        })
    }),
    lie("a list has an order twice", "or twice", list, {
        Body(|body| {
            let rows = rows(body).filter(|rows| rows.len() > 1);
            rows.into_iter().for_each(|rows| rows[1] = rows[0].clone());
        })
    }),
    lie("a list is upside down", "not sorted", list, {
        Body(|body| rows(body).into_iter().for_each(|rows| rows.reverse()))
    }),
    lie("a list has another status", "`status`: expected", list, {
        Body(|body| {
            let rows = rows(body).into_iter().flatten();
            rows.for_each(|row| row["status"] = json!("draft"));
        })
    }),
    lie("a customer keeps its first name", "of the order placed last", customer, {
        Whole(|memory, asked, answer| {
            let first = memory.first(asked.path, answer.clone());
            let first: Value = serde_json::from_slice(&first.body).unwrap_or_default();
            edited(answer, |body| body["name"] = first["name"].clone())
        })
    }),
    lie("a customer last ordered long ago", "`last_order_at`: expected", customer, {
        Body(|body| body["last_order_at"] = json!("2001-01-01T00:00:00.000000Z"))
    }),
    lie("a customer has bought nothing", "`lifetime`: expected", customer, {
        Body(|body| body["lifetime"] = json!([]))
    }),
    lie("a unit too many was sold", "`units`: expected", product, {
        Body(|body| moved(&mut body["units"], 1))
    }),
    lie("the best sellers come last", "not sorted by", |asked, _| asked.reads("/v1/products"), {
        Body(|body| rows(body).into_iter().for_each(|rows| rows.reverse()))
    }),
    lie("cancelled orders count", "/v1/reports/sales", |asked, _| asked.reads(SALES), {
        Body(|body| {
            for row in rows(body).into_iter().flatten() {
                let cancelled = row["cancelled_orders"].as_i64().unwrap_or(0);
                moved(&mut row["orders"], cancelled);
            }
        })
    }),
    lie("what is placed is still a draft", "`counts`: expected", |asked, _| asked.reads(COUNTS), {
        Body(|body| {
            let placed = body["counts"]["placed"].as_i64().unwrap_or(0);
            moved(&mut body["counts"]["draft"], placed);
            body["counts"]["placed"] = json!(0);
        })
    }),
    lie("counts of the past are those of now", "status-counts?as_of=", |a, _| a.reads(COUNTS), {
        Whole(|memory, asked, answer| {
            if asked.path == asked.bare() {
                memory.keep(asked.path, &answer);
                return answer;
            }
            let now = memory.get(asked.bare()).unwrap_or_else(|| answer.clone());
            let now: Value = serde_json::from_slice(&now.body).unwrap_or_default();
            edited(answer, |body| body["counts"] = now["counts"].clone())
        })
    }),
];

const SALES: &str = "/v1/reports/sales";
const COUNTS: &str = "/v1/reports/status-counts";

/// The dry run that reads the end of the log, and others.
fn probe(asked: &Asked<'_>, _: &Answer) -> bool {
    asked.path == "/v1/orders?dry_run=true"
}

fn list(asked: &Asked<'_>, _: &Answer) -> bool {
    *asked.method == Method::GET && asked.bare().ends_with("/orders")
}

/// An event of the stream.
fn heard(asked: &Asked<'_>, _: &Answer) -> bool {
    asked.reads("/v1/events/stream")
}

/// A page after the first, while the log is longer than its reader knows.
fn turned_in_between(asked: &Asked<'_>, answer: &Answer) -> bool {
    let header = |name| asked.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let behind = header("Consistency-Token").is_some_and(|known| {
        answer.header("Consistency-Token").is_some_and(|token| token != known)
    });
    list(asked, answer) && asked.path.contains("cursor=") && behind
}

fn customer(asked: &Asked<'_>, answer: &Answer) -> bool {
    answer.status == 200 && asked.bare().starts_with("/v1/customers/") && !list(asked, answer)
}

fn product(asked: &Asked<'_>, answer: &Answer) -> bool {
    answer.status == 200 && asked.bare().starts_with("/v1/products/")
}
