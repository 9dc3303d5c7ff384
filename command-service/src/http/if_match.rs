//! `If-Match` as in RFC 9110: `*`, or a list of entity tags, on one header line or several.
//!
//! Tags are compared strongly, so a weak tag matches nothing. Neither does a tag that is not a version in the form of
//! an answer's `ETag`. Both are still tags, and the answer to a list without a match is 412. A header that is no list
//! of tags is answered 400. The list is bounded by the size of a request's head.

use crate::pipeline::Precondition;
use axum::http::{HeaderMap, header};
use event_store::Version;
use server::Problem;

/// Longest version in a tag: more digits than any version has.
const MAX_DIGITS: usize = 18;

/// Reads the header; `None` when there is none.
///
/// # Errors
/// 400 `invalid-parameter`.
pub fn read(headers: &HeaderMap) -> Result<Option<Precondition>, Problem> {
    let lines: Vec<_> =
        headers.get_all(header::IF_MATCH).iter().map(|line| line.as_bytes()).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    parse(&lines.join(&b","[..])).map(Some).ok_or_else(|| {
        server::extract::invalid("If-Match").detail(
            "If-Match takes *, or versions as an ETag gives them, such as \"7\" or \"7\", \"9\".",
        )
    })
}

fn parse(list: &[u8]) -> Option<Precondition> {
    let mut rest = list.trim_ascii();
    if rest == b"*" {
        return Some(Precondition::Exists);
    }
    let mut versions = Vec::new();
    let mut tags = 0_usize;
    loop {
        // Empty elements are skipped: some senders of lists make them.
        while let [b',' | b' ' | b'\t', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return (tags > 0).then_some(Precondition::AnyOf(versions));
        }
        let (is_weak, quoted) = match rest.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let opaque = quoted.strip_prefix(b"\"")?;
        let end = opaque.iter().position(|byte| *byte == b'"')?;
        let (tag, after) = (&opaque[..end], opaque[end + 1..].trim_ascii_start());
        if !tag.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)) {
            return None;
        }
        if !(after.is_empty() || after.starts_with(b",")) {
            return None;
        }
        tags += 1;
        versions.extend(version(tag).filter(|_| !is_weak));
        rest = after;
    }
}

/// Hex digits after the dot in the tag of an order whose personal data were erased.
const ERASED_DIGITS: usize = 32;

/// The version that a tag names, in the one form in which answers write it. Where personal data were erased, a dot and a
/// hash of the answer follow; commands depend on the version alone.
fn version(tag: &[u8]) -> Option<Version> {
    let is_hex = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    let tag = match tag.iter().position(|byte| *byte == b'.') {
        Some(dot) if tag.len() == dot + 1 + ERASED_DIGITS && tag[dot + 1..].iter().all(is_hex) => {
            &tag[..dot]
        }
        _ => tag,
    };
    let canonical = tag == b"0" || !tag.starts_with(b"0");
    let digits = (1..=MAX_DIGITS).contains(&tag.len()) && tag.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(tag).ok().filter(|_| canonical && digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read_lines(lines: &[&[u8]]) -> Option<Option<Precondition>> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, HeaderValue::from_bytes(line).unwrap());
        }
        read(&headers).ok()
    }

    #[test]
    fn tags_are_read_as_a_list_and_weak_or_foreign_ones_match_nothing() {
        for (text, versions) in [
            (&b"\"7\""[..], &[7][..]),
            (b"\"0\"", &[0]),
            (b"\"9\", \"1\"", &[9, 1]),
            (b"\"9\",\"1\"", &[9, 1]),
            (b" ,\t\"9\" ,, \"1\",", &[9, 1]),
            (b"W/\"7\"", &[]),
            (b"W/\"7\", \"8\"", &[8]),
            (b"\"\"", &[]),
            (b"\"x\"", &[]),
            (b"\"1,2\", \"3\"", &[3]),
            (b"\"\xe9\"", &[]),
            (b"\"07\"", &[]),
            (b"\"-1\"", &[]),
            (b"\"+1\"", &[]),
            (b"\"*\"", &[]),
            (b"\"999999999999999999\"", &[999_999_999_999_999_999]),
            (b"\"9999999999999999999\"", &[]),
            (b"\"7.0123456789abcdef0123456789abcdef\"", &[7]),
            (b"\"7.0123456789ABCDEF0123456789abcdef\"", &[]),
            (b"\"7.0123456789abcdef\"", &[]),
            (b"\".0123456789abcdef0123456789abcdef\"", &[]),
        ] {
            let expected = Some(Some(Precondition::AnyOf(versions.to_vec())));
            assert_eq!(read_lines(&[text]), expected, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(read_lines(&[b"*"]), Some(Some(Precondition::Exists)));
        assert_eq!(read_lines(&[]), Some(None));
        let lines = read_lines(&[b"\"9\"", b"W/\"2\", \"1\""]);
        assert_eq!(lines, Some(Some(Precondition::AnyOf(vec![9, 1]))));
    }

    #[test]
    fn a_header_that_is_no_list_of_tags_is_refused() {
        for text in [
            "",
            " ",
            ",",
            "7",
            "\"7",
            "7\"",
            "\"7\"\"8\"",
            "\"7\" \"8\"",
            "*, \"7\"",
            "\"7\", *",
            "**",
            "w/\"7\"",
            "W/ \"7\"",
            "\"a b\"",
            "\"7\";",
            "W/",
        ] {
            assert_eq!(read_lines(&[text.as_bytes()]), None, "{text:?}");
        }
        assert_eq!(read_lines(&[b"*", b"\"1\""]), None);
    }
}
