//! Answers against the log: every answered event is stored once, as it was decided, and each event has a request.

use crate::account::{Account, Answer, Attempt, signed};
use crate::same::same;
use crate::world::World;
use command_service::pipeline::{
    Accepted, Commanded, Effect, Precondition, Refusal, Replayed, Reply, Settles,
};
use domain::Aggregate;
use domain::order::{Order, OrderAggregate, OrderRejection};
use event_store::{MAX_PAGE, RecordedEvent};
use oracle::Checked;
use std::collections::HashMap;
use std::ops::Range;
use uuid::Uuid;

/// The state of an order at a version; `None` if an event before it is unreadable.
type State = Option<Option<Order>>;

/// The whole log, folded.
pub struct Ledger {
    pub events: Vec<RecordedEvent>,
    /// For each order, the state at each version, from 0.
    states: HashMap<Uuid, Vec<State>>,
    /// The range of each request's events in `events`.
    written: HashMap<usize, Range<usize>>,
}

impl Ledger {
    /// Reads and folds the log, and checks what needs no answer.
    pub async fn read(world: &World) -> Checked<Self> {
        let events = world.eye.read_feed(0, MAX_PAGE).await.map_err(|error| error.to_string())?;
        let mut ledger =
            Self { events: Vec::new(), states: HashMap::new(), written: HashMap::new() };
        for event in events {
            ledger.follow(event, &world.account)?;
        }
        Ok(ledger)
    }

    fn follow(&mut self, event: RecordedEvent, account: &Account) -> Checked {
        let index = self.events.len();
        let at = format!("position {}", event.position);
        same(&at, event.position, index as u64 + 1)?;
        let states = self.states.entry(event.stream.id).or_insert_with(|| vec![Some(None)]);
        same(&format!("{at}: the version"), event.version, states.len() as u64)?;
        if let Some(last) = self.events.last()
            && last.recorded_at > event.recorded_at
        {
            return Err(format!("{at}: was stored before the event before it"));
        }
        let state = states.last().unwrap().clone();
        let decoded =
            OrderAggregate::decode(&event.event_type, event.schema_version, &event.payload).ok();
        let next = state.and_then(|state| {
            Some(OrderAggregate::evolve(state, decoded.as_ref()?, event.occurred_at))
        });
        states.push(next);
        match signed(event.metadata.correlation_id.as_deref()) {
            Some(number) => {
                let attempt =
                    account.attempts.get(number).ok_or(format!("{at}: no client asked for it"))?;
                same(&format!("{at}: the order"), event.stream.id, attempt.order)?;
                let range = self.written.entry(number).or_insert(index..index);
                if range.end != index {
                    return Err(format!("{at}: {number} is written twice"));
                }
                range.end = index + 1;
            }
            None => account.check_foreign(&event)?,
        }
        self.events.push(event);
        Ok(())
    }

    fn state(&self, order: Uuid, version: u64) -> Checked<&State> {
        const ABSENT: &State = &Some(None);
        let states = self.states.get(&order);
        match (states.and_then(|states| states.get(usize::try_from(version).ok()?)), version) {
            (Some(state), _) => Ok(state),
            (None, 0) => Ok(ABSENT),
            (None, _) => Err(format!("{order} never was at version {version}")),
        }
    }

    /// Checks every request against its outcome.
    pub fn check(&self, account: &Account) -> Checked {
        for (number, attempt) in account.attempts.iter().enumerate() {
            let checked =
                self.check_written(number, attempt).and_then(|()| match &attempt.answer {
                    Answer::Awaited => Err("is not answered".to_owned()),
                    Answer::Lost => Ok(()),
                    Answer::Given(reply) => self.check_answer(number, attempt, reply),
                });
            checked.map_err(|why| format!("request {number}: {why}"))?;
        }
        self.check_keys(account)
    }

    /// Its events are what the order decides at that version.
    fn check_written(&self, number: usize, attempt: &Attempt) -> Checked {
        let Some(range) = self.written.get(&number) else { return Ok(()) };
        let events = &self.events[range.clone()];
        let before = events[0].version - 1;
        if attempt.effect == Effect::Preview {
            return Err("was a dry run, and is written".to_owned());
        }
        match &attempt.precondition {
            Some(Precondition::Exists) if before == 0 => {
                return Err("began an order that should have existed".to_owned());
            }
            Some(Precondition::AnyOf(wanted)) if !wanted.contains(&before) => {
                return Err(format!("built on version {before}, not on one of {wanted:?}"));
            }
            _ => {}
        }
        let state = self.state(attempt.order, before)?.as_ref();
        let state = state.ok_or("was decided on an order that cannot be read")?;
        let decided = OrderAggregate::decide(state, &attempt.command)
            .map_err(|rejection| format!("is refused at version {before}: {rejection:?}"))?;
        same("how many events", events.len(), decided.len())?;
        for (event, decided) in events.iter().zip(&decided) {
            let encoded = OrderAggregate::encode(decided);
            same("the type", event.event_type.as_str(), encoded.event_type)?;
            same("the schema version", event.schema_version, encoded.schema_version)?;
            same("the payload", &event.payload, &encoded.payload)?;
            if let Some(at) = attempt.at {
                same("when it happened", event.occurred_at, at)?;
            }
        }
        Ok(())
    }

    fn check_answer(
        &self,
        number: usize,
        attempt: &Attempt,
        reply: &Reply<OrderAggregate>,
    ) -> Checked {
        let own = self.written.get(&number);
        let replayed = reply.replayed != Replayed::No;
        match &reply.result {
            Ok(accepted) if accepted.preview.is_some() => {
                same("a dry run's events in the log", own, None)
            }
            Ok(accepted) => {
                self.check_accepted(attempt, accepted)?;
                if accepted.events.is_empty() || replayed {
                    return same("its own events in the log", own, None);
                }
                let first = usize::try_from(accepted.first_position).unwrap() - 1;
                same("where it stands", own, Some(&(first..first + accepted.events.len())))
            }
            Err(Refusal::OutcomeUnknown) => Ok(()),
            Err(refusal) => {
                same("events of a refused request", own, None)?;
                self.check_refusal(attempt, refusal, reply.version)
            }
        }
    }

    /// The log has the events that an answer names.
    fn check_accepted(&self, attempt: &Attempt, accepted: &Accepted<OrderAggregate>) -> Checked {
        same("the order", accepted.id, attempt.order)?;
        let state = self.state(attempt.order, accepted.version)?;
        let state = state.as_ref().ok_or("an order that cannot be read is accepted")?;
        same("the status", &*accepted.status, OrderAggregate::status(state))?;
        if accepted.events.is_empty() {
            let decided = OrderAggregate::decide(state, &attempt.command);
            return match decided.is_ok_and(|events| events.is_empty()) {
                true => Ok(()),
                false => Err("is accepted as a fact that was recorded, and is none".to_owned()),
            };
        }
        same("the last version", accepted.version, self.version_at(accepted.position())?)?;
        for (named, position) in accepted.events.iter().zip(accepted.first_position..) {
            let index = usize::try_from(position).unwrap() - 1;
            let event =
                self.events.get(index).ok_or(format!("position {position} is not there"))?;
            same("the id", event.event_id, named.event_id)?;
            same("the type", event.event_type.as_str(), &*named.event_type)?;
            same("the stream", event.stream.id, attempt.order)?;
        }
        Ok(())
    }

    fn version_at(&self, position: u64) -> Checked<u64> {
        let event = self.events.get(usize::try_from(position).unwrap() - 1);
        event.map(|event| event.version).ok_or(format!("position {position} is not there"))
    }

    /// A refusal is correct at the version of its decision.
    fn check_refusal(
        &self,
        attempt: &Attempt,
        refusal: &Refusal<OrderRejection>,
        version: Option<u64>,
    ) -> Checked {
        match (refusal, version) {
            (Refusal::Rejected(rejection), Some(version)) => {
                let state = self.state(attempt.order, version)?.as_ref();
                let state = state.ok_or("an order that cannot be read refuses")?;
                let decided = OrderAggregate::decide(state, &attempt.command);
                same("the rejection", decided.err().as_ref(), Some(rejection))
            }
            (Refusal::PreconditionFailed { current_version }, _) => {
                self.state(attempt.order, *current_version)?;
                match &attempt.precondition {
                    Some(Precondition::AnyOf(wanted)) if !wanted.contains(current_version) => {
                        Ok(())
                    }
                    Some(Precondition::Exists) if *current_version == 0 => Ok(()),
                    _ => Err(format!("its precondition holds at version {current_version}")),
                }
            }
            (Refusal::Internal, _) => {
                let states = self.states.get(&attempt.order);
                match states.is_some_and(|states| states.iter().any(Option::is_none)) {
                    true => Ok(()),
                    false => Err("an order that can be read is refused as one that cannot".into()),
                }
            }
            _ => Ok(()),
        }
    }

    /// No request is decided under a key while the order already has what that key decided before.
    fn check_unseen(
        &self,
        number: usize,
        reply: &Reply<OrderAggregate>,
        first: Option<usize>,
    ) -> Checked {
        let range =
            first.filter(|first| *first != number).and_then(|first| self.written.get(&first));
        let (Some(range), Replayed::No, Some(found)) = (range, &reply.replayed, reply.version)
        else {
            return Ok(());
        };
        let event = &self.events[range.start];
        let attempted = matches!(&reply.result, Ok(accepted) if accepted.preview.is_none());
        match !attempted && found >= event.version {
            true => Err(format!(
                "{number} is decided at version {found}, its key was used at {}",
                event.version
            )),
            false => Ok(()),
        }
    }

    /// The first final decision uses up a key.
    fn check_keys(&self, account: &Account) -> Checked {
        let mut decided: HashMap<&str, (usize, [u8; 32])> = HashMap::new();
        for (number, attempt) in account.attempts.iter().enumerate() {
            let Some(key) = &attempt.key else { continue };
            if !(self.written.contains_key(&number) || settles(attempt)) {
                continue;
            }
            if let Some((first, _)) = decided.insert(key.text(), (number, key.fingerprint())) {
                return Err(format!("{first} and {number} are both decided under {}", key.text()));
            }
        }
        let mut answers: HashMap<&str, String> = HashMap::new();
        for (number, attempt) in account.attempts.iter().enumerate() {
            let (Some(key), Answer::Given(reply)) = (&attempt.key, &attempt.answer) else {
                continue;
            };
            let first = decided.get(key.text());
            self.check_unseen(number, reply, first.map(|first| first.0))?;
            if let Err(Refusal::KeyReused) = &reply.result {
                if first.is_some_and(|(_, fingerprint)| *fingerprint == key.fingerprint()) {
                    return Err(format!("{number} is the request that {} stands for", key.text()));
                }
                continue;
            }
            let Some(said) = lasting(attempt, reply) else { continue };
            if first.is_some_and(|(_, fingerprint)| *fingerprint != key.fingerprint()) {
                return Err(format!("{number} is answered under another request's {}", key.text()));
            }
            let before = answers.entry(key.text()).or_insert_with(|| said.clone());
            same(&format!("{number}, the answer under {}", key.text()), before.as_str(), &said)?;
        }
        Ok(())
    }
}

/// Whether the request's own decision used up its key, as far as its client knows.
fn settles(attempt: &Attempt) -> bool {
    let Answer::Given(reply) = &attempt.answer else { return false };
    if reply.replayed != Replayed::No || attempt.effect == Effect::Preview {
        return false;
    }
    match &reply.result {
        Err(_) if attempt.is_imported() => false,
        Ok(_) | Err(Refusal::PreconditionFailed { .. }) => true,
        Err(Refusal::Rejected(rejection)) => OrderAggregate::settles(rejection) == Settles::Key,
        Err(_) => false,
    }
}

/// The answer, if it must be the same whenever its key comes again.
fn lasting(attempt: &Attempt, reply: &Reply<OrderAggregate>) -> Option<String> {
    if attempt.effect == Effect::Preview && reply.replayed == Replayed::No {
        return None;
    }
    match &reply.result {
        Ok(Accepted { version, status, events, first_position, .. }) => {
            Some(format!("{version} {status} {first_position} {events:?}"))
        }
        Err(_) if attempt.is_imported() => None,
        Err(Refusal::PreconditionFailed { current_version }) => {
            Some(format!("not at the version asked for, but at {current_version}"))
        }
        Err(Refusal::Replayed(kept)) => Some(kept.to_string()),
        Err(Refusal::Rejected(rejection)) => {
            let settles = OrderAggregate::settles(rejection) == Settles::Key;
            settles.then(|| OrderAggregate::keep(rejection).to_string())
        }
        Err(_) => None,
    }
}
