//! Log and answers against the contract's oracle, which shares nothing with the code: what each request must have brought
//! about, and for which reasons it may have been refused.

use crate::account::{Account, Answer, Attempt, signed};
use crate::asks::ask;
use crate::foreign::{OLD_NOTE, UNREADABLE};
use crate::judge::{Ledger, same};
use crate::world::Checked;
use command_service::pipeline::{Accepted, Commanded, Refusal, Replayed, Reply};
use domain::order::OrderAggregate;
use event_store::RecordedEvent;
use oracle::decide::{Verdict, decide};
use oracle::fact::{Event, Fact};
use oracle::stream::Stream;
use oracle::world::World;
use std::collections::BTreeSet;
use uuid::Uuid;

/// What the oracle makes of all requests, in the order in which the log has them.
#[derive(Default)]
pub struct Foretold {
    /// Every order, as far as it can be read.
    pub world: World,
    /// Orders with an event that nobody can read: they are foretold up to that.
    pub spoilt: BTreeSet<Uuid>,
}

impl Foretold {
    pub fn of(ledger: &Ledger, account: &Account) -> Checked<Self> {
        let mut foretold = Self::default();
        let mut events = ledger.events.as_slice();
        while let [first, ..] = events {
            let number = signed(first.metadata.correlation_id.as_deref());
            let its = match number {
                Some(number) => {
                    let other = |event: &&RecordedEvent| {
                        signed(event.metadata.correlation_id.as_deref()) != Some(number)
                    };
                    events.iter().position(|event| other(&event)).unwrap_or(events.len())
                }
                None => 1,
            };
            let (written, rest) = events.split_at(its);
            foretold
                .take(number.map(|number| &account.attempts[number]), written)
                .map_err(|why| format!("position {}: {why}", first.position))?;
            events = rest;
        }
        Ok(foretold)
    }

    /// What one request has written; or an event of another program, which nobody asked for.
    fn take(&mut self, attempt: Option<&Attempt>, written: &[RecordedEvent]) -> Checked {
        let (first, order) = (&written[0], written[0].stream.id);
        if self.spoilt.contains(&order) {
            return Ok(());
        }
        let stream = self.world.0.entry(order).or_insert_with(|| Stream::empty(order));
        let facts = match attempt {
            Some(attempt) => accepted(stream, attempt, first.occurred_at)?,
            None if first.event_type == UNREADABLE => {
                self.spoilt.insert(order);
                return Ok(());
            }
            None => vec![Fact::Noted { text: OLD_NOTE.to_owned() }],
        };
        let names: Vec<&str> = facts.iter().map(Fact::name).collect();
        let types: Vec<&str> = written.iter().map(|event| event.event_type.as_str()).collect();
        same("what is written", types, names)?;
        for (fact, event) in facts.into_iter().zip(written) {
            stream.push(Event {
                fact,
                version: event.version,
                position: event.position,
                event_id: event.event_id.to_string(),
                occurred_at: event.occurred_at,
                recorded_at: event.recorded_at,
                correlation: event.metadata.correlation_id.clone(),
            });
        }
        Ok(())
    }

    /// Every answer that was decided for its own request.
    pub fn check(&self, account: &Account) -> Checked {
        for (number, attempt) in account.attempts.iter().enumerate() {
            if let Answer::Given(reply) = &attempt.answer
                && reply.replayed == Replayed::No
                && let Some(version) = reply.version
            {
                self.check_reply(attempt, reply, version)
                    .map_err(|why| format!("request {number}, at version {version}: {why}"))?;
            }
        }
        Ok(())
    }

    fn check_reply(
        &self,
        attempt: &Attempt,
        reply: &Reply<OrderAggregate>,
        version: u64,
    ) -> Checked {
        let stream = self.world.0.get(&attempt.order).cloned();
        let stream = stream.unwrap_or_else(|| Stream::empty(attempt.order));
        if version > stream.version() {
            // The ledger knows whether the order ever was there. What stands behind an unreadable event is not foretold.
            return same("what can be read", self.spoilt.contains(&attempt.order), true);
        }
        match &reply.result {
            Ok(done) => answered(&stream, attempt, done),
            Err(Refusal::Rejected(rejection)) => {
                let problem = OrderAggregate::keep(rejection);
                let verdicts = decide(stream.at(version).order(), &ask(&attempt.command));
                let right = verdicts.iter().any(|verdict| {
                    matches!(verdict, Verdict::Refused(refusal) if refusal.is_told_by(&problem))
                });
                match right {
                    true => Ok(()),
                    false => Err(format!("the contract says {verdicts:?}, not {problem}")),
                }
            }
            Err(_) => Ok(()),
        }
    }
}

/// An accepted request's answer.
fn answered(stream: &Stream, attempt: &Attempt, done: &Accepted<OrderAggregate>) -> Checked {
    let Some(preview) = &done.preview else {
        let after = stream.at(done.version);
        let order = after.order().ok_or("accepted, and there is no order")?;
        same("the status", &*done.status, order.status.name())?;
        if done.events.is_empty() {
            let verdicts = decide(Some(order), &ask(&attempt.command));
            let known = verdicts.contains(&Verdict::Facts(vec![]));
            return same("a fact that is recorded", known, true);
        }
        return Ok(());
    };
    let before = stream.at(preview.current_version);
    let facts = accepted(&before, attempt, preview.at)?;
    let names: Vec<&str> = facts.iter().map(Fact::name).collect();
    let types: Vec<&str> = done.events.iter().map(|event| &*event.event_type).collect();
    same("a dry run's events", types, names)?;
    same("a dry run's status", &*done.status, before.after(&facts, preview.at).status.name())
}

/// The facts with which the contract lets a request be accepted.
fn accepted(stream: &Stream, attempt: &Attempt, at: domain::Timestamp) -> Checked<Vec<Fact>> {
    let verdicts = decide(stream.order(), &ask(&attempt.command));
    let facts = verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Facts(facts) => Some(stream.with_completion(facts.clone(), at)),
        Verdict::Refused(_) => None,
    });
    facts.ok_or_else(|| format!("is accepted, and the contract says {verdicts:?}"))
}
