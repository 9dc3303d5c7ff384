//! Opens the sealed texts in JSON, wherever they are in it.
//!
//! In JSON a sealed text is a string that begins with the escape `\u001a`. A quotation mark, that escape and base64url in a
//! row can be nothing else: inside another string the mark would be escaped. So JSON is not parsed, only searched.

use crate::{MARK, NotOpened, Sealed};
use memchr::memmem::Finder;
use std::borrow::Cow;
use std::sync::LazyLock;

/// A sealed string begins with these bytes in JSON as serde_json writes it.
static BEGIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""\u001a"#));
const ESCAPE_BYTES: usize = 6;

/// What becomes of a sealed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It is shown.
    Text(String),
    /// Its key was destroyed: `null` is shown.
    Erased,
    /// It stays as it is.
    Sealed,
}

/// Replaces each sealed text in JSON by what `open` makes of it. Texts that are no sealed ones after all stay.
pub fn open_json<'a>(json: &'a [u8], mut open: impl FnMut(&Sealed) -> Opened) -> Cow<'a, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut from = 0;
    while let Some(found) = BEGIN.find(&json[from..]) {
        let begin = from + found;
        let text = begin + 1 + ESCAPE_BYTES;
        let Some(length) = memchr::memchr(b'"', &json[text..]) else { break };
        let end = text + length + 1;
        from = end;
        let replaced = match sealed(&json[text..end - 1]).map(|sealed| open(&sealed)) {
            Ok(Opened::Text(text)) => {
                serde_json::to_vec(&text).unwrap_or_else(|_| b"null".to_vec())
            }
            Ok(Opened::Erased) => b"null".to_vec(),
            Ok(Opened::Sealed) | Err(NotOpened) => continue,
        };
        let out = out.get_or_insert_with(|| Vec::with_capacity(json.len()));
        out.extend_from_slice(&json[copied..begin]);
        out.extend_from_slice(&replaced);
        copied = end;
    }
    match out {
        None => Cow::Borrowed(json),
        Some(mut out) => {
            out.extend_from_slice(&json[copied..]);
            Cow::Owned(out)
        }
    }
}

fn sealed(encoded: &[u8]) -> Result<Sealed, NotOpened> {
    let encoded = std::str::from_utf8(encoded).map_err(|_| NotOpened)?;
    Sealed::parse(&format!("{MARK}{encoded}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataKey;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// The same by parsing.
    fn model(value: &Value, open: &dyn Fn(&Sealed) -> Opened) -> Value {
        match value {
            Value::String(text) => match Sealed::parse(text).map(|sealed| open(&sealed)) {
                Ok(Opened::Text(text)) => text.into(),
                Ok(Opened::Erased) => Value::Null,
                _ => value.clone(),
            },
            Value::Array(values) => values.iter().map(|value| model(value, open)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), model(value, open)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            ".{0,20}",
            Just("\"\\u001aAAAA".to_owned()),
            Just("\u{1a}AAAA".to_owned()),
            Just("\u{1a}".to_owned()),
            Just("\\".to_owned()),
            Just("a\"\u{1a}b".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn searching_finds_what_parsing_finds(
            texts in prop::collection::vec((texts(), 0..4u8), 0..8),
        ) {
            let (key, gone) = (DataKey::generate().unwrap(), DataKey::generate().unwrap());
            let values: Vec<Value> = texts
                .iter()
                .map(|(text, kind)| match kind {
                    0 => json!({text: key.seal(text).unwrap().to_string(), "n": 1}),
                    1 => json!([gone.seal(text).unwrap().to_string()]),
                    2 => json!({"\u{1a}x": text}),
                    _ => json!(text),
                })
                .collect();
            let value = json!({"all": values});
            let open = |sealed: &Sealed| match key.open(sealed) {
                Ok(text) => Opened::Text(text),
                Err(NotOpened) => Opened::Erased,
            };
            let opened = open_json(value.to_string().as_bytes(), open).into_owned();
            prop_assert_eq!(serde_json::from_slice::<Value>(&opened).unwrap(), model(&value, &open));
        }
    }

    #[test]
    fn what_holds_nothing_sealed_is_not_copied() {
        let json = br#"{"note":"\\u001a and \u001b","n":"\u001a"}"#;
        assert!(matches!(open_json(json, |_| Opened::Erased), Cow::Borrowed(_)));
    }
}
