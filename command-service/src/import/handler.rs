//! `POST /v1/import`: the import over HTTP. Lines in, lines out, both as streams.
//!
//! The answer begins when all lines are read, or earlier if many of its own lines wait for the client. Proxies in front
//! (nginx) stop sending a request as soon as its answer begins.

use super::imported::Imported;
use super::lane::Lane;
use super::{ImportError, Refused, Summary};
use crate::http::Commands;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::Aggregate;
use domain::order::OrderAggregate;
use event_store::{EventStore, Metadata};
use futures::TryStreamExt;
use identity::Identity;
use serde::Serialize;
use serde_json::Value;
use server::extract::{NoQuery, StrictQuery};
use server::problem::OperationProblems;
use server::{Problem, ProblemCode, RequestContext};
use std::io;
use std::sync::Arc;
use tokio::io::AsyncRead;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::StreamReader;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The media type of both streams.
const NDJSON: &str = "application/x-ndjson";
/// Seconds after which a refused import may try again.
const RETRY_LATER: u64 = 10;
/// Refused lines that may wait for the client to read them: some clients read only after they have sent all lines.
const MAX_UNREAD_LINES: usize = 16_384;

/// The bytes that those lines may have.
const MAX_UNREAD_BYTES: usize = 16 << 20;

/// Concurrent imports: their windows together leave most of the queue to live commands.
const MAX_IMPORTS: usize = 2;

/// The store and pipelines that imports write to, and how many imports may run; cheap to clone.
#[derive(Clone)]
pub struct Imports {
    lanes: Arc<[Arc<dyn Lane>]>,
    store: EventStore,
    draining: CancellationToken,
    permits: Arc<Semaphore>,
}

impl Imports {
    /// Imports into this store, of no aggregate yet. They end when `draining` is cancelled.
    pub fn new(store: EventStore, draining: CancellationToken) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_IMPORTS));
        Self { lanes: Arc::new([]), store, draining, permits }
    }

    /// Adds the lines of this aggregate.
    #[must_use]
    pub fn of<A: Imported>(mut self, commands: &Commands<A>) -> Self {
        let lane: Arc<dyn Lane> = Arc::new(commands.clone());
        self.lanes = self.lanes.iter().cloned().chain([lane]).collect();
        self
    }

    /// Imports all lines of `input`. Sends refused lines to `refused` in the order of the input. A full channel pauses
    /// the import, a dropped receiver ends it.
    ///
    /// # Errors
    /// [`ImportError`], after every command in flight has been answered.
    pub async fn run(
        &self,
        input: impl AsyncRead + Send + Unpin + 'static,
        metadata: Metadata,
        refused: mpsc::Sender<Refused>,
    ) -> Result<Summary, ImportError> {
        super::run(&self.lanes, &self.store, input, metadata, refused, &self.draining).await
    }

    /// A permit to run an import; `None` when the most imports are running.
    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }
}

/// A refused line, as it is answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedLine {
    /// Its number, from 1.
    pub line: u64,
    /// The order it names; null if that could not be read, or if it names a stream of another type.
    pub order_id: Option<Uuid>,
    /// The type of the stream it names, if that is no order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub stream: Option<String>,
    /// The id of the stream it names, if that is no order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub id: Option<Uuid>,
    /// Why, as problem details.
    #[schema(value_type = Object)]
    pub problem: Value,
}

/// The last line of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportSummaryLine {
    /// What came of the import.
    pub summary: Summary,
}

/// A line of the answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ImportOutput {
    /// A line was refused.
    Refused(RefusedLine),
    /// The import is done.
    Done(ImportSummaryLine),
    /// The import ended early; send the same lines again.
    Ended {
        /// Why, as problem details.
        #[schema(value_type = Object)]
        problem: Value,
    },
}

impl ImportOutput {
    fn to_line(&self) -> Bytes {
        let mut line = serde_json::to_vec(self).expect("an output line is plain JSON");
        line.push(b'\n');
        Bytes::from(line)
    }
}

impl From<Refused> for RefusedLine {
    fn from(Refused { line, stream, problem }: Refused) -> Self {
        let is_order = stream.is_some_and(|its| its.stream_type == *OrderAggregate::STREAM_TYPE);
        let (order, other) = if is_order { (stream, None) } else { (None, stream) };
        Self {
            line,
            order_id: order.map(|order| order.id),
            stream: other.map(|other| other.stream_type.to_string()),
            id: other.map(|other| other.id),
            problem: problem.to_value(),
        }
    }
}

/// `POST /v1/import`, with its documentation.
pub fn routes() -> OpenApiRouter<Imports> {
    OpenApiRouter::default().routes(routes!(import))
}

/// Import commands with their own times, one a line: `{"order_id", "at", "command", "body", "id"?}`, or
/// `{"stream"?, "id", "at", "command", "body", "key"?}`, where `stream` is the type of the stream (`order` if it is left out).
#[utoipa::path(
    post, path = "/v1/import", tag = "commands",
    request_body(content = String, content_type = "application/x-ndjson",
        description = "One command a line, at most 1 MiB each, any number of them, in time order per stream.",
        example = "{\"order_id\":\"0190d3c4-7b5e-7cc1-9d5e-0c9f6a3b1e10\",\"at\":\"2017-10-02T10:56:33Z\",\
                   \"command\":\"confirm\",\"body\":{}}\n"),
    responses(
        (status = 200, description = "A line for each refused line, and last the summary.",
            body = ImportOutput, content_type = "application/x-ndjson"),
        OperationProblems
    )
)]
async fn import(
    State(imports): State<Imports>,
    _: StrictQuery<NoQuery>,
    identity: Identity,
    context: RequestContext,
    request: Request,
) -> Result<Response, Problem> {
    server::require_media_type(request.headers(), NDJSON)?;
    let permit = imports.permit().ok_or_else(busy)?;
    let body = request.into_body().into_data_stream().map_err(io::Error::other);
    let input = StreamReader::new(body);
    let (output, lines) = mpsc::channel(MAX_UNREAD_LINES);
    let begins = Arc::new(Notify::new());
    let output = Output::to(output, Arc::clone(&begins));
    tokio::spawn(async move {
        respond(imports, (identity, context), input, output).await;
        drop(permit);
    });
    begins.notified().await;
    let lines = ReceiverStream::new(lines).map(|unread: Unread| io::Result::Ok(unread.line));
    Ok(([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response())
}

fn busy() -> Problem {
    Problem::new(ProblemCode::OVERLOADED)
        .detail("Other imports are running. Try again when one of them is done.")
        .retry_after(RETRY_LATER)
}

/// A line of the answer, and the room that it takes until it is sent to the client.
struct Unread {
    line: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// The lines of an answer that wait for the client to read them, bounded by their number and their bytes.
struct Output {
    lines: mpsc::Sender<Unread>,
    room: Arc<Semaphore>,
    /// Notified when the answer has to begin; at the latest when the output is dropped.
    begins: Arc<Notify>,
}

impl Output {
    fn to(lines: mpsc::Sender<Unread>, begins: Arc<Notify>) -> Self {
        Self { lines, room: Arc::new(Semaphore::new(MAX_UNREAD_BYTES)), begins }
    }

    /// Waits for room; `Err` if the client is gone, which frees all room.
    async fn send(&self, output: ImportOutput) -> Result<(), mpsc::error::SendError<Unread>> {
        let line = output.to_line();
        let bytes = u32::try_from(line.len().min(MAX_UNREAD_BYTES)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await.ok();
        if self.lines.capacity() < MAX_UNREAD_LINES / 2
            || self.room.available_permits() < MAX_UNREAD_BYTES / 2
        {
            self.begins.notify_one();
        }
        self.lines.send(Unread { line, _room: room }).await
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.begins.notify_one();
    }
}

/// Runs the import in a task of its own: a client that leaves ends the reading, but not the accepted commands.
async fn respond(
    imports: Imports,
    (identity, context): (Identity, RequestContext),
    input: impl AsyncRead + Send + Unpin + 'static,
    output: Output,
) {
    let metadata = Metadata {
        actor: identity.actor().map(str::to_owned),
        correlation_id: Some(context.correlation_id),
        traceparent: context.traceparent,
        ..Metadata::default()
    };
    let (refused, refusals) = mpsc::channel(1);
    let unread = &output;
    // Ends when the client is gone, and that ends the import.
    let forward = async move {
        let mut refusals = refusals;
        while let Some(refused) = refusals.recv().await {
            if unread.send(ImportOutput::Refused(RefusedLine::from(refused))).await.is_err() {
                return;
            }
        }
    };
    let stop = imports.draining.child_token();
    let lapsing = stop.clone();
    // A token that ends, or a key that is revoked, ends the import as well.
    let _lapsing = AbortOnDropHandle::new(tokio::spawn(async move {
        identity.lapsed().await;
        lapsing.cancel();
    }));
    let import = super::run(&imports.lanes, &imports.store, input, metadata, refused, &stop);
    let (ended, ()) = tokio::join!(import, forward);
    let last = match ended {
        Ok(summary) => {
            tracing::info!(
                import.lines = summary.lines,
                import.applied = summary.applied,
                import.failed = summary.failed,
                duration_ms = summary.seconds * 1e3,
                "import done"
            );
            ImportOutput::Done(ImportSummaryLine { summary })
        }
        Err(error) => {
            tracing::warn!(%error, "import ended early");
            ImportOutput::Ended { problem: error.problem().to_value() }
        }
    };
    if output.send(last).await.is_err() {
        tracing::debug!("the client of the import is gone");
    }
}
