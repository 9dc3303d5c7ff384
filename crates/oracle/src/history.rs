//! Events as an order's history and the feed show them. The contract does not define the content of their `data`.

use super::compose::differences;
use super::fact::{Event, wire};
use super::stream::Stream;
use super::{Checked, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

/// Every event of an order, as its history shows it.
pub fn is_history(stream: &Stream, history: &[Value]) -> Checked {
    let expected = |event: &Event, got: &Value| {
        json!({"version": event.version, "position": event.position, "event_id": event.event_id,
            "type": event.fact.name(), "occurred_at": wire(event.occurred_at),
            "recorded_at": wire(event.recorded_at), "actor": got["actor"],
            "correlation_id": event.correlation, "data": got["data"]})
    };
    let length = stream.events.len();
    ensure(history.len() == length, || {
        format!("history of {}: expected {length} events\ngot {}", stream.id, history.len())
    })?;
    for (event, got) in stream.events.iter().zip(history) {
        ensure(got["data"].is_object(), || format!("expected data\ngot {got}"))?;
        if let Some(unlike) = differences(&expected(event, got), got) {
            return Err(format!("history of {}: {unlike}", stream.id));
        }
    }
    Ok(())
}

/// An event in the feed, compared with its order's event.
pub fn is_in_feed(order: Uuid, known: &Event, got: &Value) -> Checked {
    let expected = json!({"id": known.event_id, "type": known.fact.name(),
        "subject": format!("order/{order}"), "sequence": known.position.to_string(),
        "streamversion": known.version, "time": wire(known.occurred_at),
        "recordedtime": wire(known.recorded_at)});
    let members = expected.as_object().expect("it is one");
    let wrong = members.iter().find(|(name, value)| got[*name] != **value);
    match wrong {
        Some((name, value)) => Err(format!("`{name}`: expected {value}\ngot {got}")),
        None => Ok(()),
    }
}
