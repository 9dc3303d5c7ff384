//! What must hold for any input: one property in each module, over any bytes.
//!
//! Two users share them. `cargo fuzz run NAME` (nightly) runs each with inputs that libFuzzer finds. The test `smoke`
//! (stable, part of every run of the tests) uses the committed corpus and random changes of it. A property panics where
//! it does not hold. Each checks more than the absence of panics: what is read can be written and read again unchanged,
//! a second reader finds the same, and refusals are bounded.

mod bodies;
pub mod command_json;
pub mod cursor;
mod decisions;
mod document;
pub mod import_line;
pub mod kafka_record;
mod refusals;
mod rfc8259;
pub mod stored_event;
mod times;

use serde_json::Value;

/// A property over any bytes.
pub type Check = fn(&[u8]);

/// Every target: the name of its binary and of its corpus folder, and its property.
pub const TARGETS: [(&str, Check); 5] = [
    ("command_json", command_json::check),
    ("cursor", cursor::check),
    ("import_line", import_line::check),
    ("kafka_record", kafka_record::check),
    ("stored_event", stored_event::check),
];

/// The document, written again by another writer.
fn json_text(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).expect("a document has string keys")
}

/// Sign, whole and fraction of a decimal number, without insignificant zeros.
fn amount(text: &str) -> (bool, &str, &str) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (whole, fraction) = (whole.trim_start_matches(['-', '0']), fraction.trim_end_matches('0'));
    let is_zero = whole.is_empty() && fraction.is_empty();
    (text.starts_with('-') && !is_zero, whole, fraction)
}
