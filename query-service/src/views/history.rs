//! `GET /v1/orders/{id}/history`: an order's events, payloads as they were stored.

use super::{order_not_found, order_stream};
use crate::app::App;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::params::{OrderId, ViewHeaders, limit};
use crate::problems::ReadProblems;
use crate::reply;
use crate::wire::{Moment, json, json_array, json_with};
use axum::extract::State;
use axum::response::Response;
use read_model::read::events::StoredEvent;
use read_model::read::positions::Projection;
use serde::{Deserialize, Serialize};
use server::{Problem, StrictQuery};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// The most events on a page.
const MAX_LIMIT: u32 = 200;
/// The events on a page unless the request says otherwise.
const USUAL_LIMIT: u32 = 50;

/// Which page of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Events on a page; 50 if not given. Pages of very large events are shorter.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of an order's history.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct History {
    #[schema(value_type = Vec<Event>)]
    data: (),
    /// Null on the last page.
    next_cursor: Option<String>,
    /// When the customer's personal data were erased; only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = DateTime<Utc>, required = false)]
    erased_at: Option<Moment>,
}

/// An event of an order.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "version": 2, "position": 1043, "event_id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5b", "type": "OrderConfirmed",
    "occurred_at": "2026-03-03T00:00:00.000000Z", "recorded_at": "2026-03-03T00:00:00.000000Z", "actor": null,
    "correlation_id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5c", "data": {}}))]
pub(super) struct Event<'a> {
    version: u64,
    position: u64,
    event_id: Uuid,
    #[serde(rename = "type")]
    event_type: &'a str,
    #[schema(value_type = DateTime<Utc>)]
    occurred_at: Moment,
    #[schema(value_type = DateTime<Utc>)]
    recorded_at: Moment,
    actor: Option<&'a str>,
    correlation_id: Option<&'a str>,
    /// As it was stored.
    #[schema(value_type = Object)]
    data: (),
}

impl<'a> Event<'a> {
    fn of(event: &'a StoredEvent) -> Self {
        Self {
            version: event.version,
            position: event.position,
            event_id: event.event_id,
            event_type: &event.event_type,
            occurred_at: Moment(event.occurred_at),
            recorded_at: Moment(event.recorded_at),
            actor: event.actor.as_deref(),
            correlation_id: event.correlation_id.as_deref(),
            data: (),
        }
    }

    /// Writes a stored event, its payload as it was stored.
    pub(super) fn write(event: &'a StoredEvent, body: &mut Vec<u8>) {
        write_with_data(&Self::of(event), &event.data, body);
    }
}

/// Writes an event. `data`, whose text is JSON already, takes the place of its last member's null.
pub(super) fn write_with_data(event: &impl Serialize, data: &str, body: &mut Vec<u8>) {
    body.extend(json(event));
    debug_assert!(body.ends_with(b",\"data\":null}"));
    body.truncate(body.len() - "null}".len());
    body.extend_from_slice(data.as_bytes());
    body.push(b'}');
}

/// What a cursor of an order's history is bound to.
pub(super) fn scope(order_id: Uuid) -> String {
    format!("history {order_id}")
}

/// An order's events.
///
/// Everything that has happened to the order, oldest first.
#[utoipa::path(get, path = "/v1/orders/{id}/history", tag = "views",
    params(("id" = Uuid, Path, description = "The order."), HistoryQuery, ViewHeaders),
    responses((status = 200, description = "a page of events", body = History, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn history(
    State(app): State<App>,
    OrderId(order_id): OrderId,
    StrictQuery(query): StrictQuery<HistoryQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let limit = limit(query.limit, USUAL_LIMIT, MAX_LIMIT)? as usize;
    let after = match &query.cursor {
        Some(cursor) => app.cursor_key().await?.open(&scope(order_id), cursor)?.key,
        None => 0,
    };
    let after = u64::try_from(after).unwrap_or(0);
    let model = app.model_at(consistency, &[Projection::HISTORY]).await?;
    let (seen, erasure) = tokio::join!(
        model.stream_events(order_stream(order_id), after, u64::MAX, limit),
        app.owners().erased_at(app.loaders(), model, order_id)
    );
    let (seen, erasure) = (consistency.seen(seen)?, erasure?);
    let position = seen.position.min(erasure.position);
    consistency.met_at(position)?;
    if seen.found.events.is_empty() && after == 0 {
        return Err(order_not_found());
    }
    let next = match (seen.found.more, seen.found.events.last()) {
        (true, Some(last)) => {
            let key = i64::try_from(last.version).unwrap_or(i64::MAX);
            Some(
                app.cursor_key()
                    .await?
                    .seal(&scope(order_id), &Place { key: key.into(), id: Vec::new() }),
            )
        }
        _ => None,
    };
    let erased_at = erasure.found.map(Moment);
    let page = History { data: (), next_cursor: next, erased_at };
    let events = &seen.found.events;
    let body = json_with(&page, "data", |body| json_array(events, body, Event::write));
    Ok(reply::json(position, body))
}
