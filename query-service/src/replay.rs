//! Replay: a past state of a stream, folded from its stored events by the domain's own `decode` and `evolve`.
//!
//! Events are read a page at a time, so the state bounds the memory, not its history. From the first large page on, the
//! work needs a permit for heavy work, of which there are few.

use crate::problems;
use crate::wire::moment;
use domain::order::{NoteEntry, OrderAggregate, OrderDocument, OrderEvent};
use domain::{Aggregate, Timestamp};
use read_model::ReadModel;
use read_model::read::past_events::PastEvent;
use server::heavy::{self, Place};
use server::{Problem, ProblemCode};
use uuid::Uuid;

/// Events folded from one read.
const PAGE: usize = 500;
/// Payloads of one page that are folded on the spot: about a millisecond's work.
const MAX_LIGHT_BYTES: usize = 32 * 1024;

/// An aggregate whose past states are shown.
pub trait Composed: Aggregate {
    /// What the view shows beyond the state, such as notes that no decision needs.
    type Extra: Default + Send + 'static;

    /// Collects from an event what the view shows beyond the state.
    fn collect(extra: &mut Self::Extra, event: &Self::Event, at: Timestamp);

    /// The state as its view shows it, JSON; `None` before the stream's first event.
    fn compose(
        id: Uuid,
        version: u64,
        position: u64,
        state: &Self::State,
        extra: &Self::Extra,
    ) -> Option<Vec<u8>>;
}

impl Composed for OrderAggregate {
    type Extra = Vec<NoteEntry>;

    fn collect(notes: &mut Vec<NoteEntry>, event: &OrderEvent, at: Timestamp) {
        let note = event.note().cloned();
        notes.extend(note.map(|text| NoteEntry { text, occurred_at: at }));
    }

    fn compose(
        order_id: Uuid,
        version: u64,
        position: u64,
        order: &Self::State,
        notes: &Vec<NoteEntry>,
    ) -> Option<Vec<u8>> {
        let order = order.as_ref()?;
        Some(OrderDocument { order_id, version, position, order, notes }.to_json())
    }
}

/// A stream's state while its events are folded.
pub struct Replay<A: Composed> {
    state: A::State,
    extra: A::Extra,
    version: u64,
    position: u64,
    occurred_at: i64,
    recorded_at: i64,
    /// The lowest position that the history had applied at any read.
    applied: Option<u64>,
    /// Taken when the stream turns out to be large.
    place: Option<Place>,
}

impl<A: Composed> Default for Replay<A> {
    fn default() -> Self {
        Self {
            state: A::State::default(),
            extra: A::Extra::default(),
            version: 0,
            position: 0,
            occurred_at: 0,
            recorded_at: 0,
            applied: None,
            place: None,
        }
    }
}

impl<A: Composed> Replay<A> {
    /// Folds the next events of the aggregate's main type of stream, up to a version.
    ///
    /// # Errors
    /// When the read model fails or holds an event that this build cannot read.
    pub async fn advance(
        &mut self,
        model: &ReadModel,
        id: Uuid,
        version: u64,
    ) -> Result<(), Problem> {
        self.advance_stream(model, (A::STREAM_TYPE, id), version).await
    }

    /// Folds the next events of a stream, given by its type and id, up to a version.
    ///
    /// # Errors
    /// As [`Replay::advance`].
    pub async fn advance_stream(
        &mut self,
        model: &ReadModel,
        stream: (&'static str, Uuid),
        version: u64,
    ) -> Result<(), Problem> {
        // Bounded by the stream's last version: every page but the last moves on.
        loop {
            let read = model.past_events(stream, self.version, version, PAGE).await;
            let seen = read.map_err(problems::of_read_model)?;
            let applied = self.applied.unwrap_or(seen.position).min(seen.position);
            self.applied = Some(applied);
            let (events, more) = (seen.found.events, seen.found.more);
            let bytes: usize = events.iter().map(|event| event.data.len()).sum();
            if bytes > MAX_LIGHT_BYTES && self.place.is_none() {
                self.place = Some(heavy::place().await?);
            }
            self.with(move |replay| replay.fold_all(stream, &events)).await??;
            if !more {
                return Ok(());
            }
        }
    }

    /// Runs `work` on the replay: at once while the stream is small, otherwise under its permit for heavy work.
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

    fn fold_all(
        &mut self,
        (stream_type, id): (&str, Uuid),
        events: &[PastEvent],
    ) -> Result<(), Problem> {
        for event in events {
            self.fold(event).map_err(|error| {
                tracing::error!(stream.type = stream_type, stream.id = %id, event.position, %error, "an event cannot be replayed");
                Problem::new(ProblemCode::INTERNAL)
            })?;
        }
        Ok(())
    }

    fn fold(&mut self, event: &PastEvent) -> Result<(), domain::DecodeError> {
        let at = moment(event.occurred_at);
        let fact = A::decode(&event.event_type, event.schema_version, event.data.as_bytes())?;
        self.state = A::evolve(std::mem::take(&mut self.state), &fact, at);
        A::collect(&mut self.extra, &fact, at);
        self.version = event.version;
        self.position = event.position;
        self.occurred_at = event.occurred_at;
        self.recorded_at = event.recorded_at;
        Ok(())
    }

    /// The state as its view shows it, as JSON; `None` before the stream's first event.
    pub fn document(&self, id: Uuid) -> Option<Vec<u8>> {
        A::compose(id, self.version, self.position, &self.state, &self.extra)
    }

    /// The state after the last event folded.
    pub fn state(&self) -> &A::State {
        &self.state
    }

    /// The last version folded.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When the last event folded happened and when it was stored, in microseconds.
    pub fn times(&self) -> (i64, i64) {
        (self.occurred_at, self.recorded_at)
    }

    /// The position that the history had applied at every read so far; 0 before the first read.
    pub fn applied(&self) -> u64 {
        self.applied.unwrap_or(0)
    }
}
