//! Lies planted between server and walkers: a walk that passes in spite of one has checked nothing.
//!
//! Each kind of check has its own lie, and the report of the check that notices it must say so.

mod about_commands;
mod about_orders;
mod about_views;

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;
use system_tests::client::Answer;

/// One way to falsify answers.
#[derive(Debug, Clone, Copy)]
pub struct Lie {
    pub name: &'static str,
    /// The text in the report of the check that notices it.
    pub noticed: &'static str,
    /// The answers that it falsifies.
    when: fn(&Asked<'_>, &Answer) -> bool,
    twist: Twist,
}

#[derive(Debug, Clone, Copy)]
enum Twist {
    /// Edits the JSON of the body.
    Body(fn(&mut Value)),
    /// Edits every line of a body of lines; a line that becomes `null` is left out.
    Lines(fn(&mut Value)),
    /// Sets a header, or removes it.
    Header(&'static str, Option<&'static str>),
    /// Edits the whole answer, knowing earlier answers.
    Whole(fn(&Memory, &Asked<'_>, Answer) -> Answer),
}

const fn lie(
    name: &'static str,
    noticed: &'static str,
    when: fn(&Asked<'_>, &Answer) -> bool,
    twist: Twist,
) -> Lie {
    Lie { name, noticed, when, twist }
}

/// Every lie.
pub fn all() -> Vec<Lie> {
    [about_commands::LIES.as_slice(), &about_orders::LIES, &about_views::LIES].concat()
}

/// The answered request.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub path: &'a str,
    pub method: &'a Method,
    pub headers: &'a [(&'a str, &'a str)],
    /// Whether it was one of several at the same moment.
    pub racing: bool,
}

impl Asked<'_> {
    fn bare(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    fn key(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| *name == "Idempotency-Key").map(|(_, key)| *key)
    }

    fn commands(&self) -> bool {
        *self.method == Method::POST && !self.imports()
    }

    fn imports(&self) -> bool {
        self.bare() == "/v1/import"
    }

    /// A view of this path, whatever its query.
    fn reads(&self, bare: &str) -> bool {
        *self.method == Method::GET && self.bare() == bare
    }

    /// One order: at present, or as the query says.
    fn reads_order(&self) -> bool {
        let id = self.bare().strip_prefix("/v1/orders/");
        *self.method == Method::GET && id.is_some_and(|id| !id.contains('/'))
    }
}

/// Earlier answers.
#[derive(Debug, Default)]
struct Memory(Mutex<HashMap<String, Answer>>);

impl Memory {
    fn get(&self, what: &str) -> Option<Answer> {
        self.0.lock().expect("nothing panics under this lock").get(what).cloned()
    }

    fn keep(&self, what: &str, answer: &Answer) {
        let mut kept = self.0.lock().expect("nothing panics under this lock");
        kept.insert(what.to_owned(), answer.clone());
    }

    /// The first answer to this request.
    fn first(&self, what: &str, answer: Answer) -> Answer {
        self.get(what).unwrap_or_else(|| {
            self.keep(what, &answer);
            answer
        })
    }
}

/// Repeats one lie.
#[derive(Debug)]
pub struct Liar {
    lie: Lie,
    memory: Memory,
}

impl Liar {
    pub fn new(lie: Lie) -> Self {
        Self { lie, memory: Memory::default() }
    }

    /// The answer, falsified or unchanged.
    pub fn twist(&self, asked: &Asked<'_>, answer: Answer) -> Answer {
        if !(self.lie.when)(asked, &answer) {
            return answer;
        }
        match self.lie.twist {
            Twist::Body(edit) => edited(answer, edit),
            Twist::Lines(edit) => in_lines(answer, edit),
            Twist::Header(name, value) => with_header(answer, name, value),
            Twist::Whole(twist) => twist(&self.memory, asked, answer),
        }
    }
}

/// If the edit changes nothing, every byte stays.
fn edited(mut answer: Answer, edit: impl Fn(&mut Value)) -> Answer {
    if let Ok(original) = serde_json::from_slice::<Value>(&answer.body) {
        let mut body = original.clone();
        edit(&mut body);
        if body != original {
            answer.body = Bytes::from(body.to_string());
        }
    }
    answer
}

fn in_lines(mut answer: Answer, edit: fn(&mut Value)) -> Answer {
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap_or_default();
        edit(&mut line);
        (!line.is_null()).then(|| line.to_string())
    };
    let lines: Vec<String> = answer.text().lines().filter_map(line).collect();
    answer.body = Bytes::from(lines.join("\n"));
    answer
}

fn with_header(mut answer: Answer, name: &'static str, value: Option<&str>) -> Answer {
    answer.headers.remove(name);
    if let Some(value) = value {
        answer.headers.insert(name, value.parse().expect("visible characters"));
    }
    answer
}

/// Changes a number by `by`; leaves anything else.
fn moved(value: &mut Value, by: i64) {
    if let Some(number) = value.as_i64() {
        *value = (number + by).into();
    }
}

/// Replaces one word by another.
fn swapped(member: &mut Value, word: &str, other: &str) {
    if *member == word {
        *member = json!(other);
    }
}

/// The rows of a list.
fn rows(body: &mut Value) -> Option<&mut Vec<Value>> {
    body["data"].as_array_mut()
}
