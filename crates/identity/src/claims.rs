//! The claims of a token, read as RFC 7519 gives them: each member once, each of its JSON type.

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;

/// The last second of the year 9999. A later moment is a mistake, such as milliseconds, and would hold for ever.
const LAST_SECOND: u64 = 253_402_300_799;

/// The members of a JSON object, each of which stands there once. RFC 7515 (section 4) and RFC 7519 (section 4) ask for it:
/// two readers of a member that is there twice may believe different ones.
#[derive(Debug)]
pub(crate) struct Members(pub Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = given.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member stands there twice"));
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// A moment in seconds since 1970. RFC 7519 lets it have a fraction, which is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumericDate(pub u64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let whole = match (number.as_u64(), number.as_f64()) {
            (Some(seconds), _) => Some(seconds),
            (None, Some(seconds)) if (0.0..=LAST_SECOND as f64).contains(&seconds) => {
                Some(seconds as u64)
            }
            _ => None,
        };
        let dated = whole.filter(|seconds| *seconds <= LAST_SECOND);
        dated.map(Self).ok_or_else(|| D::Error::custom("no moment between 1970 and 9999"))
    }
}

/// A moment that need not be there, but is not `null`.
fn if_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NumericDate>, D::Error> {
    NumericDate::deserialize(deserializer).map(Some)
}

/// The claims that count here.
#[derive(Deserialize)]
#[serde(try_from = "Members")]
pub(crate) struct Claims {
    pub sub: String,
    pub exp: NumericDate,
    pub nbf: Option<NumericDate>,
    pub iat: Option<NumericDate>,
    pub roles: Option<Vec<String>>,
    pub scope: Option<String>,
    pub customer_id: Option<String>,
}

impl TryFrom<Members> for Claims {
    type Error = serde_json::Error;

    fn try_from(members: Members) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Typed {
            sub: String,
            exp: NumericDate,
            #[allow(dead_code)] // the value is checked by the library; here its type is
            iss: String,
            #[serde(default, deserialize_with = "if_there")]
            nbf: Option<NumericDate>,
            #[serde(default, deserialize_with = "if_there")]
            iat: Option<NumericDate>,
            roles: Option<Vec<String>>,
            scope: Option<String>,
            customer_id: Option<String>,
        }

        let typed: Typed = serde_json::from_value(Value::Object(members.0))?;
        let Typed { sub, exp, iss: _, nbf, iat, roles, scope, customer_id } = typed;
        Ok(Self { sub, exp, nbf, iat, roles, scope, customer_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_number_within_the_calendar() {
        let read = |text: &str| serde_json::from_str::<NumericDate>(text).ok().map(|date| date.0);
        for (text, seconds) in
            [("0", 0), ("1700000000", 1_700_000_000), ("1700000000.9", 1_700_000_000)]
        {
            assert_eq!(read(text), Some(seconds), "{text}");
        }
        assert_eq!(read("1.7e9"), Some(1_700_000_000));
        assert_eq!(read(&LAST_SECOND.to_string()), Some(LAST_SECOND));
        for bad in [
            "-1",
            "-0.5",
            "1e300",
            "1e999",
            "1700000000000",
            "18446744073709551616",
            "\"1700000000\"",
            "null",
            "true",
            "[1]",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_member_stands_there_once() {
        assert!(serde_json::from_str::<Members>(r#"{"a":1,"b":1}"#).is_ok());
        for bad in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, "[]", "7"] {
            assert!(serde_json::from_str::<Members>(bad).is_err(), "{bad}");
        }
    }
}
