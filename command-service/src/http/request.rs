//! A command request: its head, read strictly, and its body, as it arrived.

use super::headers::{self, Conditions};
use super::refusal;
use crate::json;
use crate::pipeline::{Key, Request, Retention, Target};
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request as HttpRequest};
use axum::http::request::Parts;
use event_store::Metadata;
use identity::Identity;
use server::{Problem, ProblemCode, RequestContext};

/// Largest body of a command.
const MAX_BODY: usize = server::listen::MAX_BODY_BYTES as usize;

/// Reads a command's body into a value.
pub trait ReadTree<T>:
    FnOnce(json::Json<'_>, &json::Pointer<'_>, &mut json::Errors) -> Option<T>
{
}

impl<T, F> ReadTree<T> for F where
    F: FnOnce(json::Json<'_>, &json::Pointer<'_>, &mut json::Errors) -> Option<T>
{
}

/// A command request whose head is read and whose body has arrived.
#[derive(Debug)]
pub struct CommandRequest {
    parts: Parts,
    conditions: Conditions,
    body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for CommandRequest {
    type Rejection = Problem;

    async fn from_request(request: HttpRequest, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        server::require_json(&parts.headers)?;
        let conditions = Conditions::read(&parts)?;
        // Stalled or cut off: the edge knows which, and answers instead.
        let body = to_bytes(body, MAX_BODY).await;
        let body = body.map_err(|_| Problem::new(ProblemCode::PAYLOAD_TOO_LARGE))?;
        Ok(Self { parts, conditions, body })
    }
}

/// The body of a request that says everything in its path and query: none, or `{}`.
#[derive(Debug)]
pub struct EmptyRequest;

impl<S: Send + Sync> FromRequest<S> for EmptyRequest {
    type Rejection = Problem;

    async fn from_request(request: HttpRequest, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY).await;
        let body = body.map_err(|_| Problem::new(ProblemCode::PAYLOAD_TOO_LARGE))?;
        if body.is_empty() {
            return Ok(Self);
        }
        server::require_json(&parts.headers)?;
        let tree = json::parse(&body).map_err(refusal::unreadable)?;
        let mut errors = json::Errors::default();
        let empty = json::Object::open(tree, &[], &json::Pointer::Root, &mut errors);
        errors.result(empty.map(|_| Self)).map_err(refusal::validation)
    }
}

impl CommandRequest {
    pub(super) fn read<T>(&self, read: impl ReadTree<T>) -> Result<T, Problem> {
        let tree = json::parse(&self.body).map_err(refusal::unreadable)?;
        let mut errors = json::Errors::default();
        let value = read(tree, &json::Pointer::Root, &mut errors);
        errors.result(value).map_err(refusal::validation)
    }

    pub(super) fn onto_pipeline<C>(mut self, target: Target, command: C) -> Request<C> {
        let Conditions { effect, precondition, idempotency_key } = self.conditions;
        let identity = Identity::of(&self.parts.extensions);
        let key = idempotency_key.map(|key| {
            let fingerprint = headers::fingerprint(&self.parts, &self.body);
            Key::new(identity.idempotency_key(&key), fingerprint, Retention::Retries)
        });
        let context = self.parts.extensions.remove::<RequestContext>();
        let context = context.unwrap_or_else(RequestContext::made);
        let metadata = Metadata {
            actor: identity.actor().map(str::to_owned),
            correlation_id: Some(context.correlation_id),
            traceparent: context.traceparent,
            ..Metadata::default()
        };
        let weight = self.body.len();
        let scope = identity.scope();
        Request { target, command, precondition, key, at: None, effect, metadata, weight, scope }
    }
}
