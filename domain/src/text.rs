//! Validated texts and the caller's ids: trusted once they are parsed.
//!
//! Free texts are kept byte for byte. They may not hold characters that could change how a line reads or where it ends.
//! These are control characters (NUL, CR, LF, ESC …), bidirectional overrides and isolates, invisible characters (zero
//! width, soft hyphens, tags) and noncharacters. Notes and reasons are written in boxes of several lines, so they may
//! hold line ends (LF, CR LF) and tabs. The zero-width joiner and non-joiner are part of how Persian, Sinhala and many
//! emoji are spelt. They are allowed only between two visible characters. A text without a visible character is refused
//! as well.
//!
//! These rules apply to input. A text stored before a rule was made stays readable: stored texts are not checked.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a field's value is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Stable, machine-readable code in kebab-case: `out-of-range`, `too-long`, `too-short`, `invalid-characters`,
    /// `invalid-format`, …
    pub code: &'static str,
    /// One sentence for people; it never repeats the value.
    pub detail: String,
}

impl FieldError {
    /// A refusal with its stable code and its detail.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// How a text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// On one line.
    Line,
    /// On one or more lines, with tabs.
    Lines,
}

/// Whether no text may hold this character, whatever surrounds it.
fn is_forbidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{ad}'
            | '\u{e0000}'..='\u{e007f}' | '\u{fdd0}'..='\u{fdef}')
        || is_last_of_its_plane(character)
}

/// U+FFFE, U+FFFF and the last two code points of every other plane: never characters.
fn is_last_of_its_plane(character: char) -> bool {
    u32::from(character) & 0xfffe == 0xfffe
}

/// U+200C and U+200D: they say how the characters on both sides join.
fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// A variation selector: it says how the character before it looks, and belongs to it.
fn is_variation(character: char) -> bool {
    matches!(character,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Whether the character is part of a text but invisible: fillers, blanks, format characters of scores.
fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || matches!(character,
            '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}'
            | '\u{ffa0}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}')
}

/// Whether the character is visible.
fn is_visible(character: char) -> bool {
    !(is_blank(character)
        || is_joiner(character)
        || is_variation(character)
        || is_forbidden(character))
}

fn check_length(text: &str, longest: usize) -> Result<(), FieldError> {
    if text.is_empty() {
        return Err(FieldError::new("too-short", "must not be empty"));
    }
    // Counts only up to the limit, however long the text is.
    if text.chars().nth(longest).is_some() {
        return Err(FieldError::new("too-long", format!("must have at most {longest} characters")));
    }
    Ok(())
}

fn check_line(text: &str, longest: usize) -> Result<(), FieldError> {
    check_text(text, longest, Layout::Line)
}

fn check_lines(text: &str, longest: usize) -> Result<(), FieldError> {
    check_text(text, longest, Layout::Lines)
}

fn check_text(text: &str, longest: usize, layout: Layout) -> Result<(), FieldError> {
    let refused = |detail: &str| Err(FieldError::new("invalid-characters", detail));
    check_length(text, longest)?;
    let mut shows = false;
    // Whether the character just before can be joined to the next one.
    let mut joinable = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        match character {
            '\n' | '\t' if layout == Layout::Lines => {}
            '\r' if layout == Layout::Lines && next == Some('\n') => {}
            _ if is_joiner(character) && joinable && next.is_some_and(is_visible) => {}
            _ if is_joiner(character) => {
                return refused("may hold a zero-width joiner only between two visible characters");
            }
            _ if is_forbidden(character) => {
                return refused(match layout {
                    Layout::Line => "must not hold control, bidirectional or invisible characters",
                    Layout::Lines => {
                        "must not hold control (but line ends and tabs), bidirectional or invisible \
                         characters"
                    }
                });
            }
            _ => {}
        }
        shows |= is_visible(character);
        joinable = is_visible(character) || joinable && is_variation(character);
    }
    if !shows {
        return Err(FieldError::new("too-short", "must hold a visible character"));
    }
    Ok(())
}

fn check_reference(text: &str, longest: usize) -> Result<(), FieldError> {
    check_length(text, longest)?;
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    if !text.bytes().all(allowed) {
        return Err(FieldError::new(
            "invalid-characters",
            "may only hold letters A-Z and a-z, digits and . _ : -",
        ));
    }
    // As the last segment of a URL, these mean the segment before.
    if matches!(text, "." | "..") {
        return Err(FieldError::new("invalid-format", "must not be only one or two points"));
    }
    Ok(())
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $longest:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The most characters that it may have.
            pub const MAX_CHARACTERS: usize = $longest;

            /// Takes a text that follows the rules.
            ///
            /// # Errors
            /// The rule that it breaks.
            pub fn parse(text: impl Into<String>) -> Result<Self, FieldError> {
                let text = text.into();
                $check(&text, Self::MAX_CHARACTERS)?;
                Ok(Self(text.into_boxed_str()))
            }

            /// Takes a stored text, whatever the rules were when it came in.
            pub(crate) fn stored(text: impl Into<String>) -> Self {
                Self(text.into().into_boxed_str())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        /// Reads a stored text: any text.
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::stored)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0.into_string()
            }
        }
    };
}

text!(
    /// The caller's own id of a customer, product, payment, refund or shipment: 1–64 of `A–Z a–z 0–9 . _ : -`, but
    /// neither `.` nor `..`.
    Reference, 64, check_reference
);
text!(
    /// A name of a person or product: 1–200 characters on one line.
    Name, 200, check_line
);
text!(
    /// A note: 1–2 000 characters, on one or more lines.
    Note, 2_000, check_lines
);
text!(
    /// A reason: 1–500 characters, on one or more lines.
    Reason, 500, check_lines
);
text!(
    /// An e-mail address as its owner writes it: 1–254 characters on one line, the most that SMTP has room for. Nothing
    /// checks whether mail arrives there.
    Email, 254, check_line
);
text!(
    /// A short free text (payment method, carrier, tracking number): 1–200 characters on one line.
    Label, 200, check_line
);
