//! One line of an import, read into a request: the same strict readers as over HTTP.

use super::lines::{MAX_LINE, RawLine};
use crate::http::{unreadable, validation};
use crate::json::{self, Errors, InUse, Json, Object, Pointer};
use crate::orders::commands;
use crate::pipeline::{Effect, Key, Request, Retention, Target};
use domain::FieldError;
use domain::order::{CommandName, OrderCommand};
use event_store::Metadata;
use server::{Problem, ProblemCode};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Longest `id` of a line.
const MAX_ID_LENGTH: usize = 200;

/// A line that has been read, or why it could not be.
#[derive(Debug)]
pub struct ReadLine {
    /// Its number.
    pub number: u64,
    /// The order it names, if that much could be read.
    pub order_id: Option<Uuid>,
    /// What it asks for.
    pub request: Result<Request<OrderCommand>, Problem>,
}

/// Reads a line: `metadata` goes onto the events that come of it.
pub fn read(line: &RawLine, metadata: &Metadata) -> ReadLine {
    let RawLine { number, bytes } = line;
    let mut order_id = None;
    let request = match bytes {
        Some(bytes) => read_request(bytes, metadata, &mut order_id),
        None => Err(Problem::new(ProblemCode::PAYLOAD_TOO_LARGE)
            .detail(format!("A line may have at most {MAX_LINE} bytes."))),
    };
    ReadLine { number: *number, order_id, request }
}

fn read_request(
    bytes: &[u8],
    metadata: &Metadata,
    order_id: &mut Option<Uuid>,
) -> Result<Request<OrderCommand>, Problem> {
    let tree = json::parse(bytes).map_err(unreadable)?;
    let mut errors = Errors::default();
    let envelope = read_envelope(tree, order_id, &mut errors);
    let Envelope { target, at, command, id } = errors.result(envelope).map_err(validation)?;
    let fingerprint: [u8; 32] = Sha256::digest(bytes).into();
    let id = id.unwrap_or_else(|| hex::encode(fingerprint));
    let key = Key { key: format!("import:{id}"), fingerprint, retention: Retention::Forever };
    Ok(Request {
        target: match command {
            OrderCommand::Create { .. } => Target::Fresh(target),
            _ => Target::Named(target),
        },
        command,
        precondition: None,
        key: Some(key),
        at: Some(at),
        effect: Effect::Store,
        metadata: metadata.clone(),
        weight: bytes.len(),
    })
}

struct Envelope {
    target: Uuid,
    at: domain::Timestamp,
    command: OrderCommand,
    id: Option<String>,
}

fn read_envelope(
    tree: Json<'_>,
    order_id: &mut Option<Uuid>,
    errors: &mut Errors,
) -> Option<Envelope> {
    let names = ["order_id", "at", "command", "body", "id"];
    let mut line = Object::open(tree, &names, &Pointer::Root, errors)?;
    *order_id = line.required("order_id", errors, json::uuid);
    let at = line.required("at", errors, json::timestamp);
    let name = line.required("command", errors, json::text(command_name));
    let id = line.optional("id", errors, json::text(|id| line_id(&id)));
    // A time that cannot be read is reported; what it would mean for a currency is not.
    let in_use = at.map_or(InUse::Ever, InUse::At);
    let body = line.required("body", errors, |body, pointer, errors| match name {
        Some(name) => commands::read(name, body, in_use, pointer, errors),
        None => None,
    });
    Some(Envelope { target: (*order_id)?, at: at?, command: body?, id: id? })
}

fn command_name(name: impl AsRef<str>) -> Result<CommandName, FieldError> {
    CommandName::from_wire(name.as_ref()).ok_or_else(|| {
        let names = CommandName::ALL.map(CommandName::as_str).join(", ");
        FieldError { code: "unknown-command", detail: format!("must be one of {names}") }
    })
}

fn line_id(id: &str) -> Result<String, FieldError> {
    if (1..=MAX_ID_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(id.to_owned());
    }
    let detail = format!("must have 1 to {MAX_ID_LENGTH} visible ASCII characters");
    Err(FieldError { code: "invalid-format", detail })
}
