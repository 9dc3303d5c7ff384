//! Joins the stored document of an order, its notes and its erasure into the answer.

use super::erased;
use axum::body::Bytes;
use read_model::read::order::OrderText;

/// The empty list of notes in a stored document; the domain writes exactly this text.
const NO_NOTES: &str = "\"notes\":[]";

/// The document with its notes and, if personal data were erased, when. Quotes within texts are escaped, so nothing else in it reads like an empty list of
/// notes.
pub(super) fn composed(order: OrderText) -> Bytes {
    let erased_at = order.erased_at;
    let document = with_notes(order);
    erased_at.map_or_else(|| document.clone(), |at| erased::marked(&document, at))
}

fn with_notes(order: OrderText) -> Bytes {
    let Some(notes) = order.notes else { return order.document };
    let document = std::str::from_utf8(&order.document).unwrap_or_default();
    let Some(at) = document.rfind(NO_NOTES) else { return order.document };
    let list = at + NO_NOTES.len() - 1;
    [&order.document[..list], &notes, &order.document[list..]].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(document: &str, notes: Option<&str>) -> OrderText {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let (document, notes) = (bytes(document), notes.map(bytes));
        OrderText { version: 1, document, notes, erased_at: None }
    }

    #[test]
    fn notes_take_their_place_whatever_the_texts_hold() {
        let document = r#"{"name":"\"notes\":[]","notes":[],"cancel_reason":"\"notes\":[]"}"#;
        assert_eq!(
            composed(text(document, Some(r#"{"text":"a"},{"text":"b"}"#))),
            r#"{"name":"\"notes\":[]","notes":[{"text":"a"},{"text":"b"}],"cancel_reason":"\"notes\":[]"}"#
        );
        assert_eq!(composed(text(document, None)), document);
    }
}
