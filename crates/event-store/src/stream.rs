//! Streams: a type and an id.
//!
//! The name of a type is stored inline. So copying one is cheap, and foreign names, from a topic or from a newer program's
//! log, take no lasting memory.

use crate::Version;
use std::fmt;
use std::hash::{Hash, Hasher};
use uuid::Uuid;

/// One stream: all events of one aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// The aggregate's type, e.g. `order`.
    pub stream_type: StreamType,
    /// The aggregate's id. Streams of different types may share it.
    pub id: Uuid,
}

/// The end of a stream: all that an append needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamEnd {
    /// The version of its last event; 0 = the stream does not exist.
    pub version: Version,
    /// The partition key that its first event gave it; `None` = the stream's own id.
    pub partition_key: Option<Uuid>,
}

impl StreamEnd {
    /// A stream without events.
    pub const ABSENT: Self = Self { version: 0, partition_key: None };
}

impl StreamId {
    /// A partition key as the log stores it: `None` for the stream's own id.
    pub(crate) fn foreign(&self, partition_key: Option<Uuid>) -> Option<Uuid> {
        partition_key.filter(|key| *key != self.id)
    }
}

impl Hash for StreamId {
    /// Hashes the id alone: few streams share an id, so hashing the type would cost more than it gains.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// The type of a stream, e.g. `order`: 1 to 31 bytes of ASCII letters, digits, `_`, `-` and `.`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamType {
    /// The name, then zeroes: no name holds one, so that the order is that of the names.
    bytes: [u8; Self::MAX_BYTES],
    length: u8,
}

impl StreamType {
    /// The most bytes that a name may have. The schema of the log holds the same bound.
    pub const MAX_BYTES: usize = 31;

    /// The type of a name that is written in the program.
    ///
    /// # Panics
    /// When it is not a name of a stream type; in a constant, when the program is compiled.
    pub const fn new(name: &'static str) -> Self {
        match Self::checked(name.as_bytes()) {
            Some(known) => known,
            None => panic!("a stream type has 1 to 31 ASCII letters, digits, '_', '-' or '.'"),
        }
    }

    /// The type of a name from elsewhere; `None` if the name is not valid.
    pub fn parse(name: &str) -> Option<Self> {
        Self::checked(name.as_bytes())
    }

    const fn checked(name: &[u8]) -> Option<Self> {
        if name.is_empty() || name.len() > Self::MAX_BYTES {
            return None;
        }
        let mut bytes = [0; Self::MAX_BYTES];
        let mut index = 0;
        while index < name.len() {
            let byte = name[index];
            if !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-' | b'.') {
                return None;
            }
            bytes[index] = byte;
            index += 1;
        }
        Some(Self { bytes, length: name.len() as u8 })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let name = &self.bytes[..usize::from(self.length)];
        str::from_utf8(name).expect("only ASCII is taken")
    }

    /// The stream of this type with this id.
    pub const fn stream(self, id: Uuid) -> StreamId {
        StreamId { stream_type: self, id }
    }
}

impl fmt::Display for StreamType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for StreamType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(out)
    }
}

impl PartialEq<str> for StreamType {
    fn eq(&self, name: &str) -> bool {
        self.as_str() == name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_back_as_it_was_taken() {
        let longest = "a".repeat(StreamType::MAX_BYTES);
        for name in ["order", "a", "Gift-Card_2.0", &longest] {
            assert_eq!(StreamType::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(StreamType::new("order"), StreamType::parse("order").unwrap());
        assert_eq!(StreamType::new("order").to_string(), "order");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(StreamType::MAX_BYTES + 1);
        for name in ["", " order", "order/1", "or\0der", "bestellung-\u{fc}", "a b", &long] {
            assert_eq!(StreamType::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn types_sort_as_their_names_do() {
        let mut names = ["order", "order2", "payment", "ord", "Order", "o-1", "o.1"];
        let mut types = names.map(StreamType::new);
        names.sort_unstable();
        types.sort_unstable();
        assert_eq!(types.map(|kind| kind.to_string()), names.map(str::to_owned));
    }
}
