//! What is refused, with which problem, and whether the connection goes on.

use super::*;
use crate::limits::{MAX_BODY_BYTES, MAX_URI_BYTES};

fn with_body(fields: &str, body: &str) -> String {
    format!("POST /measure HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}")
}

#[tokio::test]
async fn heads_that_cannot_be_trusted_are_refused_and_the_connection_closed() {
    let server = start(long_limits()).await;
    let cases = [
        (
            "length and chunked",
            with_body("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ),
        (
            "chunked and length",
            with_body("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
        ),
        ("two equal lengths", with_body("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")),
        ("two lengths", with_body("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd")),
        ("a list of lengths", with_body("Content-Length: 3, 3\r\n", "abc")),
        ("a signed length", with_body("Content-Length: +3\r\n", "abc")),
        ("a coding that is not chunked", with_body("Transfer-Encoding: gzip\r\n", "abc")),
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned()),
        ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_owned()),
        ("not HTTP", "\u{1}\u{2}\u{3}\u{4} hello\r\n\r\n".to_owned()),
        ("a TLS hello", "\u{16}\u{3}\u{1}\u{0}\u{5}hello\r\n\r\n".to_owned()),
        ("a broken field", "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n".to_owned()),
        ("a folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n".to_owned()),
        ("a space before the colon", with_body("Content-Length : 3\r\n", "abc")),
        ("another version", "GET / HTTP/3.7\r\nHost: a\r\n\r\n".to_owned()),
        ("a proxy's request", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
    ];
    for (name, request) in cases {
        // In one piece, and in two: cut in the request line, in the middle, and before the last line's end.
        for cut in [0, 3, request.len() / 2, request.len() - 3] {
            let mut client = Client::to(&server).await;
            let (head, tail) = request.as_bytes().split_at(cut);
            client.send(head).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
            let answer = client.send(tail).await.answer().await;
            println!("{name}, cut at {cut}: {}", answer.status);
            answer.is_problem(400, "invalid-parameter");
            assert_eq!(answer.connection(), "close", "{name}");
            let rest = client.closed().await;
            assert!(rest.is_empty(), "{name}: {}", String::from_utf8_lossy(&rest));
        }
    }
}

#[tokio::test]
async fn a_smuggled_request_on_a_kept_connection_is_refused() {
    let server = start(long_limits()).await;
    let mut client = Client::to(&server).await;
    client.send(with_body("Content-Length: 3\r\n", "abc")).await;
    assert_eq!(client.answer().await.body, "3");
    let smuggled = with_body("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n");
    client.send(smuggled + &get_request("/")).await;
    client.answer().await.is_problem(400, "invalid-parameter");
    assert!(client.closed().await.is_empty(), "nothing after the refusal is answered");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = start(long_limits()).await;
    let mut client = Client::to(&server).await;
    let chunked = with_body("Transfer-Encoding: chunked\r\n", "2\r\nab\r\n3;x\r\ncde\r\n0\r\n\r\n");
    let sized = with_body("Content-Length: 2\r\n", "ab");
    client.send(format!("{sized}{chunked}{}{sized}", get_request("/"))).await;
    for expected in ["2", "5", "home", "2"] {
        assert_eq!(client.answer().await.body, expected);
    }
}

#[tokio::test]
async fn large_bodies_are_refused_early() {
    let server = start(long_limits()).await;
    let declared = with_body(&format!("Content-Length: {}\r\n", MAX_BODY_BYTES + 1), "");
    ask(&server, declared).await.is_problem(413, "payload-too-large");

    let piece = "x".repeat(64 * 1024);
    let mut client = Client::to(&server).await;
    client.send(with_body("Transfer-Encoding: chunked\r\n", "")).await;
    for _ in 0..=(MAX_BODY_BYTES / 65_536) {
        client.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
    }
    client.answer().await.is_problem(413, "payload-too-large");
    client.closed().await;
}

#[tokio::test]
async fn a_client_that_sends_all_of_a_large_body_still_reads_its_refusal() {
    let server = start(long_limits()).await;
    let mut client = Client::to(&server).await;
    let length = 4 * 1024 * 1024;
    client.send(with_body(&format!("Content-Length: {length}\r\n"), &"x".repeat(length))).await;
    client.answer().await.is_problem(413, "payload-too-large");
}

#[tokio::test]
async fn bodies_up_to_the_limit_and_streamed_imports_are_taken() {
    let server = start(long_limits()).await;
    let limit = usize::try_from(MAX_BODY_BYTES).unwrap();
    let full = with_body(&format!("Content-Length: {limit}\r\n"), &"x".repeat(limit));
    assert_eq!(ask(&server, &full).await.body, limit.to_string());
    let length = 2 * limit;
    let import = with_body(&format!("Content-Length: {length}\r\n"), &"x".repeat(length))
        .replace("/measure", "/v1/import");
    assert_eq!(ask(&server, &import).await.body, length.to_string());
}

#[tokio::test]
async fn heads_over_their_limits_are_refused() {
    let server = start(long_limits()).await;
    let many: String = (0..101).map(|n| format!("X-{n}: 1\r\n")).collect();
    let cases = [
        ("too many fields", format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        (
            "64 kB of fields",
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(64_000)),
            431,
        ),
        ("endless fields", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(300_000)), 431),
        ("a long path", get_request(&format!("/{}", "x".repeat(MAX_URI_BYTES))), 414),
        ("a long query", get_request(&format!("/?{}", "x".repeat(MAX_URI_BYTES + 1))), 414),
        ("a path of 70 kB", get_request(&format!("/{}", "x".repeat(70_000))), 414),
        ("an endless path", format!("GET /{}", "x".repeat(300_000)), 414),
    ];
    for (name, request, status) in cases {
        println!("{name}");
        let code = if status == 431 { "headers-too-large" } else { "uri-too-long" };
        let answer = ask(&server, request).await;
        answer.is_problem(status, code);
        assert_eq!(answer.connection(), "close");
    }
    let hundred: String = (0..99).map(|n| format!("X-{n}: 1\r\n")).collect();
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{hundred}\r\n");
    assert_eq!(ask(&server, request).await.status, 200);
}

#[tokio::test]
async fn odd_paths_and_methods_are_refused_as_problems() {
    let server = start(long_limits()).await;
    for path in ["/%ff", "/%", "/%4", "/%zz", "/a%00b", "/%c3%28"] {
        ask(&server, get_request(path)).await.is_problem(400, "invalid-parameter");
    }
    for path in ["/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/nothing", "//"] {
        let document = ask(&server, get_request(path)).await.is_problem(404, "not-found");
        assert_eq!(document["instance"], path);
    }
    let answer = ask(&server, "DELETE /measure HTTP/1.1\r\nHost: a\r\n\r\n").await;
    answer.is_problem(405, "method-not-allowed");
    assert_eq!(header(&answer.head, "allow").as_deref(), Some("POST"));
    let answer = ask(&server, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").await;
    answer.is_problem(404, "not-found");
    ask(&server, get_request("/panic")).await.is_problem(500, "internal");
}

#[tokio::test]
async fn encoded_bodies_and_bad_correlation_ids_are_refused() {
    let server = start(long_limits()).await;
    let encoded = with_body("Content-Encoding: gzip\r\nContent-Length: 3\r\n", "abc");
    ask(&server, encoded).await.is_problem(415, "unsupported-media-type");
    let long = format!("X-Correlation-Id: {}\r\nContent-Length: 3\r\n", "x".repeat(129));
    let document = ask(&server, with_body(&long, "abc")).await.is_problem(400, "invalid-parameter");
    assert_eq!(document["parameter"], "X-Correlation-Id");
    let kept = with_body("X-Correlation-Id: mine\r\nContent-Length: 3\r\n", "abc");
    let answer = ask(&server, kept).await;
    assert_eq!(header(&answer.head, "x-correlation-id").as_deref(), Some("mine"));
}

#[tokio::test]
async fn a_body_with_broken_chunks_is_refused() {
    let server = start(long_limits()).await;
    for body in ["zz\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "fffffffffffffffff\r\n"] {
        let request = with_body("Transfer-Encoding: chunked\r\n", body);
        ask(&server, request).await.is_problem(400, "malformed-json");
    }
}
