//! Commands over HTTP: what the commands of every aggregate share.
//!
//! Handlers translate, they do not decide. [`request`] reads a command, [`headers`] and [`if_match`] the parts outside
//! its body. [`commands`] puts it on the pipeline, [`answer`] and [`refusal`] write the reply. An aggregate adds its
//! [`CommandApi`] and, for each command, a body and a route.

mod answer;
mod commands;
pub mod headers;
mod if_match;
pub mod problems;
mod refusal;
mod request;

pub use answer::{Done, EventAnswer};
pub use commands::Commands;
pub use refusal::{field, problem, unreadable, validation};
pub use request::{CommandRequest, EmptyRequest, ReadTree};

use crate::pipeline::{Accepted, Commanded, Preview};
use event_store::EventStore;
use serde_json::value::RawValue;
use server::{Problem, ProblemCode};
use uuid::Uuid;

/// What HTTP needs of an aggregate whose commands it accepts.
pub trait CommandApi: Commanded + Sized {
    /// The noun for a stream of this type in a sentence: `order`.
    const NOUN: &'static str;
    /// The codes of its rejections besides `validation`, including those of earlier builds, whose answers may be
    /// stored.
    const REJECTIONS: &'static [ProblemCode];
    /// The path of a stream.
    fn location(id: Uuid) -> String;
    /// A rejection as a problem. Its detail says what to do next and never repeats input.
    fn rejected(rejection: &Self::Rejection) -> Problem;
    /// The problem that a stored fact is answered with, if the fact is that the request could not be met. By default every
    /// accepted command is a success.
    fn unmet(accepted: &Accepted<Self>) -> Option<Problem> {
        let _ = accepted;
        None
    }
    /// The body of the answer to an accepted command.
    fn answer(done: Done<'_, Self>) -> Vec<u8>;
    /// The stream after a dry run, in the form of its view.
    ///
    /// # Errors
    /// `unavailable` if the log cannot be read, `overloaded` if there is no room for the work.
    fn preview(
        accepted: &Accepted<Self>,
        preview: Box<Preview<Self>>,
        store: &EventStore,
    ) -> impl Future<Output = Result<Option<Box<RawValue>>, Problem>> + Send;
}
