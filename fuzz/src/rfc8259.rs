//! A reader of JSON written from RFC 8259, with the contract's bound on depth. Its only virtue is independence: it
//! knows nothing of serde, keeps numbers as they are written, and takes its time.

use command_service::json::MAX_DEPTH;
use std::collections::BTreeSet;

/// The most characters of a member's name that a pointer shows.
const POINTED_NAME: usize = 64;
/// From here on, readers may differ about whether a number still fits.
const ABOUT_TOO_LARGE: f64 = 1e307;

/// A value of RFC 8259, with numbers as they are written.
#[derive(Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Whether an object in it repeats a member: other readers then see less of it.
    pub(crate) fn repeats(&self) -> bool {
        match self {
            Self::Array(elements) => elements.iter().any(Self::repeats),
            Self::Object(members) => {
                let names: BTreeSet<_> = members.iter().map(|(name, _)| name).collect();
                names.len() < members.len() || members.iter().any(|(_, value)| value.repeats())
            }
            _ => false,
        }
    }
}

enum Step {
    Member(String),
    Element(usize),
}

/// Reads one document.
pub(crate) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    path: Vec<Step>,
    large: Vec<String>,
}

impl<'b> Reader<'b> {
    pub(crate) fn of(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, path: Vec::new(), large: Vec::new() }
    }

    /// The places of numbers that may be beyond all limits, as far as was read.
    pub(crate) fn large(&self) -> &[String] {
        &self.large
    }

    /// The one document that the bytes form.
    pub(crate) fn document(&mut self) -> Option<Node> {
        let node = self.value()?;
        self.space();
        (self.at == self.bytes.len()).then_some(node)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, node: Node) -> Option<Node> {
        let found = self.bytes[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(node)
    }

    fn value(&mut self) -> Option<Node> {
        self.space();
        match self.peek()? {
            b'n' => self.word("null", Node::Null),
            b't' => self.word("true", Node::Bool(true)),
            b'f' => self.word("false", Node::Bool(false)),
            b'"' => self.string().map(Node::String),
            b'[' => self.array(),
            b'{' => self.object(),
            _ => self.number(),
        }
    }

    fn array(&mut self) -> Option<Node> {
        self.at += 1;
        let mut elements = Vec::new();
        self.space();
        if self.path.len() == MAX_DEPTH || self.take(b']') {
            return (self.path.len() < MAX_DEPTH).then_some(Node::Array(elements));
        }
        loop {
            self.path.push(Step::Element(elements.len()));
            elements.push(self.value()?);
            self.path.pop();
            self.space();
            match self.next()? {
                b',' => {}
                b']' => return Some(Node::Array(elements)),
                _ => return None,
            }
        }
    }

    fn object(&mut self) -> Option<Node> {
        self.at += 1;
        let mut members = Vec::new();
        self.space();
        if self.path.len() == MAX_DEPTH || self.take(b'}') {
            return (self.path.len() < MAX_DEPTH).then_some(Node::Object(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            if !self.take(b':') {
                return None;
            }
            self.path.push(Step::Member(name.clone()));
            members.push((name, self.value()?));
            self.path.pop();
            self.space();
            match self.next()? {
                b',' => {}
                b'}' => return Some(Node::Object(members)),
                _ => return None,
            }
        }
    }

    fn digits(&mut self) -> Option<()> {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > begin).then_some(())
    }

    fn number(&mut self) -> Option<Node> {
        let begin = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        let whole = self.at;
        let mut sound = Some(());
        if self.take(b'.') {
            sound = self.digits();
        }
        if sound.is_some() && matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if !self.take(b'+') {
                self.take(b'-');
            }
            sound = self.digits();
        }
        // A reader may stop at a number for its size before it sees that the number is unfinished.
        let end = if sound.is_some() { self.at } else { whole };
        let text = str::from_utf8(&self.bytes[begin..end]).ok()?;
        if text.parse::<f64>().ok()?.abs() > ABOUT_TOO_LARGE {
            self.large.push(self.pointer());
        }
        sound.map(|()| Node::Number(text.to_owned()))
    }

    fn string(&mut self) -> Option<String> {
        if !self.take(b'"') {
            return None;
        }
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => {
                    let character = self.escaped()?;
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return None,
                byte => text.push(byte),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut unit = self.unit()?;
                if (0xd800..0xdc00).contains(&unit) && self.take(b'\\') && self.take(b'u') {
                    let low = self.unit()?.checked_sub(0xdc00)?;
                    unit = (low < 0x400).then_some(0x1_0000 + ((unit - 0xd800) << 10) + low)?;
                }
                char::from_u32(unit)?
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }

    fn pointer(&self) -> String {
        let token = |step: &Step| match step {
            Step::Element(index) => format!("/{index}"),
            Step::Member(name) => {
                let shown: String = name.chars().take(POINTED_NAME).collect();
                format!("/{}", shown.replace('~', "~0").replace('/', "~1"))
            }
        };
        self.path.iter().map(token).collect()
    }
}
