//! Errors of a request before its body is read: sizes, framing, paths, heads, and bytes that are not HTTP.

use super::{MARK, Target, says_nothing};
use system_tests::raw::{self, RawAnswer};

/// More than the 1 MiB a body may have.
const TOO_LONG: usize = 1024 * 1024 + 1;

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_sent() {
    let target = Target::start().await;
    let host = target.host().to_owned();
    let head = |framing: &str| {
        format!(
            "POST /v1/orders HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        )
    };
    for (length, status) in [(TOO_LONG as u64, 413), (10_000_000_000, 413), (u64::MAX, 400)] {
        let declared = head(&format!("Content-Length: {length}"));
        let refused = raw::exchange(&host, declared.as_bytes()).await;
        assert_eq!(refused.status, status, "{length}: {refused:?}");
        target.is_untouched("declared").await;
    }
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let chunked = head("Transfer-Encoding: chunked");
    let refused = raw::exchange_endless(&host, chunked.as_bytes(), &chunk, 64).await;
    assert_eq!(refused.status, 413, "{refused:?}");
    assert_eq!(refused.code().as_deref(), Some("payload-too-large"));
    target.is_untouched("chunked").await;
    target.ends().await;
}

/// A GET of a path with these header lines.
fn get(host: &str, path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n")
}

#[tokio::test]
async fn paths_that_are_none_are_refused() {
    let target = Target::start().await;
    let host = target.host().to_owned();
    let long = format!("/v1/orders/{}", "x".repeat(70_000));
    for (path, allowed) in [
        ("/v1/orders/%ff", &[400, 404][..]),
        ("/v1/orders/%00", &[400, 404]),
        ("/v1/orders/%zz", &[400, 404]),
        ("/v1/customers/%ff", &[400, 404]),
        ("/../../etc/passwd", &[400, 404]),
        ("/v1/orders/../../../etc/passwd", &[400, 404]),
        ("/docs/../Cargo.toml", &[400, 404]),
        ("/docs/%2e%2e/%2e%2e/etc/passwd", &[400, 404]),
        ("//v1//orders", &[400, 404]),
        ("*", &[400, 404]),
        (&long, &[400, 404, 414]),
    ] {
        let case = &path[..path.len().min(40)];
        let refused = raw::exchange(&host, get(&host, path, "").as_bytes()).await;
        assert!(allowed.contains(&refused.status), "{case}: {}", refused.status);
        assert!(refused.body.len() < 80_000, "{case}");
        says_nothing(case, &refused.body);
    }
    target.ends().await;
}

#[tokio::test]
async fn heads_with_too_much_in_them_are_refused() {
    let target = Target::start().await;
    let host = target.host().to_owned();
    let many: String = (0..150).map(|number| format!("X-H{number}: {MARK}\r\n")).collect();
    let large = format!("X-Large: {}\r\n", MARK.repeat(64 * 1024 / MARK.len() + 1));
    for (case, headers) in [("150 headers", &many), ("a header of 64 kB", &large)] {
        let refused = raw::exchange(&host, get(&host, "/v1/orders", headers).as_bytes()).await;
        assert_eq!(refused.status, 431, "{case}: {refused:?}");
        says_nothing(case, &refused.body);
    }
    target.ends().await;
}

/// Requests that two servers could understand differently, or that are invalid.
fn ambiguous(host: &str) -> Vec<(&'static str, String)> {
    let post = |headers: &str, body: &str| {
        format!("POST /v1/orders HTTP/1.1\r\nContent-Type: application/json\r\n{headers}\r\n{body}")
    };
    let h = format!("Host: {host}\r\n");
    vec![
        (
            "length and chunks",
            post(&format!("{h}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), "0\r\n\r\n"),
        ),
        ("two lengths", post(&format!("{h}Content-Length: 2\r\nContent-Length: 3\r\n"), "{} ")),
        (
            "two equal lengths",
            post(&format!("{h}Content-Length: 2\r\nContent-Length: 2\r\n"), "{}"),
        ),
        ("a list of lengths", post(&format!("{h}Content-Length: 2, 2\r\n"), "{}")),
        ("a signed length", post(&format!("{h}Content-Length: +2\r\n"), "{}")),
        ("a length that is none", post(&format!("{h}Content-Length: {MARK}\r\n"), "{}")),
        ("an unknown coding", post(&format!("{h}Transfer-Encoding: {MARK}\r\n"), "{}")),
        (
            "a bad chunk",
            post(&format!("{h}Transfer-Encoding: chunked\r\n"), "zz\r\n{}\r\n0\r\n\r\n"),
        ),
        ("no host", post("Content-Length: 2\r\n", "{}")),
        ("two hosts", post(&format!("{h}{h}Content-Length: 2\r\n"), "{}")),
        ("a blank before the colon", post(&format!("{h}Content-Length : 2\r\n"), "{}")),
        ("a folded header", post(&format!("{h}X-A: b\r\n c: d\r\nContent-Length: 2\r\n"), "{}")),
        (
            "a control character in a header",
            post(&format!("{h}X-A: \u{1}\r\nContent-Length: 2\r\n"), "{}"),
        ),
        ("no HTTP", format!("{MARK} is not HTTP\r\n\r\n")),
        ("a TLS hello", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}".repeat(4)),
        ("an old version", format!("GET /v1/orders HTTP/0.9\r\n{h}\r\n")),
        ("a version to come", format!("GET /v1/orders HTTP/3.7\r\n{h}\r\n")),
    ]
}

#[tokio::test]
async fn ambiguous_framing_and_what_is_not_http_is_refused_and_the_connection_closed() {
    let target = Target::start().await;
    let host = target.host().to_owned();
    for (case, request) in ambiguous(&host) {
        let RawAnswer { status, body, closed, .. } =
            raw::exchange_until_closed(&host, request.as_bytes()).await;
        let fits = match case {
            // A bad chunk is found while the body is read.
            "a bad chunk" => matches!(status, 400 | 422),
            "an old version" | "a version to come" => matches!(status, 400 | 505 | 0),
            "an unknown coding" => matches!(status, 400 | 501),
            _ => status == 400,
        };
        assert!(fits, "{case}: {status} {body}");
        assert!(closed, "{case}: the connection was kept");
        says_nothing(case, &body);
        target.is_untouched(case).await;
    }
    target.ends().await;
}
