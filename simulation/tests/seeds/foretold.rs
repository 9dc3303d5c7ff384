//! Log and answers against the contract's oracle: the events that each request must have caused, and the reasons for
//! which it may have been refused.

use crate::account::{Account, Answer, Attempt, signed};
use crate::asks::ask;
use crate::foreign::{OLD_NOTE, UNREADABLE};
use crate::judge::Ledger;
use crate::same::same;
use command_service::pipeline::{Accepted, Commanded, Preview, Refusal, Replayed, Reply};
use domain::order::OrderAggregate;
use event_store::RecordedEvent;
use oracle::Checked;
use oracle::decide::{Verdict, decide};
use oracle::fact::{Event, Fact};
use oracle::stream::Stream;
use oracle::world::World;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What the oracle expects of all requests, in the order of the log.
#[derive(Default)]
pub struct Foretold {
    /// Every order, as far as the oracle can read it.
    pub world: World,
    /// Orders with an unreadable event, and its position; the oracle follows them up to there.
    pub spoilt: BTreeMap<Uuid, u64>,
}

impl Foretold {
    pub fn of(ledger: &Ledger, account: &Account) -> Checked<Self> {
        let mut foretold = Self::default();
        let mut events = ledger.events.as_slice();
        while let [first, ..] = events {
            let number = author(first);
            let its = match number {
                Some(_) => events.iter().take_while(|event| author(event) == number).count(),
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

    /// The events of one request, or an event of another program, which no client asked for.
    fn take(&mut self, attempt: Option<&Attempt>, written: &[RecordedEvent]) -> Checked {
        let (first, order) = (&written[0], written[0].stream.id);
        if self.spoilt.contains_key(&order) {
            return Ok(());
        }
        let stream = self.world.0.entry(order).or_insert_with(|| Stream::empty(order));
        let facts = match attempt {
            Some(attempt) => accepted(stream, attempt, first.occurred_at)?,
            None if first.event_type == UNREADABLE => {
                self.spoilt.insert(order, first.position);
                return Ok(());
            }
            None => vec![Fact::Noted { text: OLD_NOTE.to_owned() }],
        };
        let names: Vec<&str> = facts.iter().map(Fact::name).collect();
        let types: Vec<&str> = written.iter().map(|event| event.event_type.as_str()).collect();
        same("what is written", types, names)?;
        for (fact, event) in facts.into_iter().zip(written) {
            // Times never go back within an order, and no event happens after it is recorded.
            let last = stream.last_time().unwrap_or(event.occurred_at);
            let right =
                last <= event.occurred_at && event.occurred_at <= event.recorded_at.max(last);
            same("whether its time is right", right, true)?;
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

    /// Checks every answer that shows an order's version at the decision.
    pub fn check(&self, account: &Account) -> Checked {
        for (number, attempt) in account.attempts.iter().enumerate() {
            if let Answer::Given(reply) = &attempt.answer
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
        let heard = attempt.taken.heard;
        if reply.replayed == Replayed::No && version < heard {
            return Err(format!("a client had heard of version {heard} before"));
        }
        let empty = Stream::empty(attempt.order);
        let stream = self.world.0.get(&attempt.order).unwrap_or(&empty);
        if version > stream.version() {
            // The ledger knows whether the order existed. The oracle does not follow an order after an unreadable
            // event.
            return same("what can be read", self.spoilt.contains_key(&attempt.order), true);
        }
        let before = stream.at(version);
        match &reply.result {
            Ok(done) => match &done.preview {
                Some(preview) => previewed(stream, attempt, done, preview),
                None => answered(&before, attempt, done),
            },
            Err(Refusal::Rejected(rejection)) => {
                may_be_refused(&before, attempt, &OrderAggregate::keep(rejection))
            }
            Err(Refusal::Replayed(kept)) => may_be_refused(&before, attempt, kept),
            Err(Refusal::BeforeLastEvent { last }) => {
                same("the last event's time", Some(*last), before.last_time())?;
                same("an earlier time", attempt.at.is_some_and(|at| at < *last), true)
            }
            Err(Refusal::InFuture) => {
                let early = attempt.at.is_some_and(|at| at > attempt.taken.earliest);
                same("a time to come", early, true)
            }
            Err(_) => Ok(()),
        }
    }
}

/// The contract has a rule that refuses the request with this problem.
fn may_be_refused(before: &Stream, attempt: &Attempt, problem: &Value) -> Checked {
    let verdicts = decide(before.order(), &ask(&attempt.command));
    let right = verdicts.iter().any(|verdict| {
        matches!(verdict, Verdict::Refused(refusal) if refusal.is_told_by(problem).is_ok())
    });
    match right {
        true => Ok(()),
        false => Err(format!("the contract says {verdicts:?}, not {problem}")),
    }
}

/// The answer to an accepted request; `after` is the order after it.
fn answered(after: &Stream, attempt: &Attempt, done: &Accepted<OrderAggregate>) -> Checked {
    let order = after.order().ok_or("accepted, and there is no order")?;
    same("the status", &*done.status, order.status.name())?;
    if !done.events.is_empty() {
        return Ok(());
    }
    let verdicts = decide(Some(order), &ask(&attempt.command));
    same("a fact that is recorded", verdicts.contains(&Verdict::Facts(vec![])), true)?;
    meets(attempt, done.version)
}

/// The answer to a dry run.
fn previewed(
    stream: &Stream,
    attempt: &Attempt,
    done: &Accepted<OrderAggregate>,
    preview: &Preview<OrderAggregate>,
) -> Checked {
    meets(attempt, preview.current_version)?;
    let before = stream.at(preview.current_version);
    same("where the order stands", preview.current_position, before.position())?;
    let facts = accepted(&before, attempt, preview.at)?;
    let names: Vec<&str> = facts.iter().map(Fact::name).collect();
    let types: Vec<&str> = done.events.iter().map(|event| &*event.event_type).collect();
    same("a dry run's events", types, names)?;
    same("a dry run's version", done.version, before.version() + facts.len() as u64)?;
    let after = before.after(&facts, preview.at);
    same("a dry run's status", &*done.status, after.status.name())?;
    let shown = preview.state.as_ref().ok_or("a dry run shows no order")?;
    let (total, paid) = (shown.total.minor(), shown.paid.minor());
    same("a dry run's sums", (i128::from(total), i128::from(paid)), (after.total(), after.paid()))
}

/// Its condition holds at the version at which it was accepted.
fn meets(attempt: &Attempt, version: u64) -> Checked {
    let holds = attempt.precondition.as_ref().is_none_or(|asked| asked.holds(version));
    same(&format!("whether its condition holds at version {version}"), holds, true)
}

/// The request that wrote the event; `None` for another program's.
fn author(event: &RecordedEvent) -> Option<usize> {
    signed(event.metadata.correlation_id.as_deref())
}

/// The facts that an accepted request causes by the contract.
fn accepted(stream: &Stream, attempt: &Attempt, at: domain::Timestamp) -> Checked<Vec<Fact>> {
    let verdicts = decide(stream.order(), &ask(&attempt.command));
    let facts = verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Facts(facts) => Some(stream.with_completion(facts.clone(), at)),
        Verdict::Refused(_) => None,
    });
    facts.ok_or_else(|| format!("is accepted, and the contract says {verdicts:?}"))
}
