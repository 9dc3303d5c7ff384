//! The path of a line: read by its aggregate, put on that aggregate's pipeline, answered.
//!
//! An import has lines of many aggregate types, so each aggregate's [`Commands`] are behind a [`Lane`].

use super::imported::Imported;
use super::line::{self, Read};
use super::lines::RawLine;
use crate::http::{CommandApi, Commands, field, problem};
use crate::json::Json;
use crate::pipeline::{Accepted, Refusal, Replayed, Reply, Request};
use event_store::{Metadata, Position};
use futures::future::{self, BoxFuture, FutureExt};
use server::Problem;
use std::sync::Arc;

/// The outcome of a line.
pub(super) enum Outcome {
    /// Its events were appended.
    Applied { position: Position, events: u64 },
    /// Its fact was recorded before.
    Unchanged { position: Position },
    /// It was refused.
    Refused { problem: Problem, unavailable: bool },
}

/// Submits a line that was read, once there is room for it.
pub(super) type Ask = Box<dyn FnOnce() -> BoxFuture<'static, Asked> + Send>;
/// A line on the queue, with its outcome to come.
pub(super) struct Asked(pub BoxFuture<'static, Outcome>);

/// The lines of one aggregate.
pub(super) trait Lane: Send + Sync {
    /// The type of the aggregate's streams.
    fn stream_type(&self) -> &'static str;
    /// Reads a line whose document names a stream of this type.
    fn read(&self, tree: Json<'_>, line: &RawLine, metadata: &Metadata) -> Read<Ask>;
}

impl<A: Imported> Lane for Commands<A> {
    fn stream_type(&self) -> &'static str {
        A::STREAM_TYPE
    }

    fn read(&self, tree: Json<'_>, line: &RawLine, metadata: &Metadata) -> Read<Ask> {
        line::read_tree::<A>(tree, line, metadata).map(|request| self.ask(request))
    }
}

/// Reads a line for one of these lanes. Its events will carry `metadata`.
pub(super) fn read(lanes: &[Arc<dyn Lane>], raw: &RawLine, metadata: &Metadata) -> Read<Ask> {
    let tree = match line::tree(raw) {
        Ok(tree) => tree,
        Err(problem) => return Read::refused(raw, problem),
    };
    let named = line::stream_type(&tree).unwrap_or(line::UNNAMED);
    match lanes.iter().find(|lane| lane.stream_type() == named) {
        Some(lane) => lane.read(tree, raw, metadata),
        None => {
            let known: Vec<&str> = lanes.iter().map(|lane| lane.stream_type()).collect();
            let rule = format!("must be one of {}", known.join(", "));
            Read::refused(raw, field("/stream", "unknown-stream", rule))
        }
    }
}

impl<A: Imported> Commands<A> {
    fn ask(&self, request: Request<A::Command>) -> Ask {
        let pipeline = self.pipeline().clone();
        Box::new(move || {
            let asked = async move {
                match pipeline.enqueue(request).await {
                    Ok(pending) => {
                        Asked(async move { outcome::<A>(pending.reply().await) }.boxed())
                    }
                    Err(refusal) => Asked(future::ready(refused::<A>(refusal)).boxed()),
                }
            };
            asked.boxed()
        })
    }
}

fn outcome<A: CommandApi>(reply: Reply<A>) -> Outcome {
    match reply.result {
        Ok(accepted) => accepted_outcome(&accepted, &reply.replayed),
        Err(refusal) => refused::<A>(refusal),
    }
}

fn accepted_outcome<A: CommandApi>(accepted: &Accepted<A>, replayed: &Replayed) -> Outcome {
    let position = accepted.position();
    match accepted.events.len() as u64 {
        events if events > 0 && !matches!(replayed, Replayed::Yes { .. }) => {
            Outcome::Applied { position, events }
        }
        _ => Outcome::Unchanged { position },
    }
}

fn refused<A: CommandApi>(refusal: Refusal<A::Rejection>) -> Outcome {
    let unavailable = matches!(refusal, Refusal::Unavailable | Refusal::OutcomeUnknown);
    Outcome::Refused { problem: problem::<A>(refusal), unavailable }
}
