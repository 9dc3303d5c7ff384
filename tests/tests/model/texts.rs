//! Names, notes and reasons of every allowed sort, and forbidden ones.

use rig::rng::Rng;

const NAMES: [&str; 10] = [
    "Ada Lovelace",
    "Søren O'Brien",
    "名前",
    "عائشة",
    "\"quoted\" \\ back",
    "Zoë 🦊🫖",
    "'; DROP TABLE orders; --",
    "${jndi:x} %00 <b>",
    "\"notes\":[]",
    "e\u{301}tude",
];
const JOINED: [&str; 3] = ["می\u{200c}خواهم", "ශ්\u{200d}රී", "👩\u{200d}👩\u{200d}👧"];
const LINE_ENDS: [&str; 4] = ["a\nb", "first\r\nsecond", "tab\there", "ends\n"];
const FORBIDDEN: [&str; 7] =
    ["a\u{0}b", "a\u{1b}[0m", "a\u{202e}b", "a\u{200b}b", "\u{feff}a", "a\u{2066}b", "a\u{7}b"];

/// A name that is allowed everywhere.
pub fn name(rng: &mut Rng) -> String {
    if rng.chance(20) {
        return (*rng.pick(&JOINED)).to_owned();
    }
    if rng.chance(4) {
        return "ü".repeat(200);
    }
    (*rng.pick(&NAMES)).to_owned()
}

/// A note or a reason of at most this length, in characters.
pub fn note(rng: &mut Rng, longest: usize) -> String {
    if rng.chance(30) {
        return (*rng.pick(&LINE_ENDS)).to_owned();
    }
    if rng.chance(4) {
        return "ж".repeat(longest);
    }
    name(rng)
}

pub fn email(rng: &mut Rng) -> String {
    if rng.chance(10) {
        return format!("{}@example.org", "a".repeat(254 - "@example.org".len()));
    }
    format!("{}@example.org", rng.pick(&["ada", "søren", "a.b+c", "x"]))
}

/// A text that every field refuses; `longest` is the field's limit.
pub fn forbidden(rng: &mut Rng, longest: usize) -> String {
    match rng.below(4) {
        0 => String::new(),
        1 => "x".repeat(longest + 1),
        _ => (*rng.pick(&FORBIDDEN)).to_owned(),
    }
}
