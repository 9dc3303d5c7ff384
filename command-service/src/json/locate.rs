//! Finds the place in a document where the parser stopped: needed only for errors, so it need not be quick.

use super::errors::push_name;
use std::fmt::Write;

/// An array or object that is open at that place.
enum Open {
    Array(usize),
    /// With the member that is being read, once its name is known.
    Object(Option<String>),
}

/// The JSON Pointer to the value that ends at a line and a column, as the parser counts them (lines from 1). The text
/// before has been parsed, so it is well-formed.
pub fn pointer(bytes: &[u8], line: usize, column: usize) -> String {
    let mut open = Vec::new();
    let parsed = &bytes[..offset(bytes, line, column)];
    let mut at = 0;
    while let Some(byte) = parsed.get(at) {
        match byte {
            b'{' => open.push(Open::Object(None)),
            b'[' => open.push(Open::Array(0)),
            b'}' | b']' => {
                open.pop();
            }
            b',' => match open.last_mut() {
                Some(Open::Array(index)) => *index += 1,
                Some(Open::Object(name)) => *name = None,
                None => {}
            },
            b'"' => {
                let end = string_end(parsed, at);
                if let Some(Open::Object(name @ None)) = open.last_mut() {
                    *name = serde_json::from_slice(&parsed[at..end]).ok();
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    written(&open)
}

fn written(open: &[Open]) -> String {
    let mut pointer = String::new();
    for place in open {
        match place {
            Open::Array(index) => {
                write!(pointer, "/{index}").expect("a String takes everything");
            }
            Open::Object(Some(name)) => push_name(&mut pointer, name),
            Open::Object(None) => {}
        }
    }
    pointer
}

fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let start = std::iter::once(0).chain(ends).nth(line.saturating_sub(1)).unwrap_or(bytes.len());
    start.saturating_add(column).min(bytes.len())
}

/// The place after the quote that closes the string opened here.
fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
