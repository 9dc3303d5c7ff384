//! Reads a form strictly: every field is asked for by name, and what is left over is an error, as at Stripe.

use crate::core::reply::Reply;
use std::collections::BTreeMap;

/// The fields that were not read yet.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// A form's fields.
    pub fn of(fields: &[(String, String)]) -> Self {
        Self(fields.to_vec())
    }

    /// Takes a field.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(field, _)| field == name)?;
        Some(self.0.remove(place).1)
    }

    /// Takes a whole number above zero.
    ///
    /// # Errors
    /// The answer to anything else in this field.
    pub fn amount(&mut self, name: &str) -> Result<Option<i64>, Reply> {
        let Some(text) = self.take(name) else { return Ok(None) };
        match text.parse() {
            Ok(amount) if amount > 0 => Ok(Some(amount)),
            _ => Err(Reply::bad("parameter_invalid_integer", &format!("Invalid integer: {name}"))),
        }
    }

    /// Takes all fields `name[key]`.
    pub fn map(&mut self, name: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        self.0.retain(|(field, value)| {
            let key = field.strip_prefix(name).and_then(|rest| rest.strip_prefix('['));
            let key = key.and_then(|rest| rest.strip_suffix(']'));
            if let Some(key) = key {
                found.insert(key.to_owned(), value.clone());
            }
            key.is_none()
        });
        found
    }

    /// Takes `expand[]`: whether the latest charge is shown whole.
    pub fn expands_charge(&mut self) -> bool {
        let mut wanted = false;
        self.0.retain(|(field, value)| {
            let expand = field.starts_with("expand[");
            wanted |= expand && value == "latest_charge";
            !expand
        });
        wanted
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// The answer to a field that nobody asked for.
    pub fn end(self) -> Result<(), Reply> {
        match self.0.first() {
            None => Ok(()),
            Some((field, _)) => Err(Reply::bad(
                "parameter_unknown",
                &format!("Received unknown parameter: {field}"),
            )),
        }
    }
}
