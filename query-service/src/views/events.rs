//! `GET /v1/events`: all events in position order, as CloudEvents.

use super::history::write_with_data;
use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{ViewHeaders, limit};
use crate::problems::ReadProblems;
use crate::wire::Moment;
use crate::{reply, schema};
use axum::extract::State;
use axum::response::Response;
use read_model::read::events::{MAX_PAGE_BYTES, StoredEvent};
use read_model::read::positions::Projection;
use serde::{Deserialize, Serialize};
use server::{Problem, StrictQuery};
use utoipa::IntoParams;
use uuid::Uuid;

/// The most events on a page.
const MAX_LIMIT: u32 = 1_000;

/// Which page of the feed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Events after this position; from the first if not given.
    after: Option<u64>,
    /// Events on a page; 1000 if not given. Pages of very large events are shorter.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// An event as a CloudEvent, without its data.
#[derive(Serialize)]
struct CloudEventJson<'a> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    #[serde(rename = "type")]
    event_type: &'a str,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitionkey: Option<Uuid>,
    time: Moment,
    datacontenttype: &'static str,
    sequence: String,
    streamversion: u64,
    dataschemaversion: u16,
    recordedtime: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlationid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
}

/// Writes an event as a CloudEvent, on one line, its data as it was stored.
pub(super) fn write(event: &StoredEvent, body: &mut Vec<u8>) {
    let head = CloudEventJson {
        specversion: "1.0",
        id: event.event_id,
        source: "/orderlog",
        event_type: &event.event_type,
        subject: format!("{}/{}", event.stream_type, event.stream_id),
        partitionkey: event.partition_key,
        time: Moment(event.occurred_at),
        datacontenttype: "application/json",
        sequence: event.position.to_string(),
        streamversion: event.version,
        dataschemaversion: event.schema_version,
        recordedtime: Moment(event.recorded_at),
        correlationid: event.correlation_id.as_deref(),
        causationid: event.causation_id.as_deref(),
        traceparent: event.traceparent.as_deref(),
    };
    write_with_data(&head, &event.data, body);
}

/// All events.
///
/// In position order, without a gap. Ask again with `after` = `next_after`. An `after` above `head` is one of another log
/// (restored from an older copy, say), or one that the view has not come to yet: `next_after` is `head` then.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(EventsQuery, ViewHeaders),
    responses((status = 200, description = "a page of events", body = schema::Events, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn events(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<EventsQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let limit = limit(query.limit, MAX_LIMIT, MAX_LIMIT)? as usize;
    let after = query.after.unwrap_or(0);
    let model = app.model_at(consistency, &[Projection::HISTORY]).await?;
    let seen = consistency.seen(model.feed(after, limit, MAX_PAGE_BYTES).await)?;
    let mut body = b"{\"data\":[".to_vec();
    for (index, event) in seen.found.events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        write(event, &mut body);
    }
    let head = seen.position;
    let next = seen.found.events.last().map_or(after.min(head), |last| last.position);
    body.extend_from_slice(format!("],\"next_after\":{next},\"head\":{head}}}").as_bytes());
    Ok(reply::json(seen.position, body))
}
