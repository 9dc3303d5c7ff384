//! `GET /v1/orders/{id}/history`: an order's events, payloads as they were stored.

use super::{order_not_found, order_stream};
use crate::app::App;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::params::{ViewHeaders, limit};
use crate::problems::ReadProblems;
use crate::wire::{Moment, json};
use crate::{reply, schema};
use axum::extract::State;
use axum::response::Response;
use read_model::read::events::StoredEvent;
use read_model::read::positions::Projection;
use serde::{Deserialize, Serialize};
use server::{PathUuid, Problem, StrictQuery};
use utoipa::IntoParams;
use uuid::Uuid;

/// The most events on a page.
const MAX_LIMIT: u32 = 200;
/// How many there are when nobody says.
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

/// An event without its payload.
#[derive(Serialize)]
pub(super) struct EventJson<'a> {
    version: u64,
    position: u64,
    event_id: Uuid,
    #[serde(rename = "type")]
    event_type: &'a str,
    occurred_at: Moment,
    recorded_at: Moment,
    actor: Option<&'a str>,
    correlation_id: Option<&'a str>,
}

impl<'a> EventJson<'a> {
    pub(super) fn of(event: &'a StoredEvent) -> Self {
        Self {
            version: event.version,
            position: event.position,
            event_id: event.event_id,
            event_type: &event.event_type,
            occurred_at: Moment(event.occurred_at),
            recorded_at: Moment(event.recorded_at),
            actor: event.actor.as_deref(),
            correlation_id: event.correlation_id.as_deref(),
        }
    }

    /// With its payload, which is JSON already.
    pub(super) fn write(&self, data: &str, body: &mut Vec<u8>) {
        write_with_data(self, data, body);
    }
}

/// An object with one member more, `data`, whose text is JSON already.
pub(super) fn write_with_data(head: &impl Serialize, data: &str, body: &mut Vec<u8>) {
    body.extend(json(head));
    body.pop();
    body.extend_from_slice(b",\"data\":");
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
    responses((status = 200, description = "a page of events", body = schema::History, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn history(
    State(app): State<App>,
    PathUuid(order_id): PathUuid,
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
    let read = model.stream_events(order_stream(order_id), after, u64::MAX, limit).await;
    let seen = consistency.seen(read)?;
    if seen.found.events.is_empty() && after == 0 {
        return Err(order_not_found());
    }
    let mut body = b"{\"data\":[".to_vec();
    for (index, event) in seen.found.events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        EventJson::of(event).write(&event.data, &mut body);
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
    body.extend_from_slice(b"],\"next_cursor\":");
    body.extend(json(&next));
    body.push(b'}');
    Ok(reply::json(seen.position, body))
}
