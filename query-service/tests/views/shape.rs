//! Checks that a JSON value fits a schema of an OpenAPI document. Types, members, items, alternatives, minimums, times
//! and ids are compared; patterns are not.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

/// The document that references lead into.
#[derive(Clone, Copy)]
pub struct Shapes<'a>(pub &'a Value);

impl Shapes<'_> {
    /// Why the value does not fit the schema, and where in it.
    pub fn fits(self, schema: &Value, value: &Value) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.0.pointer(reference.trim_start_matches('#'));
            return self.fits(target.ok_or(format!("{reference} leads nowhere"))?, value);
        }
        if let Some(alternatives) = schema["oneOf"].as_array() {
            let failed: Vec<_> =
                alternatives.iter().filter_map(|one| self.fits(one, value).err()).collect();
            let fitting = alternatives.len() - failed.len();
            return (fitting == 1)
                .then_some(())
                .ok_or(format!("{fitting} alternatives fit: {failed:?}"));
        }
        let types = match &schema["type"] {
            Value::Null => return Ok(()),
            Value::String(one) => vec![one.as_str()],
            several => several.as_array().unwrap().iter().filter_map(Value::as_str).collect(),
        };
        if !types.iter().any(|name| is_of_type(value, name)) {
            return Err(format!("{value} is none of {types:?}"));
        }
        match value {
            Value::Object(_) => self.members_fit(schema, value),
            Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
                self.fits(&schema["items"], item).map_err(|error| format!("{index}: {error}"))
            }),
            Value::String(text) => match schema["format"].as_str() {
                Some("date-time") if text.parse::<DateTime<Utc>>().is_err() => {
                    Err(format!("{text:?} is no time"))
                }
                Some("uuid") if Uuid::parse_str(text).is_err() => Err(format!("{text:?} is no id")),
                _ => Ok(()),
            },
            Value::Number(number) => match schema["minimum"].as_f64() {
                Some(least) if number.as_f64().unwrap() < least => {
                    Err(format!("{number} < {least}"))
                }
                _ => Ok(()),
            },
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    fn members_fit(self, schema: &Value, value: &Value) -> Result<(), String> {
        let members = value.as_object().unwrap();
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            members.get(name).ok_or(format!("{name} is missing"))?;
        }
        for (name, member) in members {
            match schema["properties"].get(name) {
                Some(property) => {
                    self.fits(property, member).map_err(|error| format!("{name}: {error}"))?;
                }
                None if schema["additionalProperties"] == false => {
                    return Err(format!("{name} is not documented"));
                }
                None => {}
            }
        }
        Ok(())
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

/// The comparison finds what it is for.
#[test]
fn a_value_of_another_shape_is_found() {
    let document = serde_json::json!({"count": {"type": "object", "required": ["n"], "additionalProperties": false,
        "properties": {"n": {"type": "integer", "minimum": 0},
            "at": {"type": ["string", "null"], "format": "date-time"}, "id": {"type": "string", "format": "uuid"},
             "next": {"oneOf": [{"$ref": "#/count"}, {"type": "null"}]},
            "names": {"type": ["array", "null"], "items": {"type": "string"}}}}});
    let shapes = Shapes(&document);
    let schema = serde_json::json!({"$ref": "#/count"});
    let fits = |text: &str| shapes.fits(&schema, &serde_json::from_str(text).unwrap());
    for good in [
        r#"{"n":1}"#,
        r#"{"n":0,"at":"2026-03-03T00:00:00.000000Z","id":"0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5a"}"#,
        r#"{"n":1,"next":{"n":2,"next":null},"names":["a"]}"#,
        r#"{"n":1,"names":null}"#,
    ] {
        assert_eq!(fits(good), Ok(()), "{good}");
    }
    for bad in [
        "1",
        "{}",
        r#"{"n":-1}"#,
        r#"{"n":1.5}"#,
        r#"{"n":1,"at":"today"}"#,
        r#"{"n":1,"id":"1"}"#,
        r#"{"n":"1"}"#,
        r#"{"n":1,"m":1}"#,
        r#"{"n":1,"next":{}}"#,
        r#"{"n":1,"names":[1]}"#,
    ] {
        assert!(fits(bad).is_err(), "{bad}");
    }
}
