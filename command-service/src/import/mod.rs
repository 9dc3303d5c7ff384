//! Import: many commands with their own times, as lines of JSON, through the same pipeline as live ones.
//!
//! Lines are read in parallel and queued in their order, so commands on one stream are decided in the order of the
//! file. A window bounds the lines in flight. Each line is idempotent for ever under its id. A refused line stops no
//! other line. Only an unavailable store, or the end of the service or the input, stops the import. Memory does not
//! grow with the number of lines.

mod handler;
mod imported;
mod lane;
mod line;
mod lines;

pub use handler::{ImportOutput, ImportSummaryLine, Imports, RefusedLine, routes};
pub use imported::Imported;
pub use line::{Read, read_as};
pub use lines::{Lines, MAX_LINE, RawLine};

use event_store::{EventStore, Metadata, StreamId};
use futures::future::{self, BoxFuture, FutureExt};
use futures::stream::{FuturesOrdered, Stream, StreamExt};
use lane::{Ask, Asked, Lane, Outcome};
use serde::Serialize;
use server::{Problem, ProblemCode};
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

/// The most lines in flight: fewer than the queue holds, so that live commands find room during an import.
const WINDOW_LINES: usize = 2_048;
/// The most bytes in flight.
const WINDOW_BYTES: usize = 8 << 20;
/// Chunks of lines that are read at the same time.
const READERS: usize = 4;

/// A line that was refused.
#[derive(Debug)]
pub struct Refused {
    /// Its number, from 1.
    pub line: u64,
    /// The stream that it names, if that could be read.
    pub stream: Option<StreamId>,
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

/// Why an import ended before its input. The commands accepted until then are stored; the next import finds them
/// unchanged.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input broke off.
    #[error("the input could not be read to its end: {0}")]
    Input(#[from] io::Error),
    /// The event store cannot be written to.
    #[error("the event store cannot be written to now")]
    Unavailable,
    /// The service is stopping, or the receiver of refused lines is gone.
    #[error("the import was stopped")]
    Stopped,
}

impl ImportError {
    /// The error as a problem.
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

/// Imports all lines of `input`. Sends refused lines to `refused` in the order of the input. A full channel pauses the
/// import, a dropped receiver ends it.
async fn run(
    lanes: &Arc<[Arc<dyn Lane>]>,
    store: &EventStore,
    input: impl AsyncRead + Send + Unpin + 'static,
    metadata: Metadata,
    refused: mpsc::Sender<Refused>,
    stop: &CancellationToken,
) -> Result<Summary, ImportError> {
    let started = Instant::now();
    let mut tally = Tally { summary: Summary::default(), refused, ended: None };
    let mut under_way = UnderWay::default();
    let mut chunks = std::pin::pin!(read_chunks(Arc::clone(lanes), input, metadata));
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
            Some(Ok(lines)) => put(lines, &mut under_way, &mut tally).await,
        }
    }
    while let Some(answered) = under_way.next().await {
        tally.count(answered).await;
    }
    if tally.summary.position == 0 {
        // This import has nothing to wait for, so an unreadable log is no reason to fail.
        tally.summary.position = store.head().await.map_or(0, |head| head.position);
    }
    tally.summary.seconds = started.elapsed().as_secs_f64();
    tally.ended.map_or(Ok(tally.summary), Err)
}

/// Reads lines in parallel and returns them in order.
fn read_chunks(
    lanes: Arc<[Arc<dyn Lane>]>,
    input: impl AsyncRead + Send + Unpin + 'static,
    metadata: Metadata,
) -> impl Stream<Item = Result<Vec<Read<Ask>>, ImportError>> {
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
        let (lanes, metadata) = (Arc::clone(&lanes), Arc::clone(&metadata));
        async move {
            let chunk = chunk?;
            let read = move || chunk.iter().map(|raw| lane::read(&lanes, raw, &metadata)).collect();
            tokio::spawn(async move { read() }).await.map_err(|_| ImportError::Stopped)
        }
    });
    read.buffered(READERS)
}

/// Queues lines in their order, each when there is room for it.
async fn put(lines: Vec<Read<Ask>>, under_way: &mut UnderWay, tally: &mut Tally) {
    for Read { number, stream, weight, request } in lines {
        while under_way.is_full() {
            let Some(answered) = under_way.next().await else { break };
            tally.count(answered).await;
        }
        if tally.ended.is_some() {
            return;
        }
        let asked = match request {
            Ok(ask) => ask().await,
            Err(problem) => {
                Asked(future::ready(Outcome::Refused { problem, unavailable: false }).boxed())
            }
        };
        under_way.push(number, stream, weight, asked);
    }
}

type Answered = (u64, Option<StreamId>, usize, Outcome);

/// Lines in flight between queue and answer, in the order of the input.
#[derive(Default)]
struct UnderWay {
    answers: FuturesOrdered<BoxFuture<'static, Answered>>,
    bytes: usize,
}

impl UnderWay {
    fn is_full(&self) -> bool {
        self.answers.len() >= WINDOW_LINES || self.bytes >= WINDOW_BYTES
    }

    fn push(&mut self, number: u64, stream: Option<StreamId>, weight: usize, Asked(asked): Asked) {
        self.bytes += weight;
        self.answers.push_back(asked.map(move |outcome| (number, stream, weight, outcome)).boxed());
    }

    async fn next(&mut self) -> Option<Answered> {
        let answered = self.answers.next().await?;
        self.bytes -= answered.2;
        Some(answered)
    }
}

/// Counts answers and forwards refusals.
struct Tally {
    summary: Summary,
    refused: mpsc::Sender<Refused>,
    ended: Option<ImportError>,
}

impl Tally {
    async fn count(&mut self, (line, stream, _, outcome): Answered) {
        let summary = &mut self.summary;
        summary.lines += 1;
        match outcome {
            Outcome::Applied { position, events } => {
                summary.position = summary.position.max(position);
                summary.applied += 1;
                summary.events += events;
            }
            Outcome::Unchanged { position } => {
                summary.position = summary.position.max(position);
                summary.unchanged += 1;
            }
            Outcome::Refused { problem, unavailable } => {
                if unavailable {
                    self.ended.get_or_insert(ImportError::Unavailable);
                }
                self.refuse(line, stream, problem).await;
            }
        }
    }

    async fn refuse(&mut self, line: u64, stream: Option<StreamId>, problem: Problem) {
        self.summary.failed += 1;
        if self.refused.send(Refused { line, stream, problem }).await.is_err() {
            self.ended.get_or_insert(ImportError::Stopped);
        }
    }
}
