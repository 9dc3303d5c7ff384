//! Broken fields: the place and the rule of each. All are collected, up to a bound.

use domain::FieldError;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write;

/// The most broken fields in one answer; no more are collected.
const MAX_ERRORS: usize = 100;
/// The longest unknown member name that a pointer repeats.
const MAX_ECHOED_NAME: usize = 64;

/// A broken field, as in a problem's `errors`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// JSON Pointer (RFC 6901).
    pub pointer: String,
    /// Stable, in kebab-case.
    pub code: Cow<'static, str>,
    /// One sentence for people; never holds the value.
    pub detail: String,
}

/// The place of a reader: a list on the stack, written out only for an error.
#[derive(Debug, Clone, Copy)]
pub enum Pointer<'p> {
    /// The document.
    Root,
    /// A member of an object.
    Member(&'p Pointer<'p>, &'p str),
    /// An element of an array.
    Element(&'p Pointer<'p>, usize),
}

impl Pointer<'_> {
    fn write(&self, out: &mut String) {
        match self {
            Self::Root => {}
            Self::Member(parent, name) => {
                parent.write(out);
                push_name(out, name);
            }
            Self::Element(parent, index) => {
                parent.write(out);
                write!(out, "/{index}").expect("a String takes everything");
            }
        }
    }
}

/// Appends a member's name to a pointer.
pub fn push_name(pointer: &mut String, name: &str) {
    pointer.push('/');
    for character in name.chars().take(MAX_ECHOED_NAME) {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// All broken fields found so far.
#[derive(Debug, Default)]
pub struct Errors(Vec<FieldProblem>);

impl Errors {
    /// Records a broken rule.
    pub fn add(&mut self, at: &Pointer<'_>, code: &'static str, detail: impl Into<String>) {
        if self.0.len() < MAX_ERRORS {
            let mut pointer = String::new();
            at.write(&mut pointer);
            self.0.push(FieldProblem { pointer, code: code.into(), detail: detail.into() });
        }
    }

    /// Records the domain's error for a value.
    pub fn add_field(&mut self, at: &Pointer<'_>, error: FieldError) {
        self.add(at, error.code, error.detail);
    }

    /// Whether no more errors are kept.
    pub fn is_full(&self) -> bool {
        self.0.len() >= MAX_ERRORS
    }

    /// The value, if no field is broken.
    ///
    /// # Errors
    /// All broken fields.
    pub fn result<T>(self, value: Option<T>) -> Result<T, Vec<FieldProblem>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}
