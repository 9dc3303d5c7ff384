//! Compares three accounts: what clients were answered, what the log holds, and what the views show.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::client::Client;
use crate::load::Accepted;

/// Events on one page.
const PAGE: u64 = 1000;
/// More pages than any test fills.
const MAX_PAGES: usize = 10_000;

/// The whole log as served, in order, once the feed has applied `head`.
///
/// # Panics
/// When the feed does not answer as promised.
pub async fn read_log(client: &Client, head: u64) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), 0);
    for _ in 0..MAX_PAGES {
        let page =
            client.get_at(&format!("/v1/events?after={after}&limit={PAGE}"), head).await.ok();
        let data = page["data"].as_array().expect("a page has data");
        if data.is_empty() {
            return events;
        }
        events.extend(data.iter().cloned());
        after = page["next_after"].as_u64().expect("a page that has events says what follows");
    }
    panic!("the feed has no end");
}

/// The log's head: the token of a command that appends nothing.
pub async fn head(client: &Client) -> u64 {
    let body = crate::orders::placed(crate::orders::new_id(), "head-probe");
    let answer = client.post("/v1/orders?dry_run=true", &body).await;
    answer.ok();
    answer.token()
}

/// Asserts gapless positions from 1, gapless versions in each stream, unique ids, and times that do not go back.
///
/// # Panics
/// Names the first event that breaks this.
pub fn is_whole(events: &[Value]) {
    let mut versions: HashMap<&str, (u64, &str)> = HashMap::new();
    let (mut ids, mut recorded) = (HashSet::new(), "");
    for (index, event) in events.iter().enumerate() {
        let position = index as u64 + 1;
        assert_eq!(event["sequence"], position.to_string(), "a hole before {event}");
        assert!(ids.insert(text(event, "id")), "an id twice: {event}");
        assert!(
            text(event, "recordedtime") >= recorded,
            "recorded before its predecessor: {event}"
        );
        recorded = text(event, "recordedtime");
        let (version, occurred) = versions.entry(text(event, "subject")).or_insert((0, ""));
        *version += 1;
        assert_eq!(event["streamversion"], *version, "a hole in a stream: {event}");
        assert!(text(event, "time") >= *occurred, "occurred before its predecessor: {event}");
        *occurred = text(event, "time");
    }
}

/// Asserts that every answer's events are in the log at their positions, and that no two answers share one.
///
/// # Panics
/// Names the first answer that breaks this.
pub fn holds_every_answer(events: &[Value], accepted: &[Accepted]) {
    let mut named = HashSet::new();
    for answer in accepted {
        let body = answer.json();
        let subject = format!("order/{}", answer.order);
        for (index, said) in said_events(&body).iter().enumerate() {
            let position = said["position"].as_u64().expect("an event has a position");
            assert!(named.insert(position), "two answers name position {position}: {body}");
            let stored = &events[usize::try_from(position).expect("fits") - 1];
            assert_eq!(stored["id"], said["event_id"], "another event is stored: {body}");
            assert_eq!(stored["type"], said["type"], "another type is stored: {body}");
            assert_eq!(stored["streamversion"], said["version"], "another version: {body}");
            assert_eq!(stored["subject"], subject, "another stream: {body}");
            if index == 0
                && let Some(mark) = &answer.mark
            {
                assert_eq!(stored["data"]["text"], *mark, "another command's event: {body}");
            }
        }
    }
}

/// Asserts that each mark (the text of a note, unique to one command) is in the log at most once.
///
/// # Panics
/// Names a mark that was stored twice.
pub fn has_no_command_twice(events: &[Value]) {
    let mut marks = HashSet::new();
    for event in events.iter().filter(|event| event["type"] == "NoteAdded") {
        assert!(marks.insert(text(&event["data"], "text")), "stored twice: {event}");
    }
}

/// Asserts that an answer named every event: no accepted command was left unanswered.
///
/// # Panics
/// Names an event that no answer named.
pub fn has_nothing_unanswered(events: &[Value], accepted: &[Accepted]) {
    let named: HashSet<u64> = accepted
        .iter()
        .flat_map(|answer| said_events(&answer.json()))
        .filter_map(|said| said["position"].as_u64())
        .collect();
    for (index, event) in events.iter().enumerate() {
        assert!(named.contains(&(index as u64 + 1)), "stored, but in no answer: {event}");
    }
}

fn said_events(body: &Value) -> Vec<Value> {
    body["events"].as_array().expect("an answer names its events").clone()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no text `{member}` in {value}"))
}
