//! The form of an idempotency record.
//!
//! Compact and without positions: the store knows the first position, so a replay renders the same bytes as the first
//! answer. A record must stay readable once it is written: members are only ever added.

use super::key::{Key, Retention};
use super::request::{
    Accepted, Commanded, Effect, EventRef, Judged, Refusal, Replayed, Reply, Request, Settles,
};
use event_store::{KeyedAnswer, StoredAnswer, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use uuid::Uuid;

#[derive(Debug, Serialize, Deserialize)]
enum Record<'a> {
    #[serde(rename = "ok")]
    Accepted {
        id: Uuid,
        version: Version,
        #[serde(borrow)]
        status: Cow<'a, str>,
        #[serde(borrow)]
        events: Vec<(Uuid, Cow<'a, str>)>,
    },
    #[serde(rename = "stale")]
    PreconditionFailed { current_version: Version, correlation_id: Option<String> },
    #[serde(rename = "no")]
    Rejected {
        rejection: Value,
        correlation_id: Option<String>,
        /// The version that the decision found; records of earlier builds lack it.
        #[serde(default)]
        version: Option<Version>,
    },
}

/// The record of a decision on the stream's version `found`, if its request has a key and the decision is final for it.
/// For an import only accepted commands are recorded: a refused line is decided again.
pub fn keep<A: Commanded>(
    request: &Request<A::Command>,
    result: &Judged<A, Accepted<A>>,
    found: Version,
) -> Option<KeyedAnswer> {
    let key = request.key.as_ref()?;
    let permanent = key.retention() == Retention::Forever;
    if request.effect == Effect::Preview || permanent && result.is_err() {
        return None;
    }
    let correlation_id = || request.metadata.correlation_id.clone();
    let record = match result {
        Ok(accepted) => Record::Accepted {
            id: accepted.id,
            version: accepted.version,
            status: Cow::Borrowed(&accepted.status),
            events: accepted
                .events
                .iter()
                .map(|event| (event.event_id, Cow::Borrowed(&*event.event_type)))
                .collect(),
        },
        Err(Refusal::PreconditionFailed { current_version }) => {
            let (current_version, correlation_id) = (*current_version, correlation_id());
            Record::PreconditionFailed { current_version, correlation_id }
        }
        Err(Refusal::Rejected(rejection)) => {
            if A::settles(rejection) == Settles::Nothing {
                return None;
            }
            Record::Rejected {
                rejection: A::keep(rejection),
                correlation_id: correlation_id(),
                version: Some(found),
            }
        }
        Err(_) => return None,
    };
    let answer = serde_json::to_vec(&record).expect("a record holds only strings and integers");
    let (key, fingerprint) = (key.text().to_owned(), key.fingerprint());
    Some(KeyedAnswer { key, fingerprint, answer, permanent })
}

/// The answer to a request whose key was already used.
pub fn replay<A: Commanded>(key: &Key, stored: &StoredAnswer) -> Reply<A> {
    if !key.fits(stored) {
        let token = stored.first_position;
        return Reply { token, ..Reply::undecided(Refusal::KeyReused) };
    }
    let (result, correlation_id, version) = match serde_json::from_slice(&stored.answer) {
        Ok(Record::Accepted { id, version, status, events }) => {
            let accepted = Accepted {
                id,
                version,
                status: Cow::Owned(status.into_owned()),
                events: events.into_iter().map(event_ref).collect(),
                first_position: stored.first_position,
                preview: None,
            };
            (Ok(accepted), None, Some(version))
        }
        Ok(Record::PreconditionFailed { current_version, correlation_id }) => {
            let refusal = Refusal::PreconditionFailed { current_version };
            (Err(refusal), correlation_id, Some(current_version))
        }
        Ok(Record::Rejected { rejection, correlation_id, version }) => {
            (Err(Refusal::Replayed(rejection)), correlation_id, version)
        }
        Err(error) => {
            tracing::error!(%error, "unreadable idempotency record");
            (Err(Refusal::Internal), None, None)
        }
    };
    let token = result.as_ref().map_or(stored.first_position, Accepted::position);
    Reply { result, replayed: Replayed::Yes { correlation_id }, token, version }
}

fn event_ref((event_id, event_type): (Uuid, Cow<'_, str>)) -> EventRef {
    EventRef { event_id, event_type: Cow::Owned(event_type.into_owned()) }
}
