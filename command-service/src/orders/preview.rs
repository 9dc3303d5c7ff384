//! The order after a dry run, in the form of its view.
//!
//! No decision needs notes, so no state keeps them: they are read from the log.

use crate::http;
use crate::pipeline::{Accepted, Preview, Refusal};
use domain::Aggregate;
use domain::order::{NoteEntry, OrderAggregate, OrderDocument, OrderEvent};
use event_store::{EventStore, MAX_PAGE, Position, StoreError, StreamId, StreamType, Version};
use serde_json::value::RawValue;
use server::{Problem, heavy};
use uuid::Uuid;

/// The most events and lines of an order that is written without a permit: about a millisecond's work.
const MAX_LIGHT_EVENTS: Version = 100;
const MAX_LIGHT_LINES: usize = 200;

/// The order after a dry run. A large order waits for a permit for heavy work.
pub async fn preview(
    accepted: &Accepted<OrderAggregate>,
    preview: Box<Preview<OrderAggregate>>,
    store: &EventStore,
) -> Result<Option<Box<RawValue>>, Problem> {
    let place = if is_light(&preview) { None } else { Some(heavy::place().await?) };
    let notes =
        stored_notes(store, accepted.id, preview.current_version).await.map_err(|error| {
            tracing::warn!(%error, "cannot read the notes for a dry run");
            http::problem::<OrderAggregate>(Refusal::Unavailable)
        })?;
    let (id, version) = (accepted.id, accepted.version);
    let position = match accepted.events.is_empty() {
        true => preview.current_position,
        false => accepted.position(),
    };
    let write = move || composed(id, version, position, &preview, notes);
    match place {
        Some(place) => place.run(write).await,
        None => Ok(write()),
    }
}

fn is_light(preview: &Preview<OrderAggregate>) -> bool {
    let lines = preview.state.as_ref().map_or(0, |order| order.lines.len());
    preview.current_version <= MAX_LIGHT_EVENTS && lines <= MAX_LIGHT_LINES
}

fn composed(
    id: Uuid,
    version: Version,
    position: Position,
    preview: &Preview<OrderAggregate>,
    mut notes: Vec<NoteEntry>,
) -> Option<Box<RawValue>> {
    let order = preview.state.as_ref()?;
    let new = preview.events.iter().filter_map(OrderEvent::note).cloned();
    notes.extend(new.map(|text| NoteEntry { text, occurred_at: preview.at }));
    let document = OrderDocument { order_id: id, version, position, order, notes: &notes };
    let json = serde_json::from_slice::<Box<RawValue>>(&document.to_json());
    Some(json.expect("an order document is JSON"))
}

/// All notes of an order up to a version, read in bounded pages.
async fn stored_notes(
    store: &EventStore,
    id: Uuid,
    version: Version,
) -> Result<Vec<NoteEntry>, StoreError> {
    let stream =
        StreamId { stream_type: const { StreamType::new(OrderAggregate::STREAM_TYPE) }, id };
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
            if let Some(text) = decoded.note() {
                notes.push(NoteEntry { text: text.clone(), occurred_at: event.occurred_at });
            }
        }
    }
    Ok(notes)
}
