//! A JSON document as it was sent: members in order, with repetitions, and integers separate from other numbers.
//!
//! Strings without escapes are borrowed from the input. Bytes that are not one JSON document in UTF-8 of bounded depth
//! are [`Unreadable`]. Everything else becomes a tree, which the field readers judge.

use super::locate;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 16;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number, written without point or exponent, that fits in 64 bits.
    Integer(i64),
    /// Any other number.
    OtherNumber,
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object, as sent.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why bytes are not a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// Not JSON, not UTF-8, or nested too deeply.
    Malformed,
    /// JSON, but with a number that no reader could hold.
    HugeNumber {
        /// JSON Pointer to it.
        pointer: String,
    },
}

/// Parses one document.
///
/// # Errors
/// [`Unreadable`].
pub fn parse(bytes: &[u8]) -> Result<Json<'_>, Unreadable> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let tree = AtDepth(0).deserialize(&mut reader).map_err(|error| unreadable(&error, bytes))?;
    reader.end().map_err(|_| Unreadable::Malformed)?;
    Ok(tree)
}

fn unreadable(error: &serde_json::Error, bytes: &[u8]) -> Unreadable {
    // The parser reports this only in its message; a test notices if the message changes.
    if error.is_syntax() && error.to_string().starts_with("number out of range") {
        let pointer = locate::pointer(bytes, error.line(), error.column());
        return Unreadable::HugeNumber { pointer };
    }
    Unreadable::Malformed
}

/// Reads a value at this depth of nesting.
#[derive(Clone, Copy)]
struct AtDepth(usize);

impl AtDepth {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.0 == MAX_DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self(self.0 + 1))
    }
}

impl<'de> DeserializeSeed<'de> for AtDepth {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AtDepth {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(value).map_or(Json::OtherNumber, Json::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(value)))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<Json<'de>, S::Error> {
        let depth = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(depth)? {
            array.push(element);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut entries: M) -> Result<Json<'de>, M::Error> {
        let depth = self.deeper()?;
        let mut object = Vec::with_capacity(4);
        while let Some(Name(name)) = entries.next_key()? {
            object.push((name, entries.next_value_seed(depth)?));
        }
        Ok(Json::Object(object))
    }
}

/// A member's name, borrowed if possible.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_one_json_document_is_unreadable() {
        let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(parse(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(parse(&deep(MAX_DEPTH + 1)), Err(Unreadable::Malformed));
        assert_eq!(parse(&deep(100_000)), Err(Unreadable::Malformed));
        let cases: &[&[u8]] = &[
            b"",
            b" ",
            b"{",
            b"{}x",
            b"{} {}",
            b"{\"a\":1,}",
            b"[01]",
            b"\"\xff\"",
            b"\"\\ud800\"",
            b"\"\\udc00\\ud800\"",
            b"\"\t\"",
            b"\xef\xbb\xbf{}",
            b"NaN",
            b"'a'",
            b"// c\n{}",
        ];
        for case in cases {
            assert_eq!(parse(case), Err(Unreadable::Malformed), "{case:?}");
        }
    }

    #[test]
    fn integers_and_other_numbers_are_distinguished() {
        let read = |text: &'static str| parse(text.as_bytes());
        assert_eq!(read("9223372036854775807"), Ok(Json::Integer(i64::MAX)));
        assert_eq!(read("-9223372036854775808"), Ok(Json::Integer(i64::MIN)));
        assert_eq!(read("-0"), Ok(Json::OtherNumber));
        for other in ["9223372036854775808", "1.0", "1e3", "-0.0", "100000000000000000000000"] {
            assert_eq!(read(other), Ok(Json::OtherNumber), "{other}");
        }
    }

    #[test]
    fn a_number_beyond_all_limits_is_pointed_at() {
        let long = format!("{{\"price\":{}}}", "9".repeat(400));
        for (text, expected) in [
            ("1e131071", ""),
            (r#"{"a":[1e400]}"#, "/a/0"),
            ("{\"a\":\"{[,\\\"\",\n \"lines\":[{\"x\":1},\n{\"y/z\":-1e131071}]}", "/lines/1/y~1z"),
            (r#"{"a":{"b":1},"c":[[],{}],"\u0064":1e400,"e":"#, "/d"),
            (&long, "/price"),
        ] {
            let pointer = expected.to_owned();
            assert_eq!(parse(text.as_bytes()), Err(Unreadable::HugeNumber { pointer }), "{text}");
        }
    }

    #[test]
    fn members_keep_their_order_and_their_repetitions() {
        let object = parse(br#"{"b":1,"a":"x","b":null,"\u0041":[true]}"#).unwrap();
        let expected = [
            ("b", Json::Integer(1)),
            ("a", Json::String("x".into())),
            ("b", Json::Null),
            ("A", Json::Array(vec![Json::Bool(true)])),
        ];
        let expected = expected.map(|(name, value)| (Cow::Borrowed(name), value));
        assert_eq!(object, Json::Object(expected.to_vec()));
    }
}
