//! The one way of every order command: read the request, put it on the pipeline, render the reply.

use super::answer::{self, Success};
use super::headers::{self, Conditions};
use super::refusal;
use crate::json;
use crate::pipeline::{Key, Pipeline, Request, Retention, Target};
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request as HttpRequest};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use domain::order::{OrderAggregate, OrderCommand};
use event_store::{EventStore, Metadata};
use server::{Problem, ProblemCode, RequestContext};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Largest body of a command.
const MAX_BODY: usize = server::listen::MAX_BODY_BYTES as usize;

/// Imports at a time: their windows together leave most of the queue to live commands.
const MAX_IMPORTS: usize = 2;

/// What the order handlers share; cheap to clone.
#[derive(Clone)]
pub struct OrderApi(Arc<Shared>);

struct Shared {
    pipeline: Pipeline<OrderAggregate>,
    store: EventStore,
    draining: CancellationToken,
    imports: Arc<Semaphore>,
}

impl OrderApi {
    /// Over a running pipeline and the store it writes to; long answers end when `draining` is cancelled.
    pub fn new(
        pipeline: Pipeline<OrderAggregate>,
        store: EventStore,
        draining: CancellationToken,
    ) -> Self {
        let imports = Arc::new(Semaphore::new(MAX_IMPORTS));
        Self(Arc::new(Shared { pipeline, store, draining, imports }))
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &Pipeline<OrderAggregate> {
        &self.0.pipeline
    }

    /// The log that it appends to.
    pub fn store(&self) -> &EventStore {
        &self.0.store
    }

    /// A place among the imports that may run at a time; `None` when all are taken.
    pub fn import_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.imports).try_acquire_owned().ok()
    }

    /// Cancelled when the service begins to stop.
    pub fn draining(&self) -> &CancellationToken {
        &self.0.draining
    }

    /// Runs a command on an order that must exist.
    pub(super) async fn run(
        &self,
        id: Uuid,
        request: CommandRequest,
        read: ReadTree<OrderCommand>,
    ) -> Response {
        match request.read(read) {
            Ok(command) => {
                self.decide(request.onto_pipeline(Target::Named(id), command), Success::Changed)
                    .await
            }
            Err(problem) => problem.into_response(),
        }
    }

    /// Runs the command that begins an order, under the id in the body or a new one.
    pub(super) async fn create(
        &self,
        request: CommandRequest,
        read: ReadTree<(Option<Uuid>, OrderCommand)>,
    ) -> Response {
        let (id, command) = match request.read(read) {
            Ok(read) => read,
            Err(problem) => return problem.into_response(),
        };
        let target = Target::Fresh(id.unwrap_or_else(Uuid::now_v7));
        self.decide(request.onto_pipeline(target, command), Success::Created).await
    }

    async fn decide(&self, request: Request<OrderCommand>, success: Success) -> Response {
        match self.0.pipeline.submit(request) {
            Ok(pending) => answer::render(pending.reply().await, success, &self.0.store).await,
            Err(refused) => refusal::problem(refused).into_response(),
        }
    }
}

/// How a command's body becomes a value.
pub(super) type ReadTree<T> =
    fn(json::Json<'_>, &json::Pointer<'_>, &mut json::Errors) -> Option<T>;

/// A command request that can be decided about once its body is read: the head is understood, the body has arrived.
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
        // Stalled or torn off: the edge knows which, and answers in its place.
        let body = to_bytes(body, MAX_BODY).await;
        let body = body.map_err(|_| Problem::new(ProblemCode::PayloadTooLarge))?;
        Ok(Self { parts, conditions, body })
    }
}

impl CommandRequest {
    fn read<T>(&self, read: ReadTree<T>) -> Result<T, Problem> {
        let tree = json::parse(&self.body).map_err(refusal::unreadable)?;
        let mut errors = json::Errors::default();
        let value = read(tree, &json::Pointer::Root, &mut errors);
        errors.result(value).map_err(refusal::validation)
    }

    fn onto_pipeline(mut self, target: Target, command: OrderCommand) -> Request<OrderCommand> {
        let Conditions { effect, precondition, idempotency_key } = self.conditions;
        let key = idempotency_key.map(|key| Key {
            key: format!("http:{key}"),
            fingerprint: headers::fingerprint(&self.parts, &self.body),
            retention: Retention::Retries,
        });
        let context = self.parts.extensions.remove::<RequestContext>();
        let context = context.unwrap_or_else(RequestContext::made);
        let metadata = Metadata {
            correlation_id: Some(context.correlation_id),
            traceparent: context.traceparent,
            ..Metadata::default()
        };
        let weight = self.body.len();
        Request { target, command, precondition, key, at: None, effect, metadata, weight }
    }
}
