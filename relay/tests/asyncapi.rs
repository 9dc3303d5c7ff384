//! `docs/asyncapi.yaml` says what the relay writes: every event type of the domain in every version, headers, key, marks.
//!
//! Each message's examples are read by the domain itself, written again, and must come out as they are in the document
//! and fit its schema; so neither can move without the other. Of JSON Schema only what the document uses is checked.

#![allow(clippy::unwrap_used)]

use domain::customer::{self, CustomerAggregate};
use domain::order::OrderAggregate;
use domain::order::stored::EVENT_TYPES;
use domain::{Aggregate, EncodedEvent};
use serde_json::Value;
use std::collections::BTreeSet;

fn document() -> Value {
    serde_yaml_ng::from_str(include_str!("../../docs/asyncapi.yaml")).unwrap()
}

/// Follows a `$ref`.
fn followed<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            document.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| {
                panic!("{reference} leads nowhere");
            })
        }
        None => value,
    }
}

/// What is wrong with a value. Members that the schema does not name are wrong too: they would be undocumented.
fn misfits(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let schema = followed(document, schema);
    let mut wrong = Vec::new();
    let mut check = |fits: bool, rule: &str| {
        if !fits {
            wrong.push(format!("{at}: {rule}: {value}"));
        }
    };
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => check(value.is_string(), "string"),
        Some("integer") => check(value.is_u64(), "integer"),
        Some("object") => check(value.is_object(), "object"),
        Some("array") => check(value.is_array(), "array"),
        other => check(schema.get("const").is_some() && other.is_none(), "unknown type"),
    }
    if let Some(expected) = schema.get("const") {
        check(expected == value, "const");
    }
    let length = value.as_str().map(|text| text.chars().count() as u64);
    for (rule, actual, least) in [
        ("minLength", length, true),
        ("maxLength", length, false),
        ("minimum", value.as_u64(), true),
        ("maximum", value.as_u64(), false),
    ] {
        if let (Some(bound), Some(actual)) = (schema.get(rule).and_then(Value::as_u64), actual) {
            check(if least { actual >= bound } else { actual <= bound }, rule);
        }
    }
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        check(value.get(name.as_str().unwrap()).is_some(), &format!("required {name}"));
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match schema.pointer(&format!("/properties/{name}")) {
            Some(schema) => wrong.extend(misfits(document, schema, member, &at)),
            None => wrong.push(format!("{at}: not in the document")),
        }
    }
    for item in value.as_array().into_iter().flatten() {
        wrong.extend(misfits(document, &schema["items"], item, &format!("{at}[]")));
    }
    wrong
}

/// Name, stored name and version of every event message.
fn messages(document: &Value) -> Vec<(String, String, u16)> {
    let messages = document["components"]["messages"].as_object().unwrap();
    let events = messages.iter().filter(|(name, _)| *name != "PositionMark");
    events
        .map(|(name, message)| {
            let own = &message["headers"]["allOf"][1]["properties"];
            let version = own["ce_dataschemaversion"]["const"].as_str().unwrap();
            let event_type = own["ce_type"]["const"].as_str().unwrap();
            assert_eq!(message["name"], event_type, "{name}");
            (name.clone(), event_type.to_owned(), version.parse().unwrap())
        })
        .collect()
}

/// Reads an event by its aggregate, and writes it again.
fn written_again(event_type: &str, version: u16, stored: &[u8]) -> EncodedEvent {
    fn again<A: Aggregate>(event_type: &str, version: u16, stored: &[u8]) -> EncodedEvent {
        A::encode(&A::decode(event_type, version, stored).unwrap())
    }
    match customer::EVENT_TYPES.iter().any(|(name, _)| *name == event_type) {
        true => again::<CustomerAggregate>(event_type, version, stored),
        false => again::<OrderAggregate>(event_type, version, stored),
    }
}

#[test]
fn every_event_type_is_documented_in_every_version() {
    let document = document();
    let documented: BTreeSet<(String, u16)> =
        messages(&document).into_iter().map(|(_, name, version)| (name, version)).collect();
    let known = EVENT_TYPES
        .iter()
        .chain(&customer::EVENT_TYPES)
        .flat_map(|(name, newest)| (1..=*newest).map(|version| ((*name).to_owned(), version)));
    assert_eq!(documented, known.collect());
    let channel = document["channels"]["events"]["messages"].as_object().unwrap();
    let listed: BTreeSet<&String> = channel.keys().collect();
    let all = document["components"]["messages"].as_object().unwrap();
    assert_eq!(listed, all.keys().collect());
    for message in channel.values() {
        followed(&document, message);
    }
}

#[test]
fn examples_are_what_the_domain_writes_and_fit_their_schemas() {
    let document = document();
    for (name, event_type, version) in messages(&document) {
        let message = &document["components"]["messages"][&name];
        let schema = followed(&document, &message["payload"]);
        let (mut seen, mut minimal) = (BTreeSet::new(), false);
        for example in message["examples"].as_array().unwrap() {
            let payload = &example["payload"];
            assert_eq!(misfits(&document, schema, payload, &name), [""; 0]);
            let stored = serde_json::to_vec(payload).unwrap();
            let written = written_again(&event_type, version, &stored);
            if written.schema_version == version {
                assert_eq!(serde_json::from_slice::<Value>(&written.payload).unwrap(), *payload);
            }
            let members = payload.as_object().unwrap();
            let required = schema.get("required").and_then(Value::as_array);
            minimal |= members.len() == required.map_or(0, Vec::len);
            seen.extend(members.keys().cloned());
        }
        let named = schema.get("properties").and_then(Value::as_object);
        let named: BTreeSet<String> = named.into_iter().flat_map(|p| p.keys().cloned()).collect();
        assert_eq!(seen, named, "{name}: every member is in some example");
        let optional = name == "OrderPlaced" || name == "OrderDrafted";
        assert!(minimal || optional, "{name}: an example has the required members alone");
    }
}

#[test]
fn a_misfit_is_found() {
    let document = document();
    let schema = &document["components"]["schemas"]["LineQuantityChanged"];
    for (value, rule) in [
        (serde_json::json!({"line_id": 1}), "required \"quantity\""),
        (serde_json::json!({"line_id": 0, "quantity": 1}), "minimum"),
        (serde_json::json!({"line_id": 1, "quantity": "1"}), "integer"),
        (serde_json::json!({"line_id": 1, "quantity": 1, "extra": 1}), "not in the document"),
    ] {
        let found = misfits(&document, schema, &value, "").join("; ");
        assert!(found.contains(rule), "{rule}: {found}");
    }
}

#[test]
fn the_names_on_the_wire_are_documented() {
    let document = document();
    let mark = &document["components"]["messages"]["PositionMark"];
    assert_eq!(mark["bindings"]["kafka"]["key"]["const"], relay::wire::MARK_KEY);
    assert!(mark["headers"]["properties"].get(relay::wire::MARK_HEADER).is_some());
    let headers = &document["components"]["schemas"]["Headers"]["properties"];
    assert_eq!(headers["ce_source"]["const"], relay::wire::SOURCE);
    assert_eq!(headers["content-type"]["const"], relay::wire::CONTENT_TYPE);
    assert_eq!(document["channels"]["events"]["address"], relay::DEFAULT_TOPIC);
    assert_eq!(document["asyncapi"], "3.0.0");
}
