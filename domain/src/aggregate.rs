//! The shape of every aggregate: a decider with stored events.
//!
//! A second aggregate type is a new module that implements [`Aggregate`]. The command pipeline, the event store and the
//! projector are generic over it.

use crate::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// A decider: commands in, events out, state as the fold of the events.
pub trait Aggregate: Send + Sync + 'static {
    /// The stream type under which this aggregate's events are stored, e.g. `order`: 1 to 31 ASCII letters, digits, `_`,
    /// `-` or `.`.
    const STREAM_TYPE: &'static str;
    /// Raised whenever the serialised form of [`Self::State`] changes; older snapshots are then ignored.
    const SNAPSHOT_VERSION: u16;
    /// The stored names of the events that [`Self::change_personal`] finds texts in. By default none has any.
    const PERSONAL_EVENTS: &'static [&'static str] = &[];
    /// The types of further streams that this aggregate decides on and changes together with those of
    /// [`Self::STREAM_TYPE`]: all of them or none. By default there are none.
    const JOINT_TYPES: &'static [&'static str] = &[];

    /// The fold of a stream's events. `Default` is the state before the first event.
    type State: Clone + Default + Send + Sync + Serialize + DeserializeOwned + 'static;
    /// A request to change the state; it may be refused.
    type Command: Send + Sync + 'static;
    /// Something that has happened.
    type Event: Clone + Send + Sync + 'static;
    /// Why a command was refused: names the broken rule.
    type Rejection: Send + 'static;

    /// Decides a command against the state. An empty list means that the fact is already recorded.
    ///
    /// # Errors
    /// The rule that the command breaks.
    fn decide(
        state: &Self::State,
        command: &Self::Command,
    ) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// The type of the stream that takes a command.
    fn stream_type(_command: &Self::Command) -> &'static str {
        Self::STREAM_TYPE
    }

    /// The other streams that a command is decided on, given the state of its own, in the order in which
    /// [`Self::decide_jointly`] takes their states. By default there are none.
    fn partners(_state: &Self::State, _command: &Self::Command) -> Vec<Partner> {
        Vec::new()
    }

    /// Decides a command that has partners. The events of all streams are stored together or not at all, and only if
    /// none of these streams, changed or merely read, has moved since.
    ///
    /// # Errors
    /// The rule that the command breaks.
    fn decide_jointly(
        state: &Self::State,
        _partners: &[&Self::State],
        command: &Self::Command,
    ) -> Result<JointDecision<Self::Event>, Self::Rejection> {
        Ok(JointDecision { own: Self::decide(state, command)?, partners: Vec::new() })
    }

    /// Folds one event, which happened at `at`, into the state. Total over everything that `decide` can produce.
    fn evolve(state: Self::State, event: &Self::Event, at: Timestamp) -> Self::State;

    /// The business case of a stream whose first event this is: the id of another stream, e.g. of the order that a
    /// payment is for. `None`, the default, means a case of its own. The stream keeps its case for ever. All events of
    /// a case stay in one order on their way to consumers.
    fn partition_key(_first: &Self::Event) -> Option<Uuid> {
        None
    }

    /// Passes each text about a person in the event to `change`, and puts the result in its place. These texts are stored
    /// sealed, so that they can be erased. By default an event has none.
    fn change_personal(_event: &mut Self::Event, _change: &mut dyn FnMut(&str) -> String) {}

    /// The stored form of an event, always in its newest schema version.
    fn encode(event: &Self::Event) -> EncodedEvent;

    /// Reads a stored event of any schema version; upcasters lift old ones.
    ///
    /// # Errors
    /// When the name or version is unknown, or the payload does not fit them.
    fn decode(
        event_type: &str,
        schema_version: u16,
        payload: &[u8],
    ) -> Result<Self::Event, DecodeError>;
}

/// A stream that a command is decided on besides its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Partner {
    /// [`Aggregate::STREAM_TYPE`], or one of [`Aggregate::JOINT_TYPES`].
    pub stream_type: &'static str,
    /// The stream's id.
    pub id: Uuid,
}

/// A decision on several streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JointDecision<E> {
    /// The events of the command's own stream.
    pub own: Vec<E>,
    /// Those of each partner, in the order of [`Aggregate::partners`]; the last ones may be left out.
    pub partners: Vec<Vec<E>>,
}

/// An event as the log stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEvent {
    /// The explicit stored name, e.g. `OrderPlaced`.
    pub event_type: &'static str,
    /// The schema version of the payload, from 1.
    pub schema_version: u16,
    /// JSON, UTF-8.
    pub payload: Vec<u8>,
}

/// A stored event that this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The stored name is not a name of this aggregate.
    #[error("unknown event type {0:?}")]
    UnknownType(String),
    /// This build does not know the schema version; newer writers may be running.
    #[error("unknown schema version {version} of {event_type}")]
    UnknownVersion {
        /// The stored name.
        event_type: String,
        /// The stored schema version.
        version: u16,
    },
    /// The payload does not fit its declared type and version.
    #[error("malformed {event_type} payload: {detail}")]
    Malformed {
        /// The stored name.
        event_type: String,
        /// What did not fit; never holds the payload's values.
        detail: String,
    },
}
