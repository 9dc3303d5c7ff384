//! Tiny aggregates of two types: proof that the pipeline knows nothing of orders, and its test kit.

use super::key::{Key, Retention};
use super::request::{Commanded, Effect, Precondition, Refusal, Reply, Request, Settles, Target};
use super::{Clock, Pipeline, PipelineLimits};
use domain::{Aggregate, DecodeError, EncodedEvent, Timestamp};
use event_store::{Access, EventStore, Metadata};
use rig::log::Log;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

/// A stream that begins with this number or a higher one belongs to the business case of that id.
pub const CASES: i64 = 1_000_000;

/// A number that never goes below zero, under one of the two stream types.
#[derive(Debug)]
pub struct Number<const TYPE: usize>;

pub type Counter = Number<0>;
/// The same aggregate under another stream type.
pub type Tally = Number<1>;

#[derive(Debug, Clone, Copy)]
pub enum Command {
    Add(i64),
    /// Its event is one that no store accepts: its whole batch fails.
    Poison,
    Panic,
    /// Its decision succeeds, but its event cannot be folded.
    PanicInFold,
}

#[derive(Debug, Clone)]
pub enum Event {
    Added(i64),
    Poisoned,
    Panicking,
}

#[derive(Debug, PartialEq)]
pub struct BelowZero;

impl<const TYPE: usize> Aggregate for Number<TYPE> {
    const STREAM_TYPE: &'static str = ["counter", "tally"][TYPE];
    const SNAPSHOT_VERSION: u16 = 1;
    type State = i64;
    type Command = Command;
    type Event = Event;
    type Rejection = BelowZero;

    fn decide(state: &i64, command: &Command) -> Result<Vec<Event>, BelowZero> {
        match command {
            Command::Add(0) => Ok(vec![]),
            Command::Add(n) if state + n < 0 => Err(BelowZero),
            Command::Add(n) => Ok(vec![Event::Added(*n)]),
            Command::Poison => Ok(vec![Event::Poisoned]),
            Command::Panic => panic!("asked to"),
            Command::PanicInFold => Ok(vec![Event::Panicking]),
        }
    }

    fn evolve(state: i64, event: &Event, _: Timestamp) -> i64 {
        match event {
            Event::Added(n) => state + n,
            Event::Poisoned => state,
            Event::Panicking => panic!("asked to"),
        }
    }

    fn partition_key(first: &Event) -> Option<Uuid> {
        match first {
            Event::Added(n) if *n >= CASES => u128::try_from(*n).map(Uuid::from_u128).ok(),
            _ => None,
        }
    }

    fn encode(event: &Event) -> EncodedEvent {
        let payload = match event {
            Event::Added(n) => n.to_string(),
            Event::Poisoned => "not json".to_owned(),
            Event::Panicking => "0".to_owned(),
        };
        EncodedEvent { event_type: "Added", schema_version: 1, payload: payload.into_bytes() }
    }

    fn decode(_: &str, _: u16, payload: &[u8]) -> Result<Event, DecodeError> {
        serde_json::from_slice(payload).map(Event::Added).map_err(|error| DecodeError::Malformed {
            event_type: "Added".to_owned(),
            detail: error.to_string(),
        })
    }
}

impl<const TYPE: usize> Commanded for Number<TYPE> {
    fn status(state: &i64) -> &'static str {
        if *state == 0 { "zero" } else { "more" }
    }
    fn keep(_: &BelowZero) -> Value {
        json!("below-zero")
    }
    fn settles(_: &BelowZero) -> Settles {
        Settles::Key
    }
}

/// A log, a clock that stands still, and pipelines over both.
pub struct Rig {
    log: Log,
    pub clock: Arc<AtomicI64>,
}

impl Rig {
    pub fn on(log: Log) -> Self {
        Self { log, clock: Arc::new(AtomicI64::new(1_700_000_000_000_000)) }
    }

    pub async fn store(&self) -> EventStore {
        EventStore::open(&self.log.url(), Access::ReadWrite).await.unwrap()
    }

    pub fn clock(&self) -> Clock {
        let micros = Arc::clone(&self.clock);
        Arc::new(move || Timestamp::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap())
    }

    pub fn turn_clock(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub async fn pipeline(&self) -> (Pipeline<Counter>, EventStore) {
        self.pipeline_with(PipelineLimits::default()).await
    }

    pub async fn pipeline_with(&self, limits: PipelineLimits) -> (Pipeline<Counter>, EventStore) {
        let store = self.store().await;
        (Pipeline::spawn(store.clone(), self.clock(), limits), store)
    }

    /// A pipeline of each type over one store.
    pub async fn pipelines(&self) -> (Pipeline<Counter>, Pipeline<Tally>, EventStore) {
        let (counters, store) = self.pipeline().await;
        let tallies = Pipeline::spawn(store.clone(), self.clock(), PipelineLimits::default());
        (counters, tallies, store)
    }
}

/// `Add(n)` to the counter `id`.
pub fn add(id: u128, n: i64) -> Request<Command> {
    ask(id, Command::Add(n))
}

pub fn ask(id: u128, command: Command) -> Request<Command> {
    Request {
        target: Target::Named(Uuid::from_u128(id)),
        command,
        precondition: None,
        key: None,
        at: None,
        effect: Effect::Store,
        metadata: Metadata::default(),
        weight: 64,
        scope: identity::Scope::All,
    }
}

impl Request<Command> {
    /// With the key of an HTTP client.
    pub fn keyed(self, key: &str, fingerprint: u8) -> Self {
        self.kept(key, fingerprint, Retention::Retries)
    }
    /// As a line of an import.
    pub fn imported(self, key: &str, at: Timestamp) -> Self {
        Self { at: Some(at), ..self.kept(key, 0, Retention::Forever) }
    }
    /// Only at this version.
    pub fn if_match(self, version: u64) -> Self {
        Self { precondition: Some(Precondition::AnyOf(vec![version])), ..self }
    }
    /// As the command that begins its stream.
    pub fn fresh(self) -> Self {
        Self { target: Target::Fresh(self.target.id()), ..self }
    }
    /// As a dry run.
    pub fn dry(self) -> Self {
        Self { effect: Effect::Preview, ..self }
    }
    fn kept(self, key: &str, fingerprint: u8, retention: Retention) -> Self {
        let key = Key::new(key.to_owned(), [fingerprint; 32], retention);
        Self { key: Some(key), ..self }
    }
}

/// `(version, first position, events)` of an accepted command.
pub fn accepted<const TYPE: usize>(reply: &Reply<Number<TYPE>>) -> (u64, u64, usize) {
    let accepted = reply.result.as_ref().unwrap();
    (accepted.version, accepted.first_position, accepted.events.len())
}

pub fn refused<const TYPE: usize>(reply: Reply<Number<TYPE>>) -> Refusal<BelowZero> {
    reply.result.err().expect("the command should have been refused")
}

impl<const TYPE: usize> Pipeline<Number<TYPE>> {
    /// Submits and waits.
    pub async fn ask(&self, request: Request<Command>) -> Reply<Number<TYPE>> {
        match self.submit(request) {
            Ok(pending) => pending.reply().await,
            Err(refusal) => panic!("not accepted: {refusal:?}"),
        }
    }
}
