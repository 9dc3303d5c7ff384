//! Replay: an order as it was, folded from its stored events by the domain's own `decode` and `evolve`.
//!
//! Events come a page at a time, so memory is bounded by the order, not by its history. From the first page that is
//! large on, the work is done in a place for heavy work, of which there are few.

use crate::app;
use crate::wire::moment;
use domain::Aggregate;
use domain::order::{NoteEntry, Order, OrderAggregate, OrderDocument, OrderEvent};
use read_model::ReadModel;
use read_model::read::past_events::PastEvent;
use server::heavy::{self, Place};
use server::{Problem, ProblemCode};
use uuid::Uuid;

/// Events folded from one read.
const PAGE: usize = 500;
/// Payloads of one page that are folded on the spot: about a millisecond's work.
const MAX_LIGHT_BYTES: usize = 32 * 1024;

/// An order on its way through its events.
#[derive(Debug, Default)]
pub struct Replay {
    order: Option<Order>,
    notes: Vec<NoteEntry>,
    version: u64,
    position: u64,
    occurred_at: i64,
    recorded_at: i64,
    /// The least that the history had come to at any read.
    applied: Option<u64>,
    /// Taken when the order turns out to be large.
    place: Option<Place>,
}

/// The stream of an order.
pub(crate) fn stream(order_id: Uuid) -> (&'static str, Uuid) {
    (OrderAggregate::STREAM_TYPE, order_id)
}

impl Replay {
    /// Folds on from where this stands, up to a version.
    ///
    /// # Errors
    /// When the read model fails or holds an event that this build cannot read.
    pub async fn advance(
        &mut self,
        model: &ReadModel,
        order_id: Uuid,
        version: u64,
    ) -> Result<(), Problem> {
        // Bounded by the order's last version: every page but the last moves on.
        loop {
            let read = model.past_events(stream(order_id), self.version, version, PAGE).await;
            let seen = read.map_err(app::problem)?;
            let applied = self.applied.unwrap_or(seen.position).min(seen.position);
            self.applied = Some(applied);
            let (events, more) = (seen.found.events, seen.found.more);
            let bytes: usize = events.iter().map(|event| event.data.len()).sum();
            if bytes > MAX_LIGHT_BYTES && self.place.is_none() {
                self.place = Some(heavy::place().await?);
            }
            self.with(move |replay| replay.fold_all(order_id, &events)).await??;
            if !more {
                return Ok(());
            }
        }
    }

    /// Does something with the replay: on the spot while the order is small, in its place for heavy work when not.
    ///
    /// # Errors
    /// When the work panics in its place.
    pub async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Self) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(place) = self.place.clone() else { return Ok(work(self)) };
        let mut replay = std::mem::take(self);
        let worked = place.run(move || {
            let done = work(&mut replay);
            (replay, done)
        });
        let (replay, done) = worked.await?;
        *self = replay;
        Ok(done)
    }

    fn fold_all(&mut self, order_id: Uuid, events: &[PastEvent]) -> Result<(), Problem> {
        for event in events {
            self.fold(event).map_err(|error| {
                tracing::error!(order.id = %order_id, event.position, %error, "an event cannot be replayed");
                Problem::new(ProblemCode::INTERNAL)
            })?;
        }
        Ok(())
    }

    fn fold(&mut self, event: &PastEvent) -> Result<(), domain::DecodeError> {
        let at = moment(event.occurred_at);
        let fact =
            OrderAggregate::decode(&event.event_type, event.schema_version, event.data.as_bytes())?;
        self.order = OrderAggregate::evolve(self.order.take(), &fact, at);
        let note = match fact {
            OrderEvent::OrderDrafted { note, .. } | OrderEvent::OrderPlaced { note, .. } => note,
            OrderEvent::NoteAdded { text } => Some(text),
            _ => None,
        };
        self.notes.extend(note.map(|text| NoteEntry { text, occurred_at: at }));
        self.version = event.version;
        self.position = event.position;
        self.occurred_at = event.occurred_at;
        self.recorded_at = event.recorded_at;
        Ok(())
    }

    /// The composed order; `None` before its birth.
    pub fn document(&self, order_id: Uuid) -> Option<Vec<u8>> {
        let document = OrderDocument {
            order_id,
            version: self.version,
            position: self.position,
            order: self.order.as_ref()?,
            notes: &self.notes,
        };
        Some(document.to_json())
    }

    /// The state; `None` before its birth.
    pub fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// The last version folded.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When the last event folded happened and when it was stored, in microseconds.
    pub fn times(&self) -> (i64, i64) {
        (self.occurred_at, self.recorded_at)
    }

    /// How far the history had come at each read; 0 before the first.
    pub fn applied(&self) -> u64 {
        self.applied.unwrap_or(0)
    }
}
