//! Import: many commands with their own times, as lines of JSON, through the same pipeline as live ones.
//!
//! Lines are read in parallel and put on the queue in their order, so commands on one order are decided in the order
//! of the file; a window bounds what is under way. Each line is idempotent for ever under its id. A refused line stops
//! no other; only the store going away, the end of the service or of the input stops the import. Memory does not grow
//! with the number of lines.

mod handler;
mod line;
mod lines;

pub use handler::{ImportOutput, ImportSummaryLine, Imports, RefusedLine, routes};
pub use line::{ReadLine, read as read_line};
pub use lines::{Lines, MAX_LINE, RawLine};

use crate::http::problem;
use crate::pipeline::{Accepted, Pending, Pipeline, Refusal, Replayed, Reply};
use domain::order::OrderAggregate;
use event_store::{EventStore, Metadata};
use futures::stream::{FuturesOrdered, Stream, StreamExt};
use serde::Serialize;
use server::{Problem, ProblemCode};
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

/// Lines that may be under way: fewer than the queue holds, so that live commands find room beside an import.
const WINDOW_LINES: usize = 2_048;
/// Bytes that they may have.
const WINDOW_BYTES: usize = 8 << 20;
/// Chunks of lines that are read at the same time.
const READERS: usize = 4;

/// A line that was refused.
#[derive(Debug)]
pub struct Refused {
    /// Its number, from 1.
    pub line: u64,
    /// The order it names, if that could be read.
    pub order_id: Option<Uuid>,
    /// Why.
    pub problem: Problem,
}

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    /// Lines that are not blank.
    pub lines: u64,
    /// Lines that appended events.
    pub applied: u64,
    /// Lines whose facts were recorded before.
    pub unchanged: u64,
    /// Lines that were refused.
    pub failed: u64,
    /// Events appended.
    pub events: u64,
    /// Reading at this position shows everything imported; the end of the log if nothing was.
    pub position: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Why an import ended before its input did. What was accepted until then is stored and is unchanged next time.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input broke off.
    #[error("the input could not be read to its end: {0}")]
    Input(#[from] io::Error),
    /// The event store cannot be written to.
    #[error("the event store cannot be written to now")]
    Unavailable,
    /// The service is stopping, or nobody listens any more.
    #[error("the import was stopped")]
    Stopped,
}

impl ImportError {
    /// How it reads on the wire.
    pub fn problem(&self) -> Problem {
        let (code, detail) = match self {
            Self::Input(_) => (ProblemCode::MALFORMED_JSON, "The input broke off. Send it again."),
            Self::Unavailable | Self::Stopped => {
                (ProblemCode::UNAVAILABLE, "The import stopped early. Send the same lines again.")
            }
        };
        Problem::new(code).detail(detail)
    }
}

/// Imports all lines of `input`. Refused lines are told to `refused` in the order of the input; not taking them holds
/// the import up, dropping the receiver ends it.
///
/// # Errors
/// [`ImportError`], after everything under way has been answered.
pub async fn run(
    pipeline: &Pipeline<OrderAggregate>,
    store: &EventStore,
    input: impl AsyncRead + Send + Unpin + 'static,
    metadata: Metadata,
    refused: mpsc::Sender<Refused>,
    stop: &CancellationToken,
) -> Result<Summary, ImportError> {
    let started = Instant::now();
    let mut tally = Tally { summary: Summary::default(), refused, ended: None };
    let mut under_way = UnderWay::default();
    let mut chunks = std::pin::pin!(read_chunks(input, metadata));
    while tally.ended.is_none() {
        let chunk = tokio::select! {
            chunk = chunks.next() => chunk,
            Some(answered) = under_way.next() => {
                tally.count(answered).await;
                continue;
            }
            () = stop.cancelled() => Some(Err(ImportError::Stopped)),
        };
        match chunk {
            None => break,
            Some(Err(error)) => tally.ended = Some(error),
            Some(Ok(lines)) => put(pipeline, lines, &mut under_way, &mut tally).await,
        }
    }
    while let Some(answered) = under_way.next().await {
        tally.count(answered).await;
    }
    if tally.summary.position == 0 {
        // Nothing of this import is to be waited for, so a log that cannot be read is no reason to fail.
        tally.summary.position = store.head().await.map_or(0, |head| head.position);
    }
    tally.summary.seconds = started.elapsed().as_secs_f64();
    tally.ended.map_or(Ok(tally.summary), Err)
}

/// Reads lines in parallel and gives them back in order.
fn read_chunks(
    input: impl AsyncRead + Send + Unpin + 'static,
    metadata: Metadata,
) -> impl Stream<Item = Result<Vec<ReadLine>, ImportError>> {
    let metadata = Arc::new(metadata);
    let raw = futures::stream::unfold(Some(Lines::new(input)), |lines| async {
        let mut lines = lines?;
        match lines.next_chunk().await {
            Ok(chunk) if chunk.is_empty() => None,
            Ok(chunk) => Some((Ok(chunk), Some(lines))),
            Err(error) => Some((Err(ImportError::from(error)), None)),
        }
    });
    let read = raw.map(move |chunk| {
        let metadata = Arc::clone(&metadata);
        async move {
            let chunk = chunk?;
            let read = move || chunk.iter().map(|raw| line::read(raw, &metadata)).collect();
            tokio::spawn(async move { read() }).await.map_err(|_| ImportError::Stopped)
        }
    });
    read.buffered(READERS)
}

/// Puts lines on the queue in their order, each when there is room for it.
async fn put(
    pipeline: &Pipeline<OrderAggregate>,
    lines: Vec<ReadLine>,
    under_way: &mut UnderWay,
    tally: &mut Tally,
) {
    for ReadLine { number, order_id, request } in lines {
        while under_way.is_full() {
            let Some(answered) = under_way.next().await else { break };
            tally.count(answered).await;
        }
        if tally.ended.is_some() {
            return;
        }
        let weight = request.as_ref().map_or(0, |request| request.weight);
        let asked = match request {
            Ok(request) => pipeline.enqueue(request).await.map_err(Unasked::Refused),
            Err(problem) => Err(Unasked::Unreadable(problem)),
        };
        under_way.push(number, order_id, weight, asked);
    }
}

/// A line that never reached a decision.
enum Unasked {
    Refused(Refusal<domain::order::OrderRejection>),
    Unreadable(Problem),
}

type Answered = (u64, Option<Uuid>, usize, Result<Reply<OrderAggregate>, Unasked>);

/// Lines between queue and answer, in the order of the input.
#[derive(Default)]
struct UnderWay {
    answers: FuturesOrdered<futures::future::BoxFuture<'static, Answered>>,
    bytes: usize,
}

impl UnderWay {
    fn is_full(&self) -> bool {
        self.answers.len() >= WINDOW_LINES || self.bytes >= WINDOW_BYTES
    }

    fn push(
        &mut self,
        number: u64,
        order_id: Option<Uuid>,
        weight: usize,
        asked: Result<Pending<OrderAggregate>, Unasked>,
    ) {
        self.bytes += weight;
        self.answers.push_back(Box::pin(async move {
            let answer = match asked {
                Ok(pending) => Ok(pending.reply().await),
                Err(unasked) => Err(unasked),
            };
            (number, order_id, weight, answer)
        }));
    }

    async fn next(&mut self) -> Option<Answered> {
        let answered = self.answers.next().await?;
        self.bytes -= answered.2;
        Some(answered)
    }
}

/// Counts answers and passes refusals on.
struct Tally {
    summary: Summary,
    refused: mpsc::Sender<Refused>,
    ended: Option<ImportError>,
}

impl Tally {
    async fn count(&mut self, (line, order_id, _, answer): Answered) {
        self.summary.lines += 1;
        let refusal = match answer {
            Ok(Reply { result: Ok(accepted), replayed, .. }) => {
                return self.count_accepted(&accepted, &replayed);
            }
            Ok(Reply { result: Err(refusal), .. }) | Err(Unasked::Refused(refusal)) => refusal,
            Err(Unasked::Unreadable(problem)) => return self.refuse(line, order_id, problem).await,
        };
        if matches!(refusal, Refusal::Unavailable | Refusal::OutcomeUnknown) {
            self.ended.get_or_insert(ImportError::Unavailable);
        }
        self.refuse(line, order_id, problem::<OrderAggregate>(refusal)).await;
    }

    fn count_accepted(&mut self, accepted: &Accepted<OrderAggregate>, replayed: &Replayed) {
        self.summary.position = self.summary.position.max(accepted.position());
        if accepted.events.is_empty() || matches!(replayed, Replayed::Yes { .. }) {
            self.summary.unchanged += 1;
        } else {
            self.summary.applied += 1;
            self.summary.events += accepted.events.len() as u64;
        }
    }

    async fn refuse(&mut self, line: u64, order_id: Option<Uuid>, problem: Problem) {
        self.summary.failed += 1;
        if self.refused.send(Refused { line, order_id, problem }).await.is_err() {
            self.ended.get_or_insert(ImportError::Stopped);
        }
    }
}
