//! What clients have requested and what they were answered: all that is known from outside.

use crate::chance::Chance;
use crate::commands;
use crate::same::same;
use command_service::pipeline::{Effect, Key, Precondition, Reply, Request, Retention, Target};
use domain::Timestamp;
use domain::order::{OrderAggregate, OrderCommand};
use event_store::{Metadata, NewEvent, RecordedEvent};
use oracle::Checked;
use std::collections::HashMap;
use uuid::Uuid;

/// Clients use from 2 to `ORDERS` + 1 orders.
const ORDERS: u64 = 5;
/// The weight of each request in bytes, as the queue counts it.
const WEIGHT: usize = 500;

/// One request, as it was sent once.
pub struct Attempt {
    pub order: Uuid,
    pub fresh: bool,
    pub command: OrderCommand,
    pub precondition: Option<Precondition>,
    pub key: Option<Key>,
    pub at: Option<Timestamp>,
    pub effect: Effect,
    /// What was known when a service took the request.
    pub taken: Taken,
    pub answer: Answer,
}

/// What was known when a service took a request, and since.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// The highest version of its order that a client had seen in an answer.
    pub heard: u64,
    /// The earliest time that the clock has shown since.
    pub earliest: Timestamp,
}

impl Attempt {
    /// The same request again, under its key. A request under another request's key is repeated only as yet another
    /// request.
    fn repeated(&self, as_another: bool) -> Option<Self> {
        let key = self.key.clone().filter(|key| as_another || key.fingerprint()[31] == 0)?;
        Some(Self {
            order: self.order,
            fresh: self.fresh,
            command: self.command.clone(),
            precondition: self.precondition.clone(),
            key: Some(key),
            at: self.at,
            effect: self.effect,
            taken: Taken::default(),
            answer: Answer::Awaited,
        })
    }

    /// Whether it is a line of an import; such a line is sent again after a refusal.
    pub fn is_imported(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.retention() == Retention::Forever)
    }
}

/// What its client has received.
pub enum Answer {
    /// Nothing yet.
    Awaited,
    /// Nothing, and nothing will come.
    Lost,
    Given(Reply<OrderAggregate>),
}

/// All requests of a seed.
pub struct Account {
    pub orders: Vec<Uuid>,
    pub attempts: Vec<Attempt>,
    /// Events that another program has appended, or may have.
    pub foreign: Vec<NewEvent>,
    /// The highest version of each order in any answer.
    heard: HashMap<Uuid, u64>,
    keys: u64,
}

impl Account {
    pub fn new(chance: &mut Chance) -> Self {
        let orders = (0..2 + chance.below(ORDERS)).map(|_| chance.uuid()).collect();
        Self { orders, attempts: Vec::new(), foreign: Vec::new(), heard: HashMap::new(), keys: 0 }
    }

    /// Draws a request: a new one, or an earlier one again, e.g. because no answer came.
    pub fn draw(&mut self, chance: &mut Chance, now: Timestamp) -> usize {
        let attempt = match chance.below(10) {
            0..3 => self.again(chance),
            _ => None,
        };
        let attempt = attempt.unwrap_or_else(|| self.new_attempt(chance, now));
        self.attempts.push(attempt);
        self.attempts.len() - 1
    }

    /// Draws an earlier request again, if there is one.
    pub fn draw_again(&mut self, chance: &mut Chance) -> Option<usize> {
        let attempt = self.again(chance)?;
        self.attempts.push(attempt);
        Some(self.attempts.len() - 1)
    }

    /// An event that no client asked for must be one that another program wrote.
    pub fn check_foreign(&self, event: &RecordedEvent) -> Checked {
        let known = self.foreign.iter().find(|its| its.event_id == event.event_id);
        let known = known.ok_or(format!("position {}: no client asked for it", event.position))?;
        same("the payload of another program's event", &event.payload, &known.payload)
    }

    fn new_attempt(&mut self, chance: &mut Chance, now: Timestamp) -> Attempt {
        let order = self.orders[chance.index(self.orders.len())];
        let fresh = chance.percent(45);
        let command = if fresh { commands::create(chance) } else { commands::deed(chance) };
        let precondition = match chance.below(20) {
            0 => Some(Precondition::Exists),
            1 => Some(Precondition::AnyOf(vec![chance.below(4)])),
            2 => Some(Precondition::AnyOf(vec![chance.below(4), chance.below(4)])),
            _ => None,
        };
        let imported = chance.percent(20);
        let hours = i64::try_from(chance.below(50)).unwrap();
        let at = imported.then(|| now - chrono::TimeDelta::hours(hours));
        let key = (imported || chance.percent(70)).then(|| self.new_key(imported));
        let effect = if chance.percent(5) { Effect::Preview } else { Effect::Store };
        let (taken, answer) = (Taken::default(), Answer::Awaited);
        Attempt { order, fresh, command, precondition, key, at, effect, taken, answer }
    }

    fn new_key(&mut self, imported: bool) -> Key {
        self.keys += 1;
        let mut fingerprint = [0; 32];
        fingerprint[..8].copy_from_slice(&self.keys.to_be_bytes());
        let (origin, retention) = match imported {
            true => ("import", Retention::Forever),
            false => ("http", Retention::Retries),
        };
        Key::new(format!("{origin}:{}", self.keys), fingerprint, retention)
    }

    /// An earlier request again; now and then its key is used for another request.
    fn again(&self, chance: &mut Chance) -> Option<Attempt> {
        if self.attempts.is_empty() {
            return None;
        }
        let last =
            self.attempts.len().saturating_sub(1 + chance.index(self.attempts.len().min(12)));
        let other = chance.percent(12);
        let mut attempt = self.attempts[last].repeated(other)?;
        if let (true, Some(key)) = (other, &mut attempt.key) {
            // Another request each time, because its number is part of the fingerprint.
            let mut fingerprint = key.fingerprint();
            fingerprint[16..24].copy_from_slice(&(self.attempts.len() as u64).to_be_bytes());
            fingerprint[31] = 1;
            *key = Key::new(key.text().to_owned(), fingerprint, key.retention());
            attempt.command = commands::deed(chance);
        }
        Some(attempt)
    }

    /// The same request, as its client repeats it; `None` if it has no key.
    pub fn twin(&mut self, number: usize) -> Option<usize> {
        let twin = self.attempts[number].repeated(false)?;
        self.attempts.push(twin);
        Some(self.attempts.len() - 1)
    }

    /// A client receives an answer.
    pub fn hear(&mut self, number: usize, reply: Reply<OrderAggregate>) {
        let attempt = &mut self.attempts[number];
        if let Some(version) = reply.version {
            let heard = self.heard.entry(attempt.order).or_default();
            *heard = version.max(*heard);
        }
        attempt.answer = Answer::Given(reply);
    }

    /// Notes that the clock was turned.
    pub fn turned(&mut self, now: Timestamp) {
        for attempt in &mut self.attempts {
            if matches!(attempt.answer, Answer::Awaited) {
                attempt.taken.earliest = now.min(attempt.taken.earliest);
            }
        }
    }

    /// The request as it is queued.
    pub fn request(&mut self, number: usize, now: Timestamp) -> Request<OrderCommand> {
        let attempt = &mut self.attempts[number];
        let heard = self.heard.get(&attempt.order).copied().unwrap_or(0);
        attempt.taken = Taken { heard, earliest: now };
        let target = match attempt.fresh {
            true => Target::Fresh(attempt.order),
            false => Target::Named(attempt.order),
        };
        Request {
            target,
            command: attempt.command.clone(),
            precondition: attempt.precondition.clone(),
            key: attempt.key.clone(),
            at: attempt.at,
            effect: attempt.effect,
            metadata: Metadata { correlation_id: Some(sign(number)), ..Metadata::default() },
            weight: WEIGHT,
            scope: identity::Scope::All,
        }
    }
}

/// The correlation id that marks a request's events in the log.
pub fn sign(number: usize) -> String {
    format!("request-{number}")
}

/// The number of the request that wrote the event.
pub fn signed(correlation_id: Option<&str>) -> Option<usize> {
    correlation_id?.strip_prefix("request-")?.parse().ok()
}
