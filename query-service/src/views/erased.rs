//! `erased_at`: the last member of an answer about somebody whose personal data were erased. No other answer has it.

use crate::app::App;
use crate::reply::{self, Tag};
use crate::wire::Moment;
use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use server::Problem;

/// Appends a JSON object, with the member if there was an erasure.
pub(super) fn write(object: &[u8], erased_at: Option<i64>, out: &mut Vec<u8>) {
    match (erased_at, object.strip_suffix(b"}")) {
        (Some(at), Some(members)) => {
            out.extend_from_slice(members);
            out.extend_from_slice(format!(",\"erased_at\":\"{}\"}}", Moment(at)).as_bytes());
        }
        _ => out.extend_from_slice(object),
    }
}

/// A JSON object with the member.
pub(super) fn marked(object: &[u8], erased_at: i64) -> Bytes {
    let mut out = Vec::with_capacity(object.len() + 48);
    write(object, Some(erased_at), &mut out);
    out.into()
}

/// The answer with an order whose personal data were erased, or 304.
///
/// Texts are gone as soon as this process has learned that their key was destroyed, which may be after the event was
/// projected. So the tag covers what is sent: an answer that still had a text is not confirmed later.
pub(super) async fn order(
    app: &App,
    position: u64,
    version: u64,
    document: Bytes,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let body = app.opener().open(document).await?;
    let tag = Tag::erased(version, &body);
    if reply::has_tag(headers, &tag) {
        return Ok(reply::not_modified(position, &tag));
    }
    let mut response = reply::json(position, body);
    response.headers_mut().insert(header::ETAG, tag.header());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erased_object_has_one_member_more() {
        let erased = marked(br#"{"a":{"b":1}}"#, 1_500_000);
        assert_eq!(erased, r#"{"a":{"b":1},"erased_at":"1970-01-01T00:00:01.500000Z"}"#);
        let mut out = Vec::new();
        write(b"{\"a\":1}", None, &mut out);
        assert_eq!(out, b"{\"a\":1}");
    }
}
