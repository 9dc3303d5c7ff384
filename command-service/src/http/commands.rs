//! The path of every command: read the request, put it on the pipeline, render the reply.

use super::answer::{self, Success};
use super::{CommandApi, CommandRequest, ReadTree, refusal};
use crate::json::{Errors, Json, Pointer};
use crate::pipeline::{Pipeline, Request, Target};
use axum::response::{IntoResponse, Response};
use event_store::EventStore;
use uuid::Uuid;

/// What the handlers of an aggregate's commands share; cheap to clone.
pub struct Commands<A: CommandApi> {
    pipeline: Pipeline<A>,
    store: EventStore,
}

impl<A: CommandApi> Clone for Commands<A> {
    fn clone(&self) -> Self {
        Self { pipeline: self.pipeline.clone(), store: self.store.clone() }
    }
}

impl<A: CommandApi> Commands<A> {
    /// Commands over a running pipeline and the store it writes to.
    pub fn new(pipeline: Pipeline<A>, store: EventStore) -> Self {
        Self { pipeline, store }
    }

    /// The pipeline, for callers in this process.
    pub fn pipeline(&self) -> &Pipeline<A> {
        &self.pipeline
    }

    /// Runs a command on a stream that must exist.
    pub async fn run(
        &self,
        id: Uuid,
        request: CommandRequest,
        read: impl ReadTree<A::Command>,
    ) -> Response {
        let named = |json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors| {
            Some((id, read(json, at, errors)?))
        };
        self.run_named(request, named).await
    }

    /// Runs a command on the stream that its body names.
    pub async fn run_named(
        &self,
        request: CommandRequest,
        read: impl ReadTree<(Uuid, A::Command)>,
    ) -> Response {
        match request.read(read) {
            Ok((id, command)) => {
                let request = request.onto_pipeline(Target::Named(id), command);
                self.decide(request, Success::Changed).await
            }
            Err(problem) => problem.into_response(),
        }
    }

    /// Runs the command that begins a stream, under the id in the body or a new one.
    pub async fn create(
        &self,
        request: CommandRequest,
        read: impl ReadTree<(Option<Uuid>, A::Command)>,
    ) -> Response {
        match request.read(read) {
            Ok((id, command)) => {
                let target = Target::Fresh(id.unwrap_or_else(Uuid::now_v7));
                self.decide(request.onto_pipeline(target, command), Success::Created).await
            }
            Err(problem) => problem.into_response(),
        }
    }

    async fn decide(&self, request: Request<A::Command>, success: Success) -> Response {
        match self.pipeline.submit(request) {
            Ok(pending) => answer::render(pending.reply().await, success, &self.store).await,
            Err(refused) => refusal::problem::<A>(refused).into_response(),
        }
    }
}
