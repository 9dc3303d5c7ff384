//! Many rows in one text: how SQLite hands over a page.
//!
//! SQLite's connection sends every row from its thread to the caller's by itself, and that costs more than finding it.
//! So on hot pages a statement joins its rows into one text (`string_agg`). A control character separates the rows; no
//! JSON text holds it, because JSON escapes it. PostgreSQL sends its rows together anyway.

use crate::db::ReadModelError;

/// The separator of rows: U+001E, "record separator".
pub(super) const SEPARATOR: char = '\u{1e}';
/// The separator in SQLite's SQL.
pub(super) const SEPARATOR_SQL: &str = "char(30)";

/// The rows of a packed text; none for `None`.
///
/// # Errors
/// When a row does not have the packed form.
pub(super) fn unpack<T>(
    texts: Option<&str>,
    row: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, ReadModelError> {
    let rows = texts.into_iter().flat_map(|texts| texts.split(SEPARATOR));
    rows.map(|text| row(text).ok_or_else(unreadable)).collect()
}

/// A number that may be missing: then its text is empty. `None` if the text is no number.
pub(super) fn number(text: &str) -> Option<Option<i64>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

fn unreadable() -> ReadModelError {
    ReadModelError::Corrupt("a row does not read as it was packed".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_packed() {
        let number = |text: &str| text.parse::<u8>().ok();
        assert_eq!(unpack(None, number).expect("nothing"), Vec::<u8>::new());
        assert_eq!(unpack(Some("1\u{1e}2"), number).expect("two numbers"), [1, 2]);
        assert!(unpack(Some("1\u{1e}x"), number).is_err());
    }
}
