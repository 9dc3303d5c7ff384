//! Compares an answer of the server with a right one.

use oracle::ask::Command;
use oracle::compose::{compose, differences, sorted};
use oracle::decide::Refusal;
use oracle::fact::{Fact, Time, read_time};
use oracle::judge::Right;
use oracle::stream::Stream;
pub use oracle::{Checked, ensure};
use serde_json::{Value, json};
use system_tests::client::Answer;
use uuid::Uuid;

/// When a request was sent, and when its answer arrived.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub from: Time,
    pub to: Time,
}

/// The answer's JSON.
pub fn json_of(answer: &Answer) -> Checked<Value> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| format!("no JSON ({error}): {} {}", answer.status, answer.text()))
}

/// A number in a header.
pub fn token(answer: &Answer) -> Checked<u64> {
    let token = answer.header("Consistency-Token").and_then(|token| token.parse().ok());
    token.ok_or_else(|| format!("expected a Consistency-Token\ngot {:?}", answer.headers))
}

/// Compares `answer` with one right answer.
pub fn check(
    stream: &Stream,
    command: &Command,
    right: &Right,
    (answer, window): (&Answer, Window),
) -> Checked {
    match right {
        Right::Done(facts) if command.dry_run => dry(stream, command, facts, (answer, window)),
        Right::Done(facts) => done(stream, command, facts, answer),
        Right::Refused(refusal) => refused(stream, command, refusal, answer),
        Right::Again(kept) => {
            let same = answer.status == kept.status && answer.body == kept.body;
            ensure(same && answer.header("Idempotent-Replayed") == Some("true"), || {
                let first = String::from_utf8_lossy(&kept.body);
                format!("expected again, as a replay: {} {first}", kept.status)
            })
        }
    }
}

fn etag(answer: &Answer, version: u64) -> Checked {
    let wanted = format!("\"{version}\"");
    ensure(answer.header("ETag") == Some(&wanted), || {
        format!("expected ETag {wanted}\ngot {:?}", answer.header("ETag"))
    })
}

fn done(stream: &Stream, command: &Command, facts: &[Fact], answer: &Answer) -> Checked {
    let wanted = if command.creates() { 201 } else { 200 };
    ensure(answer.status == wanted, || format!("expected {wanted}"))?;
    let body = json_of(answer)?;
    ensure(body["dry_run"].is_null() && body["order"].is_null(), || "expected no dry run".into())?;
    let version = places(stream, facts, &body)?;
    etag(answer, version)?;
    let token = token(answer)?;
    ensure(body["position"] == token && token >= stream.position(), || {
        format!("expected position = Consistency-Token ≥ {}\ngot token {token}", stream.position())
    })?;
    if command.creates() {
        let location = format!("/v1/orders/{}", body["order_id"].as_str().unwrap_or_default());
        ensure(answer.header("Location") == Some(&location), || {
            format!("expected Location {location}\ngot {:?}", answer.header("Location"))
        })?;
    }
    Ok(())
}

/// Checks the answer's events and positions; returns the version after them.
fn places(stream: &Stream, facts: &[Fact], body: &Value) -> Checked<u64> {
    let version = stream.version() + facts.len() as u64;
    let position = body["position"].as_u64().unwrap_or(0);
    let first = (position + 1).saturating_sub(facts.len() as u64);
    let said = body["events"].as_array().cloned().unwrap_or_default();
    let ids = said.iter().map(|event| event["event_id"].clone()).collect::<Vec<_>>();
    let events = facts.iter().zip(0..).map(|(fact, index)| {
        json!({"event_id": ids.get(index), "type": fact.name(),
            "version": stream.version() + 1 + index as u64, "position": first + index as u64})
    });
    let status = stream.after(facts, chrono::Utc::now()).status.name();
    let id = if body["order_id"].is_string() && stream.version() == 0 && stream.id.is_nil() {
        body["order_id"].clone()
    } else {
        json!(stream.id)
    };
    let mut expected = json!({"order_id": id, "version": version, "position": position,
        "status": status, "events": events.collect::<Vec<_>>()});
    for member in ["dry_run", "order"] {
        if !body[member].is_null() {
            expected[member] = body[member].clone();
        }
    }
    if let Some(differences) = differences(&expected, body) {
        return Err(differences);
    }
    let are_ids = ids.iter().all(|id| id.as_str().is_some_and(|id| Uuid::parse_str(id).is_ok()));
    ensure(are_ids, || "expected UUIDs as event ids".into())?;
    let above = facts.is_empty() || first > stream.position();
    ensure(above, || format!("expected positions above {}", stream.position()))?;
    Ok(version)
}

/// Checks a dry run: it shows the result and stores nothing.
fn dry(
    stream: &Stream,
    command: &Command,
    facts: &[Fact],
    (answer, window): (&Answer, Window),
) -> Checked {
    ensure(answer.status == 200, || "expected 200".into())?;
    let body = json_of(answer)?;
    ensure(body["dry_run"] == true, || "expected \"dry_run\":true".into())?;
    let version = places(stream, facts, &body)?;
    if !command.creates() {
        etag(answer, stream.version())?;
    }
    let shown = &body["order"];
    let at = read_time(shown["updated_at"].as_str().unwrap_or_default())?;
    let order = stream.after(facts, at);
    let (from, to) = match (facts.is_empty(), stream.last_time()) {
        (true, Some(last)) => (last, last),
        (_, last) => {
            (window.from.max(last.unwrap_or(window.from)), window.to.max(last.unwrap_or(window.to)))
        }
    };
    ensure(from <= at && at <= to, || {
        format!("expected updated_at from {from} to {to}\ngot {at}")
    })?;
    let position =
        if facts.is_empty() { stream.position() } else { body["position"].as_u64().unwrap_or(0) };
    let id = serde_json::from_value(body["order_id"].clone()).unwrap_or(stream.id);
    let expected = compose(id, version, position, &order);
    let unlike = differences(&expected, &sorted(shown.clone()));
    unlike.map_or(Ok(()), |unlike| Err(format!("in `order`: {unlike}")))
}

fn refused(stream: &Stream, command: &Command, refusal: &Refusal, answer: &Answer) -> Checked {
    ensure(answer.status == refusal.status, || {
        format!("expected {} {}", refusal.status, refusal.code)
    })?;
    let body = json_of(answer)?;
    let code = body["code"].as_str().unwrap_or_default();
    refusal.is_told_by(&body)?;
    if refusal.code == "empty-order" {
        return Ok(());
    }
    if answer.header("Idempotent-Replayed").is_none() {
        is_problem(answer, &body, &command.path())?;
    }
    let decided = matches!(answer.status, 409 | 412) && code != "request-in-progress";
    if decided {
        etag(answer, stream.version())?;
        let token = token(answer)?;
        ensure(token >= stream.position(), || {
            format!("expected a Consistency-Token ≥ {}\ngot {token}", stream.position())
        })?;
    }
    Ok(())
}

/// Checks every member that the contract promises of a problem.
pub fn is_problem(answer: &Answer, body: &Value, path: &str) -> Checked {
    let code = body["code"].as_str().unwrap_or_default();
    let right = answer.header("Content-Type") == Some("application/problem+json")
        && body["type"] == format!("/problems/{code}")
        && body["status"] == answer.status
        && body["title"].as_str().is_some_and(|title| !title.is_empty())
        && body["instance"] == path
        && body["correlation_id"].as_str() == answer.header("X-Correlation-Id");
    ensure(right, || format!("expected a whole problem document about {path}"))
}

/// Checks a view's refusal, by status and code.
pub fn problem(answer: &Answer, status: u16, code: &str, path: &str) -> Checked {
    ensure(answer.status == status, || format!("expected {status} {code}"))?;
    let body = json_of(answer)?;
    ensure(body["code"] == code, || format!("expected {status} {code}"))?;
    is_problem(answer, &body, path)
}
