//! How a call fares: its tries, its key, and whether it waits for a person. Part of the state.

use super::call::{CallClass, MOST_TRIES, StuckReason};
use crate::Timestamp;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// Providers keep keys for 24 hours or longer; an hour is left for clocks that differ.
const KEY_KEPT: TimeDelta = TimeDelta::hours(23);

/// The tries of one call over the whole life of its payment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tries {
    /// Since when it is owed; `None` if it is not.
    pub since: Option<Timestamp>,
    /// The number of the next try. It never falls.
    pub attempt: u32,
    /// The number of the first try since it was owed, or since a person asked again.
    pub first: u32,
    /// The number of the key. It never falls.
    pub generation: u32,
    /// Since when this key may be in use.
    pub key_since: Option<Timestamp>,
    /// Not to be tried before.
    pub due_at: Option<Timestamp>,
    /// Why the last try failed.
    pub last_failure: Option<CallClass>,
    /// Why it waits for a person.
    pub stuck: Option<StuckReason>,
}

impl Tries {
    /// Whether it is owed, stuck or not.
    pub fn is_owed(&self) -> bool {
        self.since.is_some()
    }

    /// Whether it is to be made.
    pub fn is_open(&self) -> bool {
        self.since.is_some() && self.stuck.is_none()
    }

    /// Whether no other try follows if this one fails.
    pub fn is_last(&self, attempt: u32) -> bool {
        self.failed_before(attempt) + 1 >= MOST_TRIES
    }

    /// The tries of this round before the next one.
    pub fn failed(&self) -> u32 {
        self.failed_before(self.attempt)
    }

    fn failed_before(&self, attempt: u32) -> u32 {
        attempt.saturating_sub(self.first)
    }

    /// Begins or ends the call as the payment's state now wants it.
    pub(super) fn owe(&mut self, owed: bool, at: Timestamp) {
        match (owed, self.is_owed()) {
            (true, false) => {
                self.since = Some(at);
                self.begin_round();
                // Under the key of an earlier time, the provider may have stored another answer.
                self.next_key(at);
            }
            (false, true) => {
                self.since = None;
                self.due_at = None;
                self.last_failure = None;
                self.stuck = None;
            }
            _ => {}
        }
    }

    /// A try failed; `class` is `None` if the provider refused this try, but not for good.
    pub(super) fn fail(
        &mut self,
        attempt: u32,
        class: Option<CallClass>,
        retry_at: Option<Timestamp>,
        at: Timestamp,
    ) {
        self.attempt = self.attempt.max(attempt.saturating_add(1));
        self.due_at = retry_at;
        self.last_failure = class;
        if !class.is_some_and(CallClass::keeps_key) {
            self.next_key(at);
        }
    }

    /// A person asked again. A key that silence left in doubt stays in use for as long as the provider keeps it.
    pub(super) fn retry(&mut self, at: Timestamp) {
        let refused = matches!(self.stuck, Some(StuckReason::Refused { .. }));
        let in_doubt = self.last_failure.is_some_and(CallClass::keeps_key) && !refused;
        let kept = self.key_since.is_some_and(|since| at.signed_duration_since(since) < KEY_KEPT);
        self.begin_round();
        if !(in_doubt && kept) {
            self.next_key(at);
        }
    }

    fn begin_round(&mut self) {
        self.attempt = self.attempt.saturating_add(1);
        self.first = self.attempt;
        self.due_at = None;
        self.last_failure = None;
        self.stuck = None;
    }

    fn next_key(&mut self, at: Timestamp) {
        self.generation = self.generation.saturating_add(1);
        self.key_since = Some(at);
    }
}
