//! The HTTP form of accepted commands: the headers of every answer, and the events.
//!
//! Rendering is a function of the reply alone, so a replayed answer has the bytes of the first one. Only a dry run may
//! read more, for its aggregate's preview.

use super::{CommandApi, refusal};
use crate::pipeline::{Accepted, Refusal, Replayed, Reply};
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use event_store::EventStore;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use utoipa::ToSchema;
use uuid::Uuid;

static CONSISTENCY_TOKEN: HeaderName = HeaderName::from_static("consistency-token");
static IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The HTTP meaning of a command's success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// 201 with `Location`.
    Created,
    /// 200.
    Changed,
}

/// An accepted command, to be written as its aggregate's answer.
pub struct Done<'a, A: CommandApi> {
    /// The accepted command.
    pub accepted: &'a Accepted<A>,
    /// In a dry run, the stream after it.
    pub preview: Option<Box<RawValue>>,
}

/// An event that a command appended.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventAnswer<'a> {
    /// Unique for ever.
    pub event_id: Uuid,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: Cow<'a, str>,
    /// Place in its stream.
    pub version: u64,
    /// Place in the log.
    pub position: u64,
}

impl<'a, A: CommandApi> Done<'a, A> {
    /// The appended events; none if the fact was already recorded.
    pub fn events(&self) -> Vec<EventAnswer<'a>> {
        let accepted = self.accepted;
        let before = accepted.version - accepted.events.len() as u64;
        let places = (before + 1..).zip(accepted.first_position..);
        let events = accepted.events.iter().zip(places);
        let answer = events.map(|(event, (version, position))| EventAnswer {
            event_id: event.event_id,
            event_type: Cow::Borrowed(&event.event_type),
            version,
            position,
        });
        answer.collect()
    }

    /// `true` if nothing was stored, otherwise absent.
    pub fn dry_run(&self) -> Option<bool> {
        self.preview.is_some().then_some(true)
    }
}

/// Renders a reply.
pub async fn render<A: CommandApi>(
    reply: Reply<A>,
    success: Success,
    store: &EventStore,
) -> Response {
    let Reply { result, replayed, token, version } = reply;
    let mut response = match result {
        Ok(mut accepted) => {
            let preview = match accepted.preview.take() {
                Some(preview) => A::preview(&accepted, preview, store).await,
                None => Ok(None),
            };
            match preview {
                Ok(preview) => match A::unmet(&accepted).filter(|_| preview.is_none()) {
                    Some(problem) => problem.into_response(),
                    None => accepted_response(Done { accepted: &accepted, preview }, success),
                },
                Err(problem) => return problem.into_response(),
            }
        }
        Err(refused) => refused_response::<A>(refused, &replayed),
    };
    let unknown = response.status() == StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    // A dry run changes nothing, so its answer names the version it found; 0 for a missing stream.
    if let Some(version) = version.filter(|_| !unknown) {
        headers.insert(ETAG, ascii(format!("\"{version}\"")));
    }
    if token > 0 {
        headers.insert(CONSISTENCY_TOKEN.clone(), HeaderValue::from(token));
    }
    if matches!(replayed, Replayed::Yes { .. }) {
        headers.insert(IDEMPOTENT_REPLAYED.clone(), HeaderValue::from_static("true"));
    }
    response
}

/// A replayed refusal carries the correlation id of the first request, so that its body is the same.
fn refused_response<A: CommandApi>(
    refused: Refusal<A::Rejection>,
    replayed: &Replayed,
) -> Response {
    let problem = refusal::problem::<A>(refused);
    match replayed {
        Replayed::Yes { correlation_id: Some(first) } => {
            problem.with("correlation_id", first.as_str()).into_response()
        }
        _ => problem.into_response(),
    }
}

fn accepted_response<A: CommandApi>(done: Done<'_, A>, success: Success) -> Response {
    let created = success == Success::Created && done.preview.is_none();
    let id = done.accepted.id;
    let mut response = Response::new(Body::from(A::answer(done)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if created {
        headers.insert(LOCATION, ascii(A::location(id)));
        *response.status_mut() = StatusCode::CREATED;
    }
    response
}

fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("ids and versions are visible ASCII")
}
