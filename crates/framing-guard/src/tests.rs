//! Requests that pass and requests that are refused, each in one piece and byte by byte.

use super::*;

/// What the guard says of the bytes; how they are cut makes no difference.
fn verdict(text: &str) -> Result<(), Refused> {
    let whole = Guard::default().follow(text.as_bytes());
    let mut guard = Guard::default();
    let mut bytes = text.bytes().enumerate();
    let refused = bytes.find_map(|(at, byte)| match guard.follow(&[byte]) {
        Ok(()) => None,
        Err(Refused { why, .. }) => Some(Refused { line_end: at, why }),
    });
    assert_eq!(whole, refused.map_or(Ok(()), Err), "pieces make no difference");
    if refused.is_some() {
        assert_eq!(guard.follow(b"0\nno size\n"), Ok(()), "a refusal comes once");
    }
    whole
}

fn why(text: &str) -> Option<Refusal> {
    verdict(text).err().map(|refused| refused.why)
}

#[test]
fn heads_that_state_the_length_once_pass() {
    let sized = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let chunked =
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n12345\r\n0\r\nT: 1\r\n\r\n";
    let plain = "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(verdict(&[sized, chunked, plain, sized, chunked].concat()), Ok(()));
}

#[test]
fn a_body_that_looks_like_a_head_passes() {
    let body = "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n";
    let length = body.len();
    let sized = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
    let chunked = format!(
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
    );
    assert_eq!((verdict(&sized), verdict(&chunked)), (Ok(()), Ok(())));
}

#[test]
fn a_length_stated_twice_is_refused_wherever_it_comes() {
    let (cl, te) = ("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n");
    for fields in [[cl, cl], [cl, te], [te, cl]] {
        let bad = format!("POST / HTTP/1.1\r\n{}\r\n", fields.concat());
        let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for text in [bad.clone(), format!("{good}{bad}")] {
            // The second of the two fields, whose line end comes before the head's last one.
            let refused =
                Refused { line_end: text.len() - "\r\n\n".len(), why: Refusal::LengthRepeated };
            assert_eq!(verdict(&text), Err(refused), "{text}");
        }
    }
}

#[test]
fn a_length_that_is_no_number_of_bytes_is_refused() {
    let head = |length: &dyn std::fmt::Display| {
        why(&format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"))
    };
    assert_eq!(head(&MAX_LENGTH), None);
    for length in [&(MAX_LENGTH + 1) as &dyn std::fmt::Display, &u64::MAX, &"-1", &"3, 3", &""] {
        assert_eq!(head(length), Some(Refusal::LengthUnreadable), "{length}");
    }
}

#[test]
fn a_chunk_without_its_size_is_refused() {
    let body =
        |body| why(&format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}\r\n"));
    assert_eq!(body("3\r\nabc"), None);
    assert_eq!(body("abx"), Some(Refusal::ChunkSizeUnreadable));
    assert_eq!(body("3\r\nabc\r\n"), Some(Refusal::ChunkSizeUnreadable));
}

#[test]
fn the_request_line_is_measured() {
    let mut guard = Guard::default();
    guard.follow(&vec![b'a'; 70_000]).unwrap();
    assert_eq!(guard.request_line(), 70_000);
    guard.follow(b"\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(guard.request_line(), 70_001, "also when the head is complete");
}

#[test]
fn a_head_is_begun_by_its_first_byte_and_ended_by_an_empty_line() {
    let mut guard = Guard::default();
    let text = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
    let mut within = Vec::new();
    for byte in text.bytes() {
        assert!(!guard.is_in_head() || !within.is_empty());
        guard.follow(&[byte]).unwrap();
        within.push(guard.is_in_head());
    }
    let head = text.find("abc").unwrap() - 1;
    assert!(within[..head].iter().all(|is| *is) && !within[head..].iter().any(|is| *is));
}
