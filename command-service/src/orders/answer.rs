//! How accepted commands read on the wire: one JSON shape, and the headers that go with it.
//!
//! Rendering is a function of the reply alone, so a replayed answer has the bytes of the first one. Only a dry run
//! reads more: the notes, which no decision needs and so no state keeps.

use super::refusal;
use crate::pipeline::{Accepted, Preview, Refusal, Replayed, Reply};
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::order::{NoteEntry, OrderAggregate, OrderDocument, OrderEvent};
use domain::{Aggregate, Note};
use event_store::{EventStore, MAX_PAGE, StoreError, StreamId, Version};
use serde::Serialize;
use serde_json::value::RawValue;
use server::{Problem, heavy};
use std::borrow::Cow;
use utoipa::ToSchema;
use uuid::Uuid;

/// Events and lines of an order that is written on the spot: about a millisecond's work.
const MAX_LIGHT_EVENTS: Version = 100;
const MAX_LIGHT_LINES: usize = 200;

static CONSISTENCY_TOKEN: HeaderName = HeaderName::from_static("consistency-token");
static IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What a command's success means to HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// 201 with `Location`.
    Created,
    /// 200.
    Changed,
}

/// The answer to an accepted command.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "order_id": "0190d3c4-7b5e-7cc1-9d5e-0c9f6a3b1e10", "version": 1, "position": 1042, "status": "placed",
    "events": [{"event_id": "0190d3c4-7b60-7a41-8a0e-5d2b7f1c9a01", "type": "OrderPlaced", "version": 1,
        "position": 1042}]
}))]
pub struct CommandAnswer<'a> {
    /// The order.
    pub order_id: Uuid,
    /// Its version after the command.
    pub version: u64,
    /// Place of the command's last event in the log; the end of the log if there was none.
    pub position: u64,
    /// The order's status after the command.
    #[schema(pattern = "^(draft|placed|confirmed|completed|cancelled|discarded)$")]
    pub status: Cow<'a, str>,
    /// What was appended; empty if the fact was already recorded.
    pub events: Vec<EventAnswer<'a>>,
    /// Present and true if nothing was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = bool)]
    pub dry_run: Option<bool>,
    /// Only in a dry run: the order as it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Object)]
    pub order: Option<Box<RawValue>>,
}

/// An event that a command appended.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventAnswer<'a> {
    /// Unique for ever.
    pub event_id: Uuid,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: Cow<'a, str>,
    /// Place in the order.
    pub version: u64,
    /// Place in the log.
    pub position: u64,
}

/// Renders a reply.
pub async fn render(
    reply: Reply<OrderAggregate>,
    success: Success,
    store: &EventStore,
) -> Response {
    let Reply { result, replayed, token, version } = reply;
    let mut response = match result {
        Ok(accepted) if accepted.preview.is_none() => accepted_response(&accepted, None, success),
        Ok(accepted) => match previewed(accepted, success, store).await {
            Ok(response) => response,
            Err(problem) => return problem.into_response(),
        },
        Err(refused) => refused_response(refused, &replayed),
    };
    let unknown = response.status() == StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    // A dry run changes nothing, so its answer names the version it found; 0 for an order that is not there.
    if let Some(version) = version.filter(|_| !unknown) {
        headers.insert(ETAG, ascii(format!("\"{version}\"")));
    }
    if token > 0 {
        headers.insert(CONSISTENCY_TOKEN.clone(), HeaderValue::from(token));
    }
    if matches!(replayed, Replayed::Yes { .. }) {
        headers.insert(IDEMPOTENT_REPLAYED.clone(), HeaderValue::from_static("true"));
    }
    response
}

/// A replayed refusal carries the correlation id of the first request, so that its body is the same.
fn refused_response(
    refused: Refusal<<OrderAggregate as Aggregate>::Rejection>,
    replayed: &Replayed,
) -> Response {
    let problem = refusal::problem(refused);
    match replayed {
        Replayed::Yes { correlation_id: Some(first) } => {
            problem.with("correlation_id", first.as_str()).into_response()
        }
        _ => problem.into_response(),
    }
}

fn accepted_response(
    accepted: &Accepted<OrderAggregate>,
    order: Option<Box<RawValue>>,
    success: Success,
) -> Response {
    let dry_run = order.is_some();
    let body = serde_json::to_vec(&CommandAnswer {
        order_id: accepted.id,
        version: accepted.version,
        position: accepted.position(),
        status: Cow::Borrowed(&accepted.status),
        events: events(accepted),
        dry_run: dry_run.then_some(true),
        order,
    });
    let body = body.expect("an answer holds only strings and integers");
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if success == Success::Created && !dry_run {
        headers.insert(LOCATION, ascii(format!("/v1/orders/{}", accepted.id)));
        *response.status_mut() = StatusCode::CREATED;
    }
    response
}

fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("ids and versions are visible ASCII")
}

fn events(accepted: &Accepted<OrderAggregate>) -> Vec<EventAnswer<'_>> {
    let before = accepted.version - accepted.events.len() as u64;
    let places = (before + 1..).zip(accepted.first_position..);
    let events = accepted.events.iter().zip(places);
    let answer = events.map(|(event, (version, position))| EventAnswer {
        event_id: event.event_id,
        event_type: Cow::Borrowed(&event.event_type),
        version,
        position,
    });
    answer.collect()
}

/// The answer to a dry run, with the order as it would be; a large one is written in a place for heavy work.
async fn previewed(
    accepted: Accepted<OrderAggregate>,
    success: Success,
    store: &EventStore,
) -> Result<Response, Problem> {
    let light = accepted.preview.as_ref().is_none_or(|preview| is_light(preview));
    let place = if light { None } else { Some(heavy::place().await?) };
    let found = accepted.preview.as_ref().map_or(0, |preview| preview.current_version);
    let notes = stored_notes(store, accepted.id, found).await.map_err(|error| {
        tracing::warn!(%error, "cannot read the notes for a dry run");
        refusal::problem(Refusal::Unavailable)
    })?;
    let write = move || accepted_response(&accepted, composed(&accepted, notes), success);
    match place {
        Some(place) => place.run(write).await,
        None => Ok(write()),
    }
}

fn is_light(preview: &Preview<OrderAggregate>) -> bool {
    let lines = preview.state.as_ref().map_or(0, |order| order.lines.len());
    preview.current_version <= MAX_LIGHT_EVENTS && lines <= MAX_LIGHT_LINES
}

/// The order as a dry run leaves it.
fn composed(
    accepted: &Accepted<OrderAggregate>,
    mut notes: Vec<NoteEntry>,
) -> Option<Box<RawValue>> {
    let preview = accepted.preview.as_ref()?;
    let order = preview.state.as_ref()?;
    let new = preview.events.iter().filter_map(note_of).cloned();
    notes.extend(new.map(|text| NoteEntry { text, occurred_at: preview.at }));
    let document = OrderDocument {
        order_id: accepted.id,
        version: accepted.version,
        position: if accepted.events.is_empty() {
            preview.current_position
        } else {
            accepted.position()
        },
        order,
        notes: &notes,
    };
    let json = serde_json::from_slice::<Box<RawValue>>(&document.to_json());
    Some(json.expect("a composed order is JSON"))
}

/// All notes of an order up to a version, read in bounded pages.
async fn stored_notes(
    store: &EventStore,
    id: Uuid,
    version: Version,
) -> Result<Vec<NoteEntry>, StoreError> {
    let stream = StreamId { stream_type: OrderAggregate::STREAM_TYPE, id };
    let mut notes = Vec::new();
    let mut after = 0;
    while after < version {
        let page = store.read_stream(&stream, after, MAX_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.version;
        for event in page.iter().take_while(|event| event.version <= version) {
            let decoded =
                OrderAggregate::decode(&event.event_type, event.schema_version, &event.payload)
                    .map_err(|error| StoreError::Corrupt(error.to_string()))?;
            if let Some(text) = note_of(&decoded) {
                notes.push(NoteEntry { text: text.clone(), occurred_at: event.occurred_at });
            }
        }
    }
    Ok(notes)
}

fn note_of(event: &OrderEvent) -> Option<&Note> {
    match event {
        OrderEvent::NoteAdded { text } => Some(text),
        OrderEvent::OrderDrafted { note, .. } | OrderEvent::OrderPlaced { note, .. } => {
            note.as_ref()
        }
        _ => None,
    }
}
