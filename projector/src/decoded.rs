//! An event as the projections see it: stored, and read by the catalogue.

use domain::{Aggregate, Catalogue, DecodeError, Event};
use event_store::RecordedEvent;

/// Why an event cannot be folded. Never holds the event's values.
#[derive(Debug)]
pub struct Poison(pub String);

/// An event as this build decodes it.
#[derive(Debug, Clone)]
pub(crate) enum Fact {
    /// An event of an aggregate in the catalogue.
    Known(Event),
    /// An event of a stream type that the catalogue does not list: only projections of all streams take it.
    Foreign,
    /// An event of an aggregate in the catalogue that this build cannot read.
    Unreadable(DecodeError),
}

/// A stored event with its decoded form.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The event as the log has it.
    pub recorded: RecordedEvent,
    pub(crate) fact: Fact,
}

impl Decoded {
    pub(crate) fn new(recorded: RecordedEvent, catalogue: &Catalogue) -> Self {
        let decoded = catalogue.decode(
            recorded.stream.stream_type.as_str(),
            &recorded.event_type,
            recorded.schema_version,
            &recorded.payload,
        );
        let fact = match decoded {
            Some(Ok(event)) => Fact::Known(event),
            Some(Err(error)) => Fact::Unreadable(error),
            None => Fact::Foreign,
        };
        Self { recorded, fact }
    }

    /// The event as one of this aggregate; `None` if its stream is of another type.
    ///
    /// # Errors
    /// When this build cannot read it.
    pub fn read<A: Aggregate>(&self) -> Result<Option<&A::Event>, Poison> {
        match &self.fact {
            Fact::Known(event) => Ok(event.of::<A>()),
            Fact::Foreign => Ok(None),
            Fact::Unreadable(error) => Err(Poison(error.to_string())),
        }
    }
}
