//! What goes onto the pipeline's queue and what comes back.
//!
//! A request holds a command that is valid by itself; everything that needs the stream's state is judged by the
//! pipeline. A reply is complete: a handler only renders it.

use domain::{Aggregate, Timestamp};
use event_store::{Metadata, Position, Version};
use serde_json::Value;
use std::borrow::Cow;
use uuid::Uuid;

/// What the pipeline must know of an aggregate beyond its decisions: how it stands in an answer.
pub trait Commanded: Aggregate {
    /// The one word of the answer that only the state can tell.
    fn status(state: &Self::State) -> &'static str;
    /// A rejection as it is kept under an idempotency key; comes back as [`Refusal::Replayed`].
    fn keep(rejection: &Self::Rejection) -> Value;
    /// Whether a retry with the same key must get this rejection again, whatever has happened since.
    fn settles(rejection: &Self::Rejection) -> Settles;
}

/// Whether a rejection is final for its idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settles {
    /// Kept and replayed.
    Key,
    /// Decided anew when it comes again, whatever kind of key it has.
    Nothing,
}

/// A command on its way to a decision.
#[derive(Debug)]
pub struct Request<C> {
    /// Which stream decides.
    pub target: Target,
    /// What is asked.
    pub command: C,
    /// `If-Match`.
    pub precondition: Option<Precondition>,
    /// Makes retries exact.
    pub key: Option<Key>,
    /// The business time of an imported fact; `None` = now.
    pub at: Option<Timestamp>,
    /// Store the events, or only show them.
    pub effect: Effect,
    /// Stored on the events.
    pub metadata: Metadata,
    /// About how many bytes the request holds in memory.
    pub weight: usize,
}

/// A stream, and whether it is expected to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Of a command on what is there: must be loaded.
    Named(Uuid),
    /// Of the command that begins a stream: decided on as absent, without loading. The append proves it; should the
    /// stream exist, it is loaded and the command decided again.
    Fresh(Uuid),
}

impl Target {
    /// The stream's id.
    pub fn id(self) -> Uuid {
        match self {
            Self::Named(id) | Self::Fresh(id) => id,
        }
    }
}

/// What `If-Match` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// `*`: the stream exists.
    Exists,
    /// `"7", "9"`: the stream is at one of these versions; 0 = it does not exist. None of none holds.
    AnyOf(Vec<Version>),
}

impl Precondition {
    /// Whether it holds of a stream at a version; 0 = it does not exist.
    pub fn holds(&self, version: Version) -> bool {
        match self {
            Self::Exists => version > 0,
            Self::AnyOf(versions) => versions.contains(&version),
        }
    }
}

/// Whether a decision leaves a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Events and answer are stored.
    Store,
    /// A dry run: nothing is stored, the reply holds a [`Preview`].
    Preview,
}

/// An idempotency key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Namespaced by its origin, e.g. `http:…`, `import:…`.
    pub key: String,
    /// What the request is, hashed: the same key with another fingerprint is refused.
    pub fingerprint: [u8; 32],
    /// How long the answer is kept, and how twins are treated.
    pub retention: Retention,
}

/// How long an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// At least 72 hours. A twin that is still running refuses the second request.
    Retries,
    /// For ever, if the request is accepted (imports). A twin waits for the first one's answer.
    Forever,
}

/// An accepted command.
pub struct Accepted<A: Aggregate> {
    /// The stream.
    pub id: Uuid,
    /// Its version after the command.
    pub version: Version,
    /// [`Commanded::status`] after the command.
    pub status: Cow<'static, str>,
    /// What was appended; empty if the fact was already recorded.
    pub events: Vec<EventRef>,
    /// Position of the first event; the head of the log when there are no events.
    pub first_position: Position,
    /// Only for [`Effect::Preview`].
    pub preview: Option<Box<Preview<A>>>,
}

impl<A: Aggregate> Accepted<A> {
    /// Position of the last event; the head of the log when there are no events.
    pub fn position(&self) -> Position {
        self.first_position + (self.events.len() as u64).saturating_sub(1)
    }
}

/// An event as an answer names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRef {
    /// Unique for ever.
    pub event_id: Uuid,
    /// Stored name.
    pub event_type: Cow<'static, str>,
}

/// How a stream would be after a dry run.
pub struct Preview<A: Aggregate> {
    /// The state after the events.
    pub state: A::State,
    /// The events that would be appended.
    pub events: Vec<A::Event>,
    /// When they would have happened.
    pub at: Timestamp,
    /// The version the stream is at now.
    pub current_version: Version,
    /// Position of the stream's last event; 0 if there is none.
    pub current_position: Position,
}

/// Why a command was not accepted. `R` is the aggregate's own rejection.
#[derive(Debug)]
pub enum Refusal<R> {
    /// The domain says no.
    Rejected(R),
    /// The domain said no when the key was first used: what [`Commanded::keep`] made of it.
    Replayed(Value),
    /// `If-Match` does not hold.
    PreconditionFailed {
        /// Where the stream is; 0 = does not exist.
        current_version: Version,
    },
    /// The key was used for another request.
    KeyReused,
    /// A request with the same key is still running.
    InProgress,
    /// Beaten by other writers, every time.
    ConcurrentUpdate,
    /// An imported time that has not come yet.
    InFuture,
    /// An imported time before the stream's last event.
    BeforeLastEvent {
        /// When that was.
        last: Timestamp,
    },
    /// The queue is full.
    Overloaded,
    /// Storage cannot be reached, or the service is stopping. Nothing was stored.
    Unavailable,
    /// Whether it was stored is not known; a retry with the same key is exact.
    OutcomeUnknown,
    /// A bug or a stream that this build cannot read; logged where it was found.
    Internal,
}

/// A value, or the refusal of the command it would have been for.
pub type Judged<A, T> = Result<T, Refusal<<A as Aggregate>::Rejection>>;

/// The answer to one request.
pub struct Reply<A: Aggregate> {
    /// What came of it.
    pub result: Judged<A, Accepted<A>>,
    /// The answer was kept from an earlier request.
    pub replayed: Replayed,
    /// Waiting for this position shows at least everything the decision saw. 0 = nothing was read.
    pub token: Position,
    /// The stream's version that the decision left or, when it stored nothing, found. `None` = nothing was decided.
    pub version: Option<Version>,
}

impl<A: Aggregate> Reply<A> {
    /// A refusal without a decision.
    pub fn undecided(why: Refusal<A::Rejection>) -> Self {
        Self { result: Err(why), replayed: Replayed::No, token: 0, version: None }
    }
}

/// Whether an answer is given for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// Decided for this request.
    No,
    /// Kept from an earlier request with the same key.
    Yes {
        /// Of the first request, if it was refused.
        correlation_id: Option<String>,
    },
}
