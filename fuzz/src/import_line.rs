//! Lines of an import: split as their bytes demand, and read like the same command over HTTP, at a time of their own.

use crate::command_json::{broken, places};
use crate::refusals::client_error;
use crate::rfc8259::Node;
use crate::{amount, bodies, decisions, document, json_text, times};
use command_service::import::{Lines, RawLine, Read, read_as};
use command_service::json::{Errors, FieldProblem, InUse, Pointer};
use command_service::orders::commands;
use command_service::pipeline::{Effect, Key, Request, Target};
use domain::order::document::micros::Wire;
use domain::order::{CommandName, OrderAggregate, OrderCommand};
use event_store::Metadata;
use futures::executor::block_on;
use serde_json::{Value, json};
use server::{Problem, ProblemCode};
use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// The most broken fields that one answer names.
const MAX_ERRORS: usize = 100;

/// Splits the lines and reads each.
pub fn check(input: &[u8]) {
    let lines = cut(input, usize::MAX);
    let pieces = 2 + input.len() % 5;
    assert_eq!(lines, cut(input, 1 + input.len() / pieces), "lines depend on how they arrive");
    let lengths: Vec<_> = lines.iter().map(|l| (l.number, l.bytes.as_deref())).collect();
    assert_eq!(lengths, plainly_cut(input));
    lines.iter().for_each(line);
}

/// The lines of an input that arrives in pieces of this many bytes.
fn cut(input: &[u8], at_a_time: usize) -> Vec<RawLine> {
    let mut lines = Lines::new(Arriving { input, at_a_time });
    let mut all = Vec::new();
    loop {
        match block_on(lines.next_chunk()).expect("the input does not break off") {
            chunk if chunk.is_empty() => return all,
            chunk => all.extend(chunk),
        }
    }
}

struct Arriving<'a> {
    input: &'a [u8],
    at_a_time: usize,
}

impl AsyncRead for Arriving<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.input.len().min(self.at_a_time).min(into.remaining());
        let (now, later) = self.input.split_at(length);
        into.put_slice(now);
        self.input = later;
        Poll::Ready(Ok(()))
    }
}

/// The same for inputs without overlong lines, written from the contract.
fn plainly_cut(input: &[u8]) -> Vec<(u64, Option<&[u8]>)> {
    let unmarked = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let lines = unmarked.split(|byte| *byte == b'\n').zip(1..);
    let lines = lines.map(|(line, number)| (number, line.strip_suffix(b"\r").unwrap_or(line)));
    let said = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    said.map(|(number, line)| (number, Some(line))).collect()
}

fn line(raw: &RawLine) {
    let bytes = raw.bytes.as_deref().expect("no input is that long");
    let Read { number, stream, request, .. } = read_as::<OrderAggregate>(raw, &Metadata::default());
    assert_eq!(number, raw.number);
    let Ok((_, node)) = document::read(bytes) else {
        let problem = request.expect_err("no document, and yet a command");
        assert_eq!(stream, None);
        return client_error(&problem);
    };
    let named = [texts(&node, "order_id"), texts(&node, "id")].concat();
    assert!(stream.is_none_or(|its| {
        named.iter().any(|name| name.eq_ignore_ascii_case(&its.id.to_string()))
    }));
    match request {
        Ok(request) => {
            assert_eq!(Some(request.target.id()), stream.map(|its| its.id));
            taken(bytes, &node, &request);
        }
        Err(problem) => refused(bytes, &node, &problem),
    }
}

/// The texts under a name in the line.
fn texts<'n>(node: &'n Node, name: &str) -> Vec<&'n str> {
    let Node::Object(members) = node else { return Vec::new() };
    let texts = members.iter().filter(|(known, _)| known == name);
    texts
        .filter_map(
            |(_, value)| if let Node::String(text) = value { Some(text.as_str()) } else { None },
        )
        .collect()
}

fn taken(bytes: &[u8], node: &Node, request: &Request<OrderCommand>) {
    let Request { target, command, at, key, .. } = request;
    let at = at.expect("a line has its time");
    assert!(request.effect == Effect::Store && request.precondition.is_none());
    assert_eq!(request.weight, bytes.len());
    assert_eq!(matches!(target, Target::Fresh(_)), command.name() == CommandName::Create);

    let written = texts(node, "at");
    assert_eq!(times::micros(written[0]), Some(at.timestamp_micros()), "{}", written[0]);
    let shown = Wire(at).to_string();
    assert_eq!(domain::time::parse(&shown), Ok(at));
    assert_eq!(times::micros(&shown), Some(at.timestamp_micros()));

    bodies::keeps_the_rules(command);
    let sent: Value = serde_json::from_slice(bytes).expect("what was taken is JSON");
    if let OrderCommand::Create { lines, .. } = command {
        for (line, sent) in lines.iter().zip(sent["body"]["lines"].as_array().expect("lines")) {
            let price = sent["unit_price"].as_str().expect("a decimal string");
            assert_eq!(amount(price), amount(&line.unit_price.to_string()));
        }
    }
    assert_eq!(over_http(&sent["body"], command.name(), InUse::At(at)).as_ref(), Ok(command));
    // A currency in use then was in use before: when a currency came into use is not checked.
    let first = domain::time::parse("0001-01-01T00:00:00Z").expect("a time");
    assert_eq!(over_http(&sent["body"], command.name(), InUse::At(first)).as_ref(), Ok(command));

    let key = key.as_ref().expect("a line has its key");
    let id = key.text().strip_prefix("import:").expect("of an import");
    assert!((1..=200).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
    let again = json_text(&json!({"body": bodies::written(command), "command": sent["command"],
        "at": shown, "id": id, "order_id": target.id()}));
    let again = RawLine { number: 1, bytes: Some(again.into()) };
    let again =
        read_as::<OrderAggregate>(&again, &Metadata::default()).request.expect("the same line");
    assert_eq!((again.target, &again.command, again.at), (*target, command, Some(at)));
    assert_eq!(again.key.as_ref().map(Key::text), Some(key.text()));
    decisions::decide(command);
}

/// Reads a body by itself.
fn over_http(
    body: &Value,
    name: CommandName,
    in_use: InUse,
) -> Result<OrderCommand, Vec<FieldProblem>> {
    let text = json_text(body);
    let (tree, _) = document::read(&text).expect("what serde writes is a document");
    let mut errors = Errors::default();
    let read = commands::read(name, tree, in_use, &Pointer::Root, &mut errors);
    errors.result(read)
}

/// The line's broken fields are those that its body has by itself.
fn refused(bytes: &[u8], node: &Node, problem: &Problem) {
    client_error(problem);
    assert_eq!(problem.code(), ProblemCode::VALIDATION);
    let errors = fields(problem);
    broken(&errors, node);
    let sent: Value = serde_json::from_slice(bytes).expect("it is a document");
    let is_broken = |name: &str| errors.iter().any(|error| error.pointer == name);
    let (Some(name), Some(at)) = (sent["command"].as_str(), sent["at"].as_str()) else { return };
    let (Some(name), Ok(at)) = (CommandName::from_wire(name), domain::time::parse(at)) else {
        return;
    };
    if node.repeats()
        || errors.len() >= MAX_ERRORS
        || is_broken("/body")
        || sent.get("body").is_none()
    {
        return;
    }
    let by_itself = over_http(&sent["body"], name, InUse::At(at)).err().unwrap_or_default();
    let inside = |(pointer, code)| {
        let inside: &str = str::strip_prefix(pointer, "/body")?;
        inside.starts_with('/').then_some((inside, code))
    };
    let of_body: BTreeSet<_> = places(&errors).into_iter().filter_map(inside).collect();
    assert_eq!(of_body, places(&by_itself));
}

fn fields(problem: &Problem) -> Vec<FieldProblem> {
    let value = problem.to_value();
    let errors = value["errors"].as_array().expect("errors of a validation");
    let text = |error: &Value, name: &str| error[name].as_str().expect("a text").to_owned();
    let field = |error: &Value| FieldProblem {
        pointer: text(error, "pointer"),
        code: text(error, "code").into(),
        detail: text(error, "detail"),
    };
    errors.iter().map(field).collect()
}
