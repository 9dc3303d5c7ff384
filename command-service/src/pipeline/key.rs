//! Idempotency keys, and how they stand in the log.
//!
//! The log keeps a fingerprint of each request that has a key. A plain hash would let everybody who has the log try what a
//! text said, also after it was erased. So where texts are sealed the hash is fingerprinted once more, with a key that is not
//! in the log. Answers from before that are found as they were kept.

use event_store::StoredAnswer;
use faults::{Fault, planted};
use personal_data::DataKey;

/// An idempotency key.
#[derive(Debug, Clone)]
pub struct Key {
    name: Name,
    /// The name in the log.
    text: String,
    /// The hash of the request: the same key with another fingerprint is refused.
    fingerprint: [u8; 32],
    retention: Retention,
    /// The same in a log whose texts are not sealed.
    plain: Option<Plain>,
}

/// Where the name of a key comes from.
#[derive(Debug, Clone, Copy)]
enum Name {
    /// The caller.
    Given,
    /// What it asks: the same content again is the same request.
    Content { origin: &'static str },
}

#[derive(Debug, Clone)]
struct Plain {
    /// `None` = the same.
    text: Option<String>,
    fingerprint: [u8; 32],
}

/// How long an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// At least 72 hours. While a duplicate is running, the second request is refused.
    Retries,
    /// For ever, if the request is accepted (imports). A duplicate waits for the first one's answer.
    Forever,
}

impl Key {
    /// A key that the caller has chosen, namespaced by its origin, e.g. `http:…`, `import:…`. `fingerprint` is the hash of the
    /// request.
    pub fn new(text: String, fingerprint: [u8; 32], retention: Retention) -> Self {
        Self { name: Name::Given, text, fingerprint, retention, plain: None }
    }

    /// The key of a request that has none: the request itself, by its hash.
    pub fn of_content(origin: &'static str, fingerprint: [u8; 32], retention: Retention) -> Self {
        let text = named_by(origin, &fingerprint);
        Self { name: Name::Content { origin }, text, fingerprint, retention, plain: None }
    }

    /// As it is kept in a log whose texts are sealed.
    pub(super) fn sealed(self, with: &DataKey) -> Self {
        let fingerprint = with.fingerprint(&self.fingerprint);
        let (text, plain) = match self.name {
            Name::Given => (self.text, None),
            Name::Content { origin } => (named_by(origin, &fingerprint), Some(self.text)),
        };
        let plain = Some(Plain { text: plain, fingerprint: self.fingerprint });
        Self { text, fingerprint, plain, ..self }
    }

    /// The name under which an answer is kept.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names under which an answer may be kept.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let plain = self.plain.as_ref().and_then(|plain| plain.text.as_deref());
        std::iter::once(&*self.text).chain(plain)
    }

    /// The hash of the request, as it is kept.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// How long the answer is kept.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// Whether an answer that is kept under this key is the answer to this request.
    pub(super) fn fits(&self, stored: &StoredAnswer) -> bool {
        let plain =
            self.plain.as_ref().is_some_and(|plain| plain.fingerprint == stored.fingerprint);
        self.fingerprint == stored.fingerprint || plain || planted(Fault::FingerprintNotCompared)
    }
}

fn named_by(origin: &str, fingerprint: &[u8; 32]) -> String {
    format!("{origin}:{}", hex::encode(fingerprint))
}
