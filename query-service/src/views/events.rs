//! `GET /v1/events`: all events in position order, as CloudEvents.

use super::history::write_with_data;
use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{ViewHeaders, limit};
use crate::problems::ReadProblems;
use crate::reply;
use crate::wire::{Moment, json_array, json_with};
use axum::extract::State;
use axum::response::Response;
use identity::Scope;
use read_model::read::Seen;
use read_model::read::events::{EventPage, MAX_PAGE_BYTES, StoredEvent};
use read_model::read::positions::Projection;
use read_model::{ReadModel, ReadModelError};
use serde::{Deserialize, Serialize};
use server::{Problem, StrictQuery};
use utoipa::{IntoParams, ToSchema};
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

/// A page of the feed.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Events {
    #[schema(value_type = Vec<CloudEvent>)]
    data: (),
    /// What to ask for next with `after`; never above `head`.
    next_after: u64,
    /// The position of the last event that the view has; lower than the `after` that was asked for where that is no
    /// position of this log, or not yet.
    head: u64,
}

/// An event as CloudEvents 1.0 has it.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "specversion": "1.0", "id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5b", "source": "/orderlog",
    "type": "OrderConfirmed", "subject": "order/0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5a",
    "time": "2026-03-03T00:00:00.000000Z", "datacontenttype": "application/json", "sequence": "1043",
    "streamversion": 2, "dataschemaversion": 1, "recordedtime": "2026-03-03T00:00:00.000000Z",
    "correlationid": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5c", "data": {}}))]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    #[serde(rename = "type")]
    event_type: &'a str,
    subject: String,
    /// The business case that the event's stream belongs to, where that is not the stream itself: such as an order's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    partitionkey: Option<Uuid>,
    #[schema(value_type = DateTime<Utc>)]
    time: Moment,
    datacontenttype: &'static str,
    /// The position.
    sequence: String,
    streamversion: u64,
    dataschemaversion: u16,
    #[schema(value_type = DateTime<Utc>)]
    recordedtime: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlationid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    /// Who caused it: `jwt:` and a token's subject, or `key:` and the name of an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[schema(value_type = Object)]
    data: (),
}

/// The projections that a feed reads: whose order it is stands in `orders`.
pub(super) fn projections(scope: &Scope) -> &'static [Projection] {
    match scope {
        Scope::All => &[Projection::HISTORY],
        Scope::Customer(_) => &[Projection::HISTORY, Projection::ORDERS],
    }
}

/// A page of the events that the caller sees.
pub(super) async fn page(
    model: &ReadModel,
    scope: &Scope,
    after: u64,
    limit: usize,
    most_bytes: usize,
) -> Result<Seen<EventPage>, ReadModelError> {
    match scope {
        Scope::All => model.feed(after, limit, most_bytes).await,
        Scope::Customer(own) => {
            let own = own.as_deref().unwrap_or_default();
            model.feed_of_customer(own, after, limit, most_bytes).await
        }
    }
}

/// Writes an event as a CloudEvent, on one line, its data as it was stored.
pub(super) fn write(event: &StoredEvent, body: &mut Vec<u8>) {
    let cloud_event = CloudEvent {
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
        actor: event.actor.as_deref(),
        data: (),
    };
    write_with_data(&cloud_event, &event.data, body);
}

/// All events.
///
/// In position order, without a gap. Ask again with `after` = `next_after`. An `after` above `head` is one of another log
/// (restored from an older copy, say), or one that the view has not come to yet: `next_after` is `head` then.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(EventsQuery, ViewHeaders),
    responses((status = 200, description = "a page of events", body = Events, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn events(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<EventsQuery>,
    scope: Scope,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let limit = limit(query.limit, MAX_LIMIT, MAX_LIMIT)? as usize;
    let after = query.after.unwrap_or(0);
    let model = app.model_at(consistency, projections(&scope)).await?;
    let seen = consistency.seen(page(model, &scope, after, limit, MAX_PAGE_BYTES).await)?;
    let head = seen.position;
    let events = &seen.found.events;
    let next_after = match events.last() {
        Some(last) => last.position,
        // Nothing more is to be seen up to the end, whether or not others' events lie there.
        None if scope != Scope::All => head,
        None => after.min(head),
    };
    let page = Events { data: (), next_after, head };
    let body = json_with(&page, "data", |body| json_array(events, body, write));
    Ok(reply::json(seen.position, body))
}
