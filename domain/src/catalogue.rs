//! The event catalogue: which aggregates there are, and one decode by stream type, name and schema version.
//!
//! Programs that read every stream (projectors, replays, processes) take a catalogue instead of naming aggregates.
//! Streams of types that it does not list are foreign: their events are skipped, not refused.

use crate::aggregate::{Aggregate, DecodeError};
use crate::customer::CustomerAggregate;
use crate::order::OrderAggregate;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// An event of any aggregate; cheap to clone.
#[derive(Clone)]
pub struct Event(Arc<dyn Any + Send + Sync>);

impl Event {
    /// Wraps an event of this aggregate.
    pub fn new<A: Aggregate>(event: A::Event) -> Self {
        Self(Arc::new(event))
    }

    /// The event, if it is an event of this aggregate.
    pub fn of<A: Aggregate>(&self) -> Option<&A::Event> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Events hold customers' data, which must not reach a log.
        out.write_str("Event(..)")
    }
}

/// One aggregate in a catalogue.
#[derive(Clone, Copy)]
struct Entry {
    stream_type: &'static str,
    decode: fn(&str, u16, &[u8]) -> Result<Event, DecodeError>,
}

/// The aggregates that a program reads.
#[derive(Clone, Default)]
pub struct Catalogue(Vec<Entry>);

impl Catalogue {
    /// The aggregates of this crate.
    pub fn standard() -> Self {
        Self::default().with::<OrderAggregate>().with::<CustomerAggregate>()
    }

    /// The same catalogue with this aggregate added.
    ///
    /// # Panics
    /// When it already lists an aggregate of one of its stream types.
    #[must_use]
    pub fn with<A: Aggregate>(mut self) -> Self {
        let decode = |event_type: &str, schema_version, payload: &[u8]| {
            A::decode(event_type, schema_version, payload).map(Event::new::<A>)
        };
        for stream_type in [A::STREAM_TYPE].iter().chain(A::JOINT_TYPES) {
            assert!(!self.knows(stream_type), "two aggregates of stream type {stream_type}");
            self.0.push(Entry { stream_type, decode });
        }
        self
    }

    /// Whether the catalogue lists streams of this type.
    pub fn knows(&self, stream_type: &str) -> bool {
        self.0.iter().any(|entry| entry.stream_type == stream_type)
    }

    /// Reads a stored event; `None` if its stream is foreign.
    ///
    /// # Errors
    /// In the `Some`: the stream type is listed, but its aggregate cannot read the event.
    pub fn decode(
        &self,
        stream_type: &str,
        event_type: &str,
        schema_version: u16,
        payload: &[u8],
    ) -> Option<Result<Event, DecodeError>> {
        let entry = self.0.iter().find(|entry| entry.stream_type == stream_type)?;
        Some((entry.decode)(event_type, schema_version, payload))
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.0.iter().map(|entry| entry.stream_type)).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::order::OrderEvent;

    const CONFIRMED: (&str, u16, &[u8]) = ("OrderConfirmed", 1, b"{}");

    fn decode(stream_type: &str, event: (&str, u16, &[u8])) -> Option<Result<Event, DecodeError>> {
        Catalogue::standard().decode(stream_type, event.0, event.1, event.2)
    }

    #[test]
    fn an_event_is_read_by_the_aggregate_of_its_stream() {
        let event = decode("order", CONFIRMED).unwrap().unwrap();
        assert_eq!(event.of::<OrderAggregate>(), Some(&OrderEvent::OrderConfirmed));
    }

    #[test]
    fn a_foreign_stream_is_skipped_whatever_its_events_are_called() {
        assert!(decode("voucher", CONFIRMED).is_none());
    }

    #[test]
    fn what_an_aggregate_cannot_read_is_an_error() {
        let unknown = decode("order", ("VoucherIssued", 1, b"{}")).unwrap();
        assert!(matches!(unknown, Err(DecodeError::UnknownType(_))));
    }

    #[test]
    #[should_panic(expected = "two aggregates of stream type order")]
    fn a_stream_type_belongs_to_one_aggregate() {
        let _ = Catalogue::standard().with::<OrderAggregate>();
    }
}
