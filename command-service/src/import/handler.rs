//! `POST /v1/import`: the import over HTTP. Lines in, lines out, both as streams.
//!
//! The answer begins when all lines are in, or earlier if many of its own wait to be read: proxies in front (nginx) stop
//! sending a request as soon as its answer begins.

use super::{Refused, Summary};
use crate::pipeline::Pipeline;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::order::OrderAggregate;
use event_store::{EventStore, Metadata};
use futures::TryStreamExt;
use serde::Serialize;
use serde_json::Value;
use server::extract::{NoQuery, StrictQuery};
use server::problem::OperationProblems;
use server::{Problem, ProblemCode, RequestContext};
use std::io;
use std::sync::Arc;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::StreamReader;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The media type of both streams.
const NDJSON: &str = "application/x-ndjson";
/// Seconds after which a refused import may try again.
const RETRY_LATER: u64 = 10;
/// Refused lines that may wait for the client to read them: some clients read only when they have sent all.
const MAX_UNREAD_LINES: usize = 16_384;

/// Bytes that they may have.
const MAX_UNREAD_BYTES: usize = 16 << 20;

/// Imports at a time: their windows together leave most of the queue to live commands.
const MAX_IMPORTS: usize = 2;

/// What imports write to, and how many may run at a time; cheap to clone.
#[derive(Clone)]
pub struct Imports {
    orders: Pipeline<OrderAggregate>,
    store: EventStore,
    draining: CancellationToken,
    permits: Arc<Semaphore>,
}

impl Imports {
    /// Into this pipeline and its store; imports end when `draining` is cancelled.
    pub fn new(
        orders: Pipeline<OrderAggregate>,
        store: EventStore,
        draining: CancellationToken,
    ) -> Self {
        Self { orders, store, draining, permits: Arc::new(Semaphore::new(MAX_IMPORTS)) }
    }

    /// Leave to run an import; `None` when as many run as may.
    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }
}

/// A refused line, as it is answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedLine {
    /// Its number, from 1.
    pub line: u64,
    /// The order it names; null if that could not be read.
    pub order_id: Option<Uuid>,
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

impl From<Refused> for ImportOutput {
    fn from(Refused { line, order_id, problem }: Refused) -> Self {
        Self::Refused(RefusedLine { line, order_id, problem: problem.to_value() })
    }
}

/// The import route.
pub fn routes() -> OpenApiRouter<Imports> {
    OpenApiRouter::default().routes(routes!(import))
}

/// Import commands with their own times, one a line: `{"order_id", "at", "command", "body", "id"?}`.
#[utoipa::path(
    post, path = "/v1/import", tag = "commands",
    request_body(content = String, content_type = "application/x-ndjson",
        description = "One command a line, at most 1 MiB each, any number of them, in time order per order.",
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
        respond(imports, context, input, output).await;
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

/// A line of the answer, and the room that it takes until it is on its way to the client.
struct Unread {
    line: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// The lines of an answer that wait for the client to read them, bounded by their number and their bytes.
struct Output {
    lines: mpsc::Sender<Unread>,
    room: Arc<Semaphore>,
    /// Told when the answer has to begin; when the output is dropped at the latest.
    begins: Arc<Notify>,
}

impl Output {
    fn to(lines: mpsc::Sender<Unread>, begins: Arc<Notify>) -> Self {
        Self { lines, room: Arc::new(Semaphore::new(MAX_UNREAD_BYTES)), begins }
    }

    /// Waits for room; `Err` when the client does not listen any more, which frees all room.
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

/// Runs the import in a task of its own: a client that goes away ends the reading, not what was accepted.
async fn respond(
    imports: Imports,
    context: RequestContext,
    input: impl tokio::io::AsyncRead + Send + Unpin + 'static,
    output: Output,
) {
    let metadata = Metadata {
        correlation_id: Some(context.correlation_id),
        traceparent: context.traceparent,
        ..Metadata::default()
    };
    let (refused, refusals) = mpsc::channel(1);
    let unread = &output;
    // Ends, and so ends the import, when the client does not listen any more.
    let forward = async move {
        let mut refusals = refusals;
        while let Some(refused) = refusals.recv().await {
            if unread.send(ImportOutput::from(refused)).await.is_err() {
                return;
            }
        }
    };
    let Imports { orders, store, draining, .. } = &imports;
    let import = super::run(orders, store, input, metadata, refused, draining);
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
        tracing::debug!("nobody reads the import's answer");
    }
}
