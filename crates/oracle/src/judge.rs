//! The right answers to a whole request: by its key, its conditions, its body, and then the order's own decision.

use super::ask::Command;
use super::decide::{Refusal, Verdict, decide, is_empty_order};
use super::fact::{Fact, Time};
use super::stream::Stream;
use bytes::Bytes;
use serde_json::json;
use std::collections::HashMap;

/// An answer that must be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub status: u16,
    pub body: Bytes,
}

/// What a used key stands for.
#[derive(Debug, Clone)]
pub enum Use {
    Kept {
        fingerprint: String,
        answer: Kept,
    },
    /// The contract does not say whether the answer was kept: the key must not be used again.
    Unsaid,
}

/// The keys that clients have used up. A key that was left free is not here.
#[derive(Debug, Clone, Default)]
pub struct Keys(HashMap<String, Use>);

/// One right answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    /// Accepted, with these facts.
    Done(Vec<Fact>),
    Refused(Refusal),
    /// The answer that was given before.
    Again(Kept),
}

impl Keys {
    pub fn get(&self, key: &str) -> Option<&Use> {
        self.0.get(key)
    }

    /// Records the answer to a keyed request. `validation` and unreadable requests leave the key free.
    pub fn note(&mut self, command: &Command, status: u16, code: &str, body: &Bytes) {
        let Some(key) = &command.key else { return };
        if command.dry_run || self.0.contains_key(key) {
            return;
        }
        let empty = || is_empty_order(&serde_json::from_slice(body).unwrap_or_default());
        let kept = matches!(status, 200 | 201 | 409 | 412) || empty();
        if matches!(code, "request-in-progress") || matches!(status, 400 | 422) && !kept {
            return;
        }
        // The contract does not say what a lost race or a missing order leaves under the key.
        let said = kept && code != "concurrent-update";
        let answer = Kept { status, body: body.clone() };
        let used = if said {
            Use::Kept { fingerprint: command.fingerprint(), answer }
        } else {
            Use::Unsaid
        };
        self.0.insert(key.clone(), used);
    }

    /// The keys whose answers must be repeated.
    pub fn kept(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter(|(_, used)| matches!(used, Use::Kept { .. })).map(|(key, _)| key)
    }
}

/// Every right answer to this request for an order in this state; `at` is the time of a decision.
pub fn judge(stream: &Stream, keys: &Keys, command: &Command, at: Time) -> Vec<Right> {
    let used = command.key.as_ref().filter(|_| !command.dry_run).and_then(|key| keys.get(key));
    if let Some(Use::Kept { fingerprint, answer }) = used {
        if *fingerprint == command.fingerprint() {
            return vec![Right::Again(answer.clone())];
        }
        let mut rights = unread(command);
        if !command.unreadable {
            // A field that is wrong for any order may be reported before the key is looked up.
            let decided = decide(stream.order(), &command.ask).into_iter();
            rights.extend(decided.filter_map(|verdict| match verdict {
                Verdict::Refused(refusal) if refusal.code == "validation" => {
                    Some(Right::Refused(with_broken(command, refusal)))
                }
                _ => None,
            }));
        }
        rights.push(Right::Refused(Refusal::new(422, "idempotency-key-reused")));
        return rights;
    }
    if command.unreadable {
        return unread(command);
    }
    let mut rights = unread(command);
    let broken = !rights.is_empty();
    let unmet = command.condition.as_ref().is_some_and(|asked| !asked.holds(stream.version()));
    if unmet {
        let refusal = Refusal::new(412, "precondition-failed");
        rights.push(Right::Refused(refusal.with("current_version", json!(stream.version()))));
    }
    for verdict in decide(stream.order(), &command.ask) {
        match verdict {
            Verdict::Facts(_) if broken || unmet => {}
            Verdict::Facts(facts) => rights.push(Right::Done(stream.with_completion(facts, at))),
            Verdict::Refused(refusal) => rights.push(Right::Refused(with_broken(command, refusal))),
        }
    }
    rights
}

/// What is wrong with the body by itself.
fn unread(command: &Command) -> Vec<Right> {
    if command.unreadable {
        return vec![Right::Refused(Refusal::new(400, "malformed-json"))];
    }
    match command.broken.is_empty() {
        true => vec![],
        false => vec![Right::Refused(Refusal::fields(command.broken.clone()))],
    }
}

/// All broken fields are named at once: at least those of the body, perhaps those that only the order can judge.
fn with_broken(command: &Command, mut refusal: Refusal) -> Refusal {
    if let (false, Some((must, may))) = (command.broken.is_empty(), &mut refusal.pointers) {
        may.append(must);
        must.extend(command.broken.iter().cloned());
    }
    refusal
}
