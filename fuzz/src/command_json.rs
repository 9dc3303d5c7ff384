//! Bodies of commands: not a document, against a field rule, against a domain rule, or accepted; each with its promise.
//!
//! An input is a command's name, a line end, and the body as it is sent to that command's path. An accepted body
//! follows the rules of the contract. It is the same command when an independent writer writes it again, and is decided
//! on against orders of every status. A refusal is a client's error, and the fields that it names exist.

use crate::bodies::{self, written};
use crate::refusals::{MARK, MAX_DETAIL, client_error};
use crate::rfc8259::Node;
use crate::{decisions, document, json_text};
use command_service::http::{unreadable, validation};
use command_service::json::{Errors, FieldProblem, InUse, Json, Pointer};
use command_service::orders::commands::{self, create};
use domain::order::{CommandName, OrderCommand};
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The most broken fields that one answer names.
const MAX_ERRORS: usize = 100;
/// The longest pointer: as deep as documents go, with each name cut to 64 characters of up to four bytes.
const MAX_POINTER: usize = 17 * (1 + 4 * 64);
/// A command with the id of its new order.
type Read = Result<(Option<Uuid>, OrderCommand), Vec<FieldProblem>>;

/// Reads a body as the command that its first line names.
pub fn check(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let name = str::from_utf8(&input[..end]).ok().and_then(CommandName::from_wire);
    let Some(name) = name else { return };
    let body = &input[(end + 1).min(input.len())..];
    let (tree, node) = match document::read(body) {
        Ok(read) => read,
        Err(why) => return client_error(&unreadable(why)),
    };
    let read = read(name, tree);
    if !node.repeats() {
        laid_out_again(name, body, &read);
    }
    match read {
        Ok((id, command)) => accepted(name, body, id, &command),
        Err(errors) => {
            broken(&errors, &node);
            client_error(&validation(errors));
        }
    }
}

/// Reads a body as the route of the command does.
fn read(name: CommandName, tree: Json<'_>) -> Read {
    let mut errors = Errors::default();
    let read = match name {
        CommandName::Create => create::read(tree, &Pointer::Root, &mut errors),
        _ => commands::read(name, tree, InUse::Today, &Pointer::Root, &mut errors)
            .map(|command| (None, command)),
    };
    errors.result(read)
}

/// White space, escapes and the order of members make no difference.
fn laid_out_again(name: CommandName, body: &[u8], first: &Read) {
    let value: Value = serde_json::from_slice(body).expect("it was read before");
    let again = json_text(&value);
    let (tree, _) = document::read(&again).expect("what serde writes is a document");
    match (read(name, tree), first) {
        // Of more errors than are kept, others may be kept.
        (Err(again), Err(first)) if first.len() < MAX_ERRORS => {
            assert_eq!(places(&again), places(first));
        }
        (again, first) => assert_eq!(again.is_ok(), first.is_ok()),
    }
}

/// Places and codes of the errors, without their order.
pub(crate) fn places(errors: &[FieldProblem]) -> BTreeSet<(&str, &str)> {
    errors.iter().map(|error| (error.pointer.as_str(), error.code.as_ref())).collect()
}

fn accepted(name: CommandName, body: &[u8], id: Option<Uuid>, command: &OrderCommand) {
    assert_eq!(command.name(), name);
    assert!(id.is_none_or(|id| !id.is_nil()));
    bodies::keeps_the_rules(command);
    let mut again = written(command);
    if let Some(id) = id {
        again["order_id"] = id.to_string().into();
    }
    let text = json_text(&again);
    let (tree, _) = document::read(&text).expect("what serde writes is a document");
    assert_eq!(read(name, tree), Ok((id, command.clone())));
    if id.is_none() {
        let (tree, _) = document::read(body).expect("it was read before");
        let mut errors = Errors::default();
        let elsewhere = commands::read(name, tree, InUse::Today, &Pointer::Root, &mut errors);
        assert_eq!(errors.result(elsewhere).as_ref(), Ok(command));
    }
    decisions::decide(command);
}

/// Every error has bounded size, and its place exists in the document.
pub(crate) fn broken(errors: &[FieldProblem], document: &Node) {
    assert!((1..=MAX_ERRORS).contains(&errors.len()), "{} errors", errors.len());
    for FieldProblem { pointer, code, detail } in errors {
        let kebab = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        assert!(!code.is_empty() && code.bytes().all(kebab), "{code}");
        assert!(detail.len() <= MAX_DETAIL && !detail.contains(MARK), "{detail}");
        assert!(pointer.len() <= MAX_POINTER, "{pointer}");
        let (holder, last) = pointer.rsplit_once('/').unwrap_or(("", ""));
        match code.as_ref() {
            "required" => {
                let missed = |found: &Node| {
                    matches!(found, Node::Object(members)
                    if members.iter().all(|(name, _)| name != last))
                };
                assert!(found(document, holder).into_iter().any(missed), "{pointer} is there");
            }
            _ => assert!(!found(document, pointer).is_empty(), "{pointer} is not there"),
        }
    }
}

/// The values that a pointer finds: several if members are repeated, or if names are longer than pointers show.
fn found<'n>(document: &'n Node, pointer: &str) -> Vec<&'n Node> {
    let step = |from: Vec<&'n Node>, token: &str| -> Vec<&'n Node> {
        let shown = token.replace("~1", "/").replace("~0", "~");
        let inside = |node: &'n Node| -> Vec<&'n Node> {
            match node {
                Node::Array(elements) => {
                    shown.parse().ok().and_then(|at: usize| elements.get(at)).into_iter().collect()
                }
                Node::Object(members) => members
                    .iter()
                    .filter(|(name, _)| name.chars().take(64).eq(shown.chars()))
                    .map(|(_, value)| value)
                    .collect(),
                _ => Vec::new(),
            }
        };
        from.into_iter().flat_map(inside).collect()
    };
    pointer.split('/').skip(1).fold(vec![document], step)
}
