//! Replay: an order as it was, folded from its stored events by the domain's own `decode` and `evolve`.
//!
//! Events come a page at a time, so memory is bounded by the order, not by its history.

use crate::app;
use crate::wire::moment;
use domain::Aggregate;
use domain::order::{NoteEntry, Order, OrderAggregate, OrderDocument, OrderEvent};
use read_model::ReadModel;
use read_model::read::events::{StoredEvent, Until};
use server::{Problem, ProblemCode};
use uuid::Uuid;

/// Events folded from one read.
const PAGE: usize = 1_000;

/// An order on its way through its events.
#[derive(Debug, Default)]
pub struct Replay {
    order: Option<Order>,
    notes: Vec<NoteEntry>,
    version: u64,
    position: u64,
    occurred_at: i64,
    recorded_at: i64,
    /// How far the history had come when it was last read.
    applied: u64,
}

/// The stream of an order.
pub(crate) fn stream(order_id: Uuid) -> (&'static str, Uuid) {
    (OrderAggregate::STREAM_TYPE, order_id)
}

impl Replay {
    /// Folds on from where this stands, up to `until`.
    ///
    /// # Errors
    /// When the read model fails or holds an event that this build cannot read.
    pub async fn advance(
        &mut self,
        model: &ReadModel,
        order_id: Uuid,
        until: Until,
    ) -> Result<(), Problem> {
        // Bounded by the order's last version: every page but the last moves on.
        loop {
            let read = model.stream_events(stream(order_id), self.version, until, PAGE).await;
            let seen = read.map_err(app::problem)?;
            self.applied = seen.position;
            for event in &seen.found.events {
                self.fold(event).map_err(|error| {
                    tracing::error!(order.id = %order_id, event.position, %error, "an event cannot be replayed");
                    Problem::new(ProblemCode::Internal)
                })?;
            }
            if !seen.found.more {
                return Ok(());
            }
        }
    }

    fn fold(&mut self, event: &StoredEvent) -> Result<(), domain::DecodeError> {
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

    /// How far the history had come.
    pub fn applied(&self) -> u64 {
        self.applied
    }
}
