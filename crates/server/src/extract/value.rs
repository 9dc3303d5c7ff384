//! The serde side of [`super::StrictQuery`]: pairs of texts as a struct, with errors that know the parameter's name.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Why a query is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    Unknown { name: String, known: Vec<&'static str> },
    Repeated { name: String },
    Missing { name: String },
    Unreadable { name: String, expected: String },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the query is refused")
    }
}

impl std::error::Error for Refusal {}

impl de::Error for Refusal {
    /// Texts of foreign errors may hold the value, so they are dropped.
    fn custom<T: fmt::Display>(_: T) -> Self {
        unreadable("readable")
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing { name: field.to_owned() }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::Unknown { name: field.to_owned(), known: expected.to_vec() }
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        unreadable(format!("one of {}", expected.join(", ")))
    }
}

fn unreadable(expected: impl Into<String>) -> Refusal {
    Refusal::Unreadable { name: String::new(), expected: expected.into() }
}

/// The whole query.
pub(super) struct Pairs<'de> {
    pairs: &'de [(String, String)],
    next: usize,
}

impl<'de> Pairs<'de> {
    pub(super) fn new(pairs: &'de [(String, String)]) -> Self {
        Self { pairs, next: 0 }
    }
}

impl<'de> Deserializer<'de> for Pairs<'de> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_map(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        for (at, (name, _)) in self.pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(de::Error::unknown_field(name, known));
            }
            if self.pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Refusal::Repeated { name: name.clone() });
            }
        }
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refusal> {
        match self.pairs.get(self.next) {
            Some((name, _)) => seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let (name, text) = &self.pairs[self.next];
        self.next += 1;
        seed.deserialize(Text(text)).map_err(|refusal| match refusal {
            Refusal::Unreadable { expected, .. } => {
                Refusal::Unreadable { name: name.clone(), expected }
            }
            other => other,
        })
    }
}

/// One value.
struct Text<'de>(&'de str);

macro_rules! parsed {
    ($($method:ident $visit:ident $expected:literal),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            visitor.$visit(self.0.parse().map_err(|_| unreadable($expected))?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Refusal;

    parsed! {
        deserialize_bool visit_bool "true or false",
        deserialize_i8 visit_i8 "a whole number",
        deserialize_i16 visit_i16 "a whole number",
        deserialize_i32 visit_i32 "a whole number",
        deserialize_i64 visit_i64 "a whole number",
        deserialize_u8 visit_u8 "a whole number",
        deserialize_u16 visit_u16 "a whole number",
        deserialize_u32 visit_u32 "a whole number of its range",
        deserialize_u64 visit_u64 "a whole number of its range",
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier ignored_any
    }
}
