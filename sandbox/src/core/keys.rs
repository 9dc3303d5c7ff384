//! Idempotency keys: the first answer under a key is the answer for a day, errors of the server included.

use crate::core::reply::Reply;
use crate::core::request::Call;
use std::collections::BTreeMap;

/// How long an answer is kept: a day.
const KEPT_MS: u64 = 24 * 3_600_000;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq)]
enum Under {
    /// A call that is not performed yet.
    Pending,
    /// A stored answer.
    Stored(Reply),
}

/// What a key says about a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// Nothing: perform it.
    New,
    /// It was answered, or cannot be performed under this key.
    Answer(Reply),
}

/// All keys of the last day.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    by_key: BTreeMap<String, (u64, Call, Under)>,
}

impl Keys {
    /// What is known of a key.
    pub fn look(&self, now_ms: u64, key: Option<&str>, call: &Call) -> Known {
        let Some((since, first, under)) = key.and_then(|key| self.by_key.get(key)) else {
            return Known::New;
        };
        if now_ms >= since.saturating_add(KEPT_MS) {
            return Known::New;
        }
        if first != call {
            let message = "Keys for idempotent requests can only be used with the same parameters.";
            return Known::Answer(Reply::error(400, "idempotency_error", "", message));
        }
        match under {
            Under::Pending => {
                let message = "There is currently another in-progress request using this key.";
                let code = "idempotency_key_in_use";
                Known::Answer(Reply::error(409, "idempotency_error", code, message))
            }
            Under::Stored(reply) => Known::Answer(Reply { replayed: true, ..reply.clone() }),
        }
    }

    /// Notes that the call of a key will be performed later.
    pub fn begin(&mut self, now_ms: u64, key: Option<&str>, call: &Call) {
        self.note(now_ms, key, call, Under::Pending);
    }

    /// Stores the answer of a key.
    pub fn store(&mut self, now_ms: u64, key: Option<&str>, call: &Call, reply: &Reply) {
        self.note(now_ms, key, call, Under::Stored(reply.clone()));
    }

    /// Forgets what is a day old.
    pub fn prune(&mut self, now_ms: u64) {
        self.by_key.retain(|_, (since, _, _)| now_ms < since.saturating_add(KEPT_MS));
    }

    fn note(&mut self, now_ms: u64, key: Option<&str>, call: &Call, under: Under) {
        if let Some(key) = key {
            self.by_key.insert(key.to_owned(), (now_ms, call.clone(), under));
        }
    }
}
