//! Requests to the pipeline, and its replies.
//!
//! A request holds a command that is valid by itself; the pipeline judges everything that needs the stream's state. A
//! reply is complete: a handler only renders it.

use super::key::Key;
use domain::{Aggregate, Timestamp};
use event_store::{Metadata, Position, Version};
use identity::Scope;
use serde_json::Value;
use std::borrow::Cow;
use uuid::Uuid;

/// What the pipeline needs of an aggregate besides its decisions: the parts that answers show.
pub trait Commanded: Aggregate {
    /// The status in the answer: the one part that only the state knows.
    fn status(state: &Self::State) -> &'static str;
    /// The customer that a stream belongs to. A stream of nobody is hidden from all customers.
    fn customer(state: &Self::State) -> Option<&str> {
        let _ = state;
        None
    }

    /// The customer for whom a command acts, if it names one. Customers act for themselves only.
    fn acts_for(command: &Self::Command) -> Option<&str> {
        let _ = command;
        None
    }

    /// The bytes that a state takes in memory. `None`, the default, means that it grows with its events: their bytes are
    /// taken instead.
    fn weight(state: &Self::State) -> Option<usize> {
        let _ = state;
        None
    }

    /// A rejection as it is stored under an idempotency key; it comes back as [`Refusal::Replayed`].
    fn keep(rejection: &Self::Rejection) -> Value;
    /// Whether a retry with the same key must get this rejection again, whatever has happened since.
    fn settles(rejection: &Self::Rejection) -> Settles;
}

/// Whether a rejection is final for its idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settles {
    /// The rejection is stored and replayed.
    Key,
    /// A retry is decided again, whatever kind of key it has.
    Nothing,
}

/// A command to be decided.
#[derive(Debug)]
pub struct Request<C> {
    /// The stream that decides.
    pub target: Target,
    /// What the stream has to decide.
    pub command: C,
    /// `If-Match`.
    pub precondition: Option<Precondition>,
    /// Makes retries return the first answer.
    pub key: Option<Key>,
    /// The business time of an imported fact; `None` = now.
    pub at: Option<Timestamp>,
    /// Whether to store the events or only to show them.
    pub effect: Effect,
    /// The metadata of the events.
    pub metadata: Metadata,
    /// About how many bytes the request holds in memory.
    pub weight: usize,
    /// The streams that the caller sees; all others do not exist for it.
    pub scope: Scope,
}

/// A stream, and whether it is expected to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// For a command on an existing stream: it must be loaded.
    Named(Uuid),
    /// For the command that begins a stream: it is decided as if the stream were absent, without loading. The append
    /// checks that; if the stream exists, it is loaded and the command decided again.
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

/// The condition of `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// `*`: the stream exists.
    Exists,
    /// `"7", "9"`: the stream is at one of these versions; 0 = it does not exist. An empty list never holds.
    AnyOf(Vec<Version>),
}

impl Precondition {
    /// Whether it holds for a stream at a version; 0 = it does not exist.
    pub fn holds(&self, version: Version) -> bool {
        match self {
            Self::Exists => version > 0,
            Self::AnyOf(versions) => versions.contains(&version),
        }
    }
}

/// Whether a decision is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Events and answer are stored.
    Store,
    /// A dry run: nothing is stored, the reply holds a [`Preview`].
    Preview,
}

/// An accepted command.
pub struct Accepted<A: Aggregate> {
    /// The stream.
    pub id: Uuid,
    /// Its version after the command.
    pub version: Version,
    /// [`Commanded::status`] after the command.
    pub status: Cow<'static, str>,
    /// The appended events; none if the fact was already recorded.
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

/// An event, as an answer names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRef {
    /// Unique for ever.
    pub event_id: Uuid,
    /// Its stored name.
    pub event_type: Cow<'static, str>,
}

/// The stream after a dry run.
pub struct Preview<A: Aggregate> {
    /// The state after the events.
    pub state: A::State,
    /// The events that would be appended.
    pub events: Vec<A::Event>,
    /// The time of those events.
    pub at: Timestamp,
    /// The stream's present version.
    pub current_version: Version,
    /// Position of the stream's last event; 0 if there is none.
    pub current_position: Position,
}

/// Why a command was not accepted. `R` is the aggregate's own rejection.
#[derive(Debug)]
pub enum Refusal<R> {
    /// The domain rejects it.
    Rejected(R),
    /// The domain rejected it when the key was first used: the value of [`Commanded::keep`].
    Replayed(Value),
    /// The command acts for another customer than the caller.
    Forbidden,
    /// `If-Match` does not hold.
    PreconditionFailed {
        /// The stream's version; 0 = it does not exist.
        current_version: Version,
    },
    /// The key was used for another request.
    KeyReused,
    /// A request with the same key is still running.
    InProgress,
    /// Other writers came first, at every attempt.
    ConcurrentUpdate,
    /// The time of an imported fact lies in the future.
    InFuture,
    /// An imported time before the stream's last event.
    BeforeLastEvent {
        /// The time of that event.
        last: Timestamp,
    },
    /// The queue is full.
    Overloaded,
    /// Storage cannot be reached, or the service is stopping. Nothing was stored.
    Unavailable,
    /// It is not known whether it was stored; a retry with the same key finds out.
    OutcomeUnknown,
    /// A bug, or a stream that this build cannot read; the log has the details.
    Internal,
}

/// A value, or the refusal of its command.
pub type Judged<A, T> = Result<T, Refusal<<A as Aggregate>::Rejection>>;

/// The answer to one request.
pub struct Reply<A: Aggregate> {
    /// The outcome.
    pub result: Judged<A, Accepted<A>>,
    /// Whether the answer comes from an earlier request.
    pub replayed: Replayed,
    /// A view at this position shows at least everything that the decision saw. 0 = nothing was read.
    pub token: Position,
    /// The stream's version after the decision, or before it if nothing was stored. `None` = nothing was decided.
    pub version: Option<Version>,
}

impl<A: Aggregate> Reply<A> {
    /// A refusal without a decision.
    pub fn undecided(why: Refusal<A::Rejection>) -> Self {
        Self { result: Err(why), replayed: Replayed::No, token: 0, version: None }
    }
}

/// Whether an answer is new or a repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// It was decided for this request.
    No,
    /// It was stored by an earlier request with the same key.
    Yes {
        /// That of the first request, if it was refused.
        correlation_id: Option<String>,
    },
}
