//! One line of an import, read into a request by the same strict readers as over HTTP.
//!
//! A line names its stream by `order_id`, and its own key by `id`. Or it names its stream by `stream` and `id`, and its
//! own key by `key`.

use super::imported::Imported;
use super::lines::{MAX_LINE, RawLine};
use crate::http::{unreadable, validation};
use crate::json::{self, Errors, Json, Object, Pointer};
use crate::pipeline::{Effect, Key, Request, Retention, Target};
use domain::order::OrderAggregate;
use domain::{Aggregate, FieldError, Timestamp};
use event_store::{Metadata, StreamId, StreamType};
use server::{Problem, ProblemCode};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What the keys of lines begin with in the log.
const ORIGIN: &str = "import";
/// The longest key of a line.
const MAX_KEY_LENGTH: usize = 200;
/// The stream type of a line that names none.
pub(super) const UNNAMED: &str = OrderAggregate::STREAM_TYPE;

/// A line that was read into a request, or why it was not.
#[derive(Debug)]
pub struct Read<R> {
    /// Its number in the input, from 1.
    pub number: u64,
    /// The stream that it names, if that could be read.
    pub stream: Option<StreamId>,
    /// About how many bytes its request holds in memory.
    pub weight: usize,
    /// The request, or the problem that refuses the line.
    pub request: Result<R, Problem>,
}

impl<R> Read<R> {
    pub(super) fn map<S>(self, with: impl FnOnce(R) -> S) -> Read<S> {
        let Self { number, stream, weight, request } = self;
        Read { number, stream, weight, request: request.map(with) }
    }

    pub(super) fn refused(line: &RawLine, problem: Problem) -> Self {
        Self { number: line.number, stream: None, weight: 0, request: Err(problem) }
    }
}

/// Reads a line of this aggregate. Its events will carry `metadata`.
pub fn read_as<A: Imported>(line: &RawLine, metadata: &Metadata) -> Read<Request<A::Command>> {
    match tree(line) {
        Ok(tree) => read_tree::<A>(tree, line, metadata),
        Err(problem) => Read::refused(line, problem),
    }
}

pub(super) fn tree(line: &RawLine) -> Result<Json<'_>, Problem> {
    match &line.bytes {
        Some(bytes) => json::parse(bytes).map_err(unreadable),
        None => Err(Problem::new(ProblemCode::PAYLOAD_TOO_LARGE)
            .detail(format!("A line may have at most {MAX_LINE} bytes."))),
    }
}

/// The stream type that a line names, if it is a text.
pub(super) fn stream_type<'t>(tree: &'t Json<'_>) -> Option<&'t str> {
    let Json::Object(members) = tree else { return None };
    match members.iter().find(|(name, _)| name == "stream")? {
        (_, Json::String(text)) => Some(text.as_ref()),
        _ => None,
    }
}

pub(super) fn read_tree<A: Imported>(
    tree: Json<'_>,
    line: &RawLine,
    metadata: &Metadata,
) -> Read<Request<A::Command>> {
    let bytes = line.bytes.as_deref().unwrap_or_default();
    let mut errors = Errors::default();
    let mut stream = None;
    let envelope = read_envelope::<A>(tree, &mut stream, &mut errors);
    let request = errors.result(envelope).map_err(validation);
    let request = request.map(|Envelope { target, at, command, key }| {
        let fingerprint: [u8; 32] = Sha256::digest(bytes).into();
        let key = match key {
            Some(key) => Key::new(format!("{ORIGIN}:{key}"), fingerprint, Retention::Forever),
            None => Key::of_content(ORIGIN, fingerprint, Retention::Forever),
        };
        Request {
            target: match A::begins_stream(&command) {
                true => Target::Fresh(target),
                false => Target::Named(target),
            },
            command,
            precondition: None,
            key: Some(key),
            at: Some(at),
            effect: Effect::Store,
            metadata: metadata.clone(),
            weight: bytes.len(),
            scope: identity::Scope::All,
        }
    });
    let weight = if request.is_ok() { bytes.len() } else { 0 };
    Read { number: line.number, stream, weight, request }
}

struct Envelope<C> {
    target: Uuid,
    at: Timestamp,
    command: C,
    key: Option<String>,
}

/// The members that name a line's stream, and the member with the line's own key.
struct Naming {
    names: &'static [&'static str],
    id: &'static str,
    key: &'static str,
}

const BY_ORDER_ID: Naming =
    Naming { names: &["order_id", "at", "command", "body", "id"], id: "order_id", key: "id" };
const BY_STREAM: Naming =
    Naming { names: &["stream", "id", "at", "command", "body", "key"], id: "id", key: "key" };

impl Naming {
    fn of(tree: &Json<'_>) -> &'static Self {
        let Json::Object(members) = tree else { return &BY_ORDER_ID };
        let has = |member: &str| members.iter().any(|(name, _)| name == member);
        match has("stream") || has("key") {
            true => &BY_STREAM,
            false if has("id") && !has("order_id") => &BY_STREAM,
            false => &BY_ORDER_ID,
        }
    }
}

fn read_envelope<A: Imported>(
    tree: Json<'_>,
    stream: &mut Option<StreamId>,
    errors: &mut Errors,
) -> Option<Envelope<A::Command>> {
    let naming = Naming::of(&tree);
    let mut line = Object::open(tree, naming.names, &Pointer::Root, errors)?;
    // The type was read before; this checks that it is a text.
    let named = line.optional("stream", errors, json::text(|_| Ok(())));
    let target = line.required(naming.id, errors, json::uuid);
    *stream = target.map(|id| const { StreamType::new(A::STREAM_TYPE) }.stream(id));
    let at = line.required("at", errors, json::timestamp);
    let name = line.required("command", errors, json::text(|name| A::command_name(name.as_ref())));
    let key = line.optional(naming.key, errors, json::text(|key| line_key(&key)));
    let body = line.required("body", errors, |body, pointer, errors| match name {
        Some(name) => A::read_command(name, body, at, pointer, errors),
        None => None,
    });
    named?;
    Some(Envelope { target: target?, at: at?, command: body?, key: key? })
}

fn line_key(key: &str) -> Result<String, FieldError> {
    if (1..=MAX_KEY_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Ok(key.to_owned());
    }
    let detail = format!("must have 1 to {MAX_KEY_LENGTH} visible ASCII characters");
    Err(FieldError { code: "invalid-format", detail })
}
