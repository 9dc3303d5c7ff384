//! Encodes the headers that the relay writes.

use super::{CONTENT_TYPE, MARK_HEADER, SOURCE};
use event_store::{Position, RecordedEvent};
use rdkafka::message::{Header, OwnedHeaders};

/// How many headers an event has at most.
const MAX_HEADERS: usize = 16;

/// The headers of an event.
pub fn event_headers(event: &RecordedEvent) -> OwnedHeaders {
    let RecordedEvent { stream, metadata, .. } = event;
    let headers = OwnedHeaders::new_with_capacity(MAX_HEADERS);
    let headers = with(headers, "content-type", CONTENT_TYPE);
    let headers = with(headers, "ce_specversion", "1.0");
    let headers = with(headers, "ce_id", &event.event_id.to_string());
    let headers = with(headers, "ce_source", SOURCE);
    let headers = with(headers, "ce_type", &event.event_type);
    let subject = format!("{}/{}", stream.stream_type, stream.id);
    let headers = with(headers, "ce_subject", &subject);
    let headers = with(headers, "ce_partitionkey", &event.partition_key.to_string());
    let headers = with(headers, "ce_time", &server::clock::wire(event.occurred_at));
    let headers = with(headers, "ce_sequence", &event.position.to_string());
    let headers = with(headers, "ce_streamversion", &event.version.to_string());
    let headers = with(headers, "ce_dataschemaversion", &event.schema_version.to_string());
    let headers = with(headers, "ce_recordedtime", &server::clock::wire(event.recorded_at));
    let headers = with_some(headers, "ce_correlationid", metadata.correlation_id.as_deref());
    let headers = with_some(headers, "ce_causationid", metadata.causation_id.as_deref());
    let headers = with_some(headers, "ce_traceparent", metadata.traceparent.as_deref());
    with_some(headers, "ce_actor", metadata.actor.as_deref())
}

/// The headers of a position mark.
pub fn mark_headers(position: Position) -> OwnedHeaders {
    with(OwnedHeaders::new_with_capacity(1), MARK_HEADER, &position.to_string())
}

fn with(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

fn with_some(headers: OwnedHeaders, key: &str, value: Option<&str>) -> OwnedHeaders {
    match value {
        Some(value) => with(headers, key, value),
        None => headers,
    }
}
