//! One stream in memory: the fold of its events, with its version and position.
//!
//! Decide and evolve run only here. Both are the aggregate's own code. If one panics, the stream is marked unreadable:
//! its callers are answered, the state is dropped, and the pipeline goes on.

use super::personal::Personal;
use super::request::{Accepted, Commanded, Effect, EventRef, Judged, Preview, Refusal, Request};
use domain::{Aggregate, Timestamp};
use event_store::{
    EventStore, LoadedStream, MAX_PAGE, NewEvent, Position, RecordedEvent, StoreError, StreamId,
    Version,
};
use identity::Scope;
use server::clock;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use uuid::Uuid;

/// The weight of a stream besides its bytes.
pub const OVERHEAD: usize = 256;

/// A stream in memory: see the module.
pub struct Stream<A: Aggregate> {
    pub id: StreamId,
    /// `None` = this build cannot read it.
    pub state: Option<A::State>,
    pub version: Version,
    pub position: Position,
    pub occurred_at: Option<Timestamp>,
    /// The version of its newest snapshot.
    pub snapshot: Version,
    pub weight: usize,
    /// Texts of it cannot be sealed or opened now, because the store of keys is down: nothing is decided on it, and it is
    /// not kept in memory.
    pub lacks_keys: bool,
}

impl<A: Aggregate> Stream<A> {
    /// A stream without events.
    pub fn absent(id: StreamId) -> Self {
        let state = Some(A::State::default());
        let (version, position, snapshot) = (0, 0, 0);
        let (weight, lacks_keys) = (OVERHEAD, false);
        Self { id, state, version, position, occurred_at: None, snapshot, weight, lacks_keys }
    }

    /// Folds the store's content; `None` if it begins with a snapshot that this build cannot read.
    pub fn fold(id: StreamId, loaded: LoadedStream) -> Option<Self> {
        let mut stream = Self::absent(id);
        if let Some(snapshot) = loaded.snapshot {
            let state = serde_json::from_slice(&snapshot.state)
                .inspect_err(
                    |error| tracing::warn!(stream.id = %id.id, %error, "unreadable snapshot"),
                )
                .ok()?;
            stream.version = snapshot.version;
            stream.snapshot = snapshot.version;
            stream.position = snapshot.position;
            stream.occurred_at = Some(snapshot.occurred_at);
            stream.weight += snapshot.state.len();
            stream.state = Some(state);
        }
        stream.follow(&loaded.events);
        Some(stream)
    }

    /// Folds the whole stream, page by page: needed when a snapshot, which is only a cache, cannot be read. Texts whose keys
    /// cannot be read stay sealed, and the stream lacks them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn refold(
        id: StreamId,
        store: &EventStore,
        personal: &Personal,
    ) -> Result<Self, StoreError> {
        let mut stream = Self::absent(id);
        loop {
            let mut page = store.read_stream(&id, stream.version, MAX_PAGE).await?;
            if page.is_empty() {
                return Ok(stream);
            }
            if let Err(error) = personal.open_events(&mut page).await {
                tracing::warn!(stream.id = %id.id, %error, "a stream cannot be opened");
                stream.lacks_keys = true;
            }
            stream.follow(&page);
        }
    }

    fn follow(&mut self, events: &[RecordedEvent]) {
        for event in events {
            self.version = event.version;
            self.position = event.position;
            self.occurred_at = Some(event.occurred_at);
            self.weight += event.payload.len();
            match A::decode(&event.event_type, event.schema_version, &event.payload) {
                Ok(decoded) => self.evolve(&decoded, event.occurred_at),
                Err(error) => {
                    tracing::error!(stream.id = %self.id.id, event.position, %error, "unreadable event");
                    self.state = None;
                }
            }
        }
    }

    fn evolve(&mut self, event: &A::Event, at: Timestamp) {
        let Some(state) = self.state.take() else { return };
        self.state = guarded(self.id, || A::evolve(state, event, at));
    }
}

/// A command's decision, with the events to append for it.
pub struct Decision<A: Aggregate> {
    pub expected_version: Version,
    /// The version that the caller sees: 0 if the stream is hidden from it.
    pub seen_version: Version,
    /// The business case that the stream's first events give it.
    pub partition_key: Option<Uuid>,
    pub result: Judged<A, Accepted<A>>,
    pub events: Vec<NewEvent>,
}

impl<A: Commanded> Stream<A> {
    /// Decides one request and, unless it is a dry run, evolves the stream as if the events were stored.
    pub fn decide(
        &mut self,
        request: &Request<A::Command>,
        now: Timestamp,
        personal: &Personal,
    ) -> Decision<A> {
        let expected_version = self.version;
        let hidden = self.is_hidden_from(&request.scope);
        let (mut stored, mut partition_key) = (Vec::new(), None);
        let result = self.check(request, now).and_then(|(events, at)| match request.effect {
            Effect::Store => {
                partition_key = begins_in::<A>(expected_version, &events);
                self.advance(&events, at, &mut stored, personal)
            }
            Effect::Preview => self.preview(events, at),
        });
        let seen_version = if hidden { 0 } else { expected_version };
        Decision { expected_version, seen_version, partition_key, result, events: stored }
    }

    fn check(
        &self,
        request: &Request<A::Command>,
        now: Timestamp,
    ) -> Judged<A, (Vec<A::Event>, Timestamp)> {
        self.check_with(request, now, self.occurred_at, |state| A::decide(state, &request.command))
    }

    /// Checks what must hold before a decision, and decides. The events happen at `last` or later.
    pub fn check_with(
        &self,
        request: &Request<A::Command>,
        now: Timestamp,
        last: Option<Timestamp>,
        decide: impl FnOnce(&A::State) -> Result<Vec<A::Event>, A::Rejection>,
    ) -> Judged<A, (Vec<A::Event>, Timestamp)> {
        if A::acts_for(&request.command).is_some_and(|customer| !request.scope.sees(customer)) {
            return Err(Refusal::Forbidden);
        }
        if self.is_hidden_from(&request.scope) {
            return self.check_hidden(request, now);
        }
        if self.lacks_keys {
            return Err(Refusal::Unavailable);
        }
        let current_version = self.version;
        let state = self.state.as_ref().ok_or(Refusal::Internal)?;
        let holds =
            request.precondition.as_ref().is_none_or(|wanted| wanted.holds(current_version));
        if current_version > 0 && !holds {
            return Err(Refusal::PreconditionFailed { current_version });
        }
        let at = occurs_at(request.at, last, now)?;
        let decided = guarded(self.id, || decide(state));
        let events = decided.ok_or(Refusal::Internal)?.map_err(Refusal::Rejected)?;
        if current_version == 0 && !holds {
            // The domain would begin the stream here, but the caller expects it to exist.
            return Err(Refusal::PreconditionFailed { current_version });
        }
        Ok((events, at))
    }

    /// Whether the stream belongs to a customer that the caller does not see.
    pub fn is_hidden_from(&self, scope: &Scope) -> bool {
        let Scope::Customer(_) = scope else { return false };
        let customer = self.state.as_ref().and_then(A::customer);
        self.version > 0 && !customer.is_some_and(|customer| scope.sees(customer))
    }

    /// Decides as if the stream were not there. Only its id is taken: a command that would begin a stream is refused as
    /// for any id that is taken.
    fn check_hidden(
        &self,
        request: &Request<A::Command>,
        now: Timestamp,
    ) -> Judged<A, (Vec<A::Event>, Timestamp)> {
        let began = Self::absent(self.id).check(request, now)?;
        let state = self.state.as_ref().ok_or(Refusal::Internal)?;
        match guarded(self.id, || A::decide(state, &request.command)).ok_or(Refusal::Internal)? {
            Err(rejection) => Err(Refusal::Rejected(rejection)),
            // No command both begins a stream and changes one.
            Ok(_) => {
                drop(began);
                Err(Refusal::Internal)
            }
        }
    }

    /// Evolves the stream as if the events were stored, and gives them their stored form.
    pub fn advance(
        &mut self,
        events: &[A::Event],
        at: Timestamp,
        stored: &mut Vec<NewEvent>,
        personal: &Personal,
    ) -> Judged<A, Accepted<A>> {
        stored.reserve_exact(events.len());
        for event in events {
            self.evolve(event, at);
            let customer = self.state.as_ref().and_then(A::customer);
            let Some(sealed) = personal.sealed::<A>(event, customer) else {
                self.lacks_keys = true;
                stored.clear();
                return Err(Refusal::Unavailable);
            };
            let encoded = A::encode(&sealed);
            self.weight += encoded.payload.len();
            stored.push(NewEvent {
                event_id: clock::id(),
                event_type: encoded.event_type,
                schema_version: encoded.schema_version,
                occurred_at: at,
                payload: encoded.payload,
            });
        }
        if self.state.is_none() {
            stored.clear();
            return Err(Refusal::Internal);
        }
        if !events.is_empty() {
            self.version += events.len() as u64;
            self.occurred_at = Some(at);
        }
        let named = stored.iter().map(|event| (event.event_id, event.event_type));
        Ok(self.accepted(self.state.as_ref(), self.version, named))
    }

    /// The stream after a dry run.
    pub fn preview(&self, events: Vec<A::Event>, at: Timestamp) -> Judged<A, Accepted<A>> {
        let mut state = self.state.clone().ok_or(Refusal::Internal)?;
        for event in &events {
            state = guarded(self.id, || A::evolve(state, event, at)).ok_or(Refusal::Internal)?;
        }
        let named = events.iter().map(|event| (clock::id(), A::encode(event).event_type));
        let version = self.version + events.len() as u64;
        let mut accepted = self.accepted(Some(&state), version, named);
        let (current_version, current_position) = (self.version, self.position);
        let preview = Preview { state, events, at, current_version, current_position };
        accepted.preview = Some(Box::new(preview));
        Ok(accepted)
    }

    fn accepted(
        &self,
        state: Option<&A::State>,
        version: Version,
        events: impl Iterator<Item = (Uuid, &'static str)>,
    ) -> Accepted<A> {
        let name = |(event_id, name)| EventRef { event_id, event_type: Cow::Borrowed(name) };
        Accepted {
            id: self.id.id,
            version,
            status: Cow::Borrowed(state.map_or("", A::status)),
            events: events.map(name).collect(),
            first_position: 0,
            preview: None,
        }
    }
}

/// The business case that these events give a stream at this version, if they are its first.
pub fn begins_in<A: Aggregate>(version: Version, events: &[A::Event]) -> Option<Uuid> {
    if version == 0 { events.first().and_then(A::partition_key) } else { None }
}

/// Business time never goes back within a stream, whatever the clock does.
fn occurs_at<R>(
    imported: Option<Timestamp>,
    last: Option<Timestamp>,
    now: Timestamp,
) -> Result<Timestamp, Refusal<R>> {
    match (imported, last) {
        (None, last) => Ok(last.map_or(now, |last| last.max(now))),
        (Some(at), _) if at > now => Err(Refusal::InFuture),
        (Some(at), Some(last)) if at < last => Err(Refusal::BeforeLastEvent { last }),
        (Some(at), _) => Ok(at),
    }
}

/// Runs the aggregate's code; a panic costs the stream, not the pipeline.
pub fn guarded<T>(id: StreamId, run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run))
        .inspect_err(|_| tracing::error!(stream.id = %id.id, "the domain panicked"))
        .ok()
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
