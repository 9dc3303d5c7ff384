//! What imports need of an aggregate, and the way of its lines: read, put on its pipeline, answered.
//!
//! An import holds lines of aggregates of many types, so each aggregate's [`Commands`] stand behind a [`Lane`].

use super::line::{self, Read};
use super::lines::RawLine;
use crate::http::{CommandApi, Commands, problem};
use crate::json::{Errors, Json, Pointer};
use crate::pipeline::{Accepted, Refusal, Replayed, Reply, Request};
use domain::{FieldError, Timestamp};
use event_store::{Metadata, Position};
use futures::future::{self, BoxFuture, FutureExt};
use server::Problem;

/// An aggregate whose commands can be imported.
pub trait Imported: CommandApi {
    /// The name of a command.
    type Name: Copy + Send;

    /// The command of this name.
    ///
    /// # Errors
    /// Says which names there are.
    fn command_name(name: &str) -> Result<Self::Name, FieldError>;

    /// Reads the body of a command. `at` is the line's time; `None` if it cannot be read, which is reported elsewhere.
    fn read_command(
        name: Self::Name,
        body: Json<'_>,
        at: Option<Timestamp>,
        pointer: &Pointer<'_>,
        errors: &mut Errors,
    ) -> Option<Self::Command>;

    /// Whether the command begins a stream.
    fn begins_stream(command: &Self::Command) -> bool;
}

/// What came of a line.
pub(super) enum Outcome {
    /// Its events were appended.
    Applied { position: Position, events: u64 },
    /// Its fact was recorded before.
    Unchanged { position: Position },
    /// It was refused.
    Refused { problem: Problem, unavailable: bool },
}

/// A line that was read: asked when there is room for it, then answered.
pub(super) type Ask = Box<dyn FnOnce() -> BoxFuture<'static, Asked> + Send>;
/// A line on the queue.
pub(super) struct Asked(pub BoxFuture<'static, Outcome>);

/// The lines of one aggregate.
pub(super) trait Lane: Send + Sync {
    /// The type of its streams.
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
