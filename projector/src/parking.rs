//! Parked events: the read model keeps the whole event as JSON, so that it can be retried without its source.

use crate::ProjectorError;
use crate::projection::Projection;
use chrono::DateTime;
use event_store::{Metadata, RecordedEvent, StreamId, StreamType};
use read_model::write::parked::ParkedRow;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use uuid::Uuid;

/// Streams whose rows the database refuses, each with the reason to park it.
pub(crate) type Faulty = HashMap<StreamId, String>;

/// A parked event as the read model keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    position: u64,
    stream_type: String,
    stream_id: Uuid,
    /// Present if it is not the stream's id.
    partition_key: Option<Uuid>,
    version: u64,
    event_id: Uuid,
    event_type: String,
    schema_version: u16,
    occurred_at: i64,
    recorded_at: i64,
    actor: Option<String>,
    correlation_id: Option<String>,
    causation_id: Option<String>,
    traceparent: Option<String>,
    /// The payload when it is text, else its bytes in `bytes`.
    text: Option<String>,
    bytes: Option<Vec<u8>>,
}

/// The row of a newly parked event.
pub(crate) fn row(
    projection: &'static Projection,
    generation: u64,
    event: &RecordedEvent,
    reason: String,
    parked_at: i64,
) -> ParkedRow {
    let text = std::str::from_utf8(&event.payload).ok().map(str::to_owned);
    let bytes = text.is_none().then(|| event.payload.clone());
    let kept = Kept {
        position: event.position,
        stream_type: event.stream.stream_type.to_string(),
        stream_id: event.stream.id,
        partition_key: event.foreign_partition_key(),
        version: event.version,
        event_id: event.event_id,
        event_type: event.event_type.clone(),
        schema_version: event.schema_version,
        occurred_at: event.occurred_at.timestamp_micros(),
        recorded_at: event.recorded_at.timestamp_micros(),
        actor: event.metadata.actor.clone(),
        correlation_id: event.metadata.correlation_id.clone(),
        causation_id: event.metadata.causation_id.clone(),
        traceparent: event.metadata.traceparent.clone(),
        text,
        bytes,
    };
    ParkedRow {
        projection: projection.name,
        generation,
        position: event.position,
        stream_type: event.stream.stream_type.to_string(),
        stream_id: event.stream.id,
        version: event.version,
        reason,
        event: serde_json::to_string(&kept).expect("texts and numbers always serialise"),
        parked_at,
    }
}

/// The stream of a parked event.
#[cfg(feature = "kafka")]
pub(crate) fn stream(row: &ParkedRow) -> Option<StreamId> {
    StreamType::parse(&row.stream_type).map(|stream_type| stream_type.stream(row.stream_id))
}

/// The event of a parked row's JSON.
pub(crate) fn event(json: &str) -> Result<RecordedEvent, ProjectorError> {
    let kept: Kept = serde_json::from_str(json)
        .map_err(|error| ProjectorError::Parked(format!("at column {}", error.column())))?;
    let time = |micros| {
        DateTime::from_timestamp_micros(micros)
            .ok_or_else(|| ProjectorError::Parked("its time is out of range".into()))
    };
    let stream_type = StreamType::parse(&kept.stream_type)
        .ok_or_else(|| ProjectorError::Parked("its stream has no type".into()))?;
    Ok(RecordedEvent {
        position: kept.position,
        stream: stream_type.stream(kept.stream_id),
        partition_key: kept.partition_key.unwrap_or(kept.stream_id),
        version: kept.version,
        event_id: kept.event_id,
        event_type: kept.event_type,
        schema_version: kept.schema_version,
        occurred_at: time(kept.occurred_at)?,
        recorded_at: time(kept.recorded_at)?,
        metadata: Metadata {
            correlation_id: kept.correlation_id,
            causation_id: kept.causation_id,
            traceparent: kept.traceparent,
            actor: kept.actor,
        },
        payload: kept.text.map(String::into_bytes).or(kept.bytes).unwrap_or_default(),
        hash: [0; 32],
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::projections::HISTORY;

    #[test]
    fn a_parked_event_comes_back_whole() {
        let at = |micros| DateTime::from_timestamp_micros(micros).unwrap();
        let stream = StreamType::new("voucher").stream(Uuid::from_u128(1));
        let event = RecordedEvent {
            position: 7,
            stream,
            partition_key: stream.id,
            version: 3,
            event_id: Uuid::from_u128(2),
            event_type: "VoucherTorn".to_owned(),
            schema_version: 2,
            occurred_at: at(1),
            recorded_at: at(2),
            metadata: Metadata { actor: Some("clerk".to_owned()), ..Metadata::default() },
            payload: b"{ }".to_vec(),
            hash: [0; 32],
        };
        let of_an_order = RecordedEvent { partition_key: Uuid::from_u128(9), ..event.clone() };
        let no_text = RecordedEvent { payload: vec![0xff], ..of_an_order.clone() };
        for parked in [event, of_an_order, no_text] {
            let row = row(&HISTORY, 1, &parked, "torn".to_owned(), 5);
            assert_eq!(super::event(&row.event).unwrap(), parked);
        }
    }
}
