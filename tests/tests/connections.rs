//! An answer's word on its connection holds, whatever the answer and the request. If it says `Connection: close`, the
//! connection is closed; otherwise the next request on it is answered.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::json;
use std::time::Duration;
use system_tests::orders::{new_id, place, placed};
use system_tests::server::Server;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer takes longer on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request line, fields, a body, and the expected status.
struct Case {
    name: &'static str,
    line: String,
    fields: String,
    body: Vec<u8>,
    status: u16,
}

impl Case {
    fn get(name: &'static str, path: &str, fields: &str, status: u16) -> Self {
        let line = format!("GET {path}");
        Self { name, line, fields: fields.to_owned(), body: Vec::new(), status }
    }

    fn post(name: &'static str, path: &str, kind: &str, body: Vec<u8>, status: u16) -> Self {
        let fields = format!("Content-Type: {kind}\r\n");
        Self { name, line: format!("POST {path}"), fields, body, status }
    }
}

fn cases(order: &str) -> Vec<Case> {
    let json = "application/json";
    let body = |value: serde_json::Value| value.to_string().into_bytes();
    let (path, note) = (format!("/v1/orders/{order}"), format!("/v1/orders/{order}/add-note"));
    let place = format!("{path}/place");
    let spaces = |count: usize| vec![b' '; count];
    let mut stale = Case::post("a stale version", &note, json, body(json!({"text": "x"})), 412);
    stale.fields.push_str("If-Match: \"99\"\r\n");
    let mut packed = Case::post("packed", "/v1/orders", json, vec![0x1f; 30_000], 415);
    packed.fields.push_str("Content-Encoding: gzip\r\n");
    let mut deleted = Case::post("another method", &path, json, body(json!({})), 405);
    deleted.line = format!("DELETE {path}");
    vec![
        Case::get("a view", &path, "", 200),
        Case::get("unchanged", &path, "If-None-Match: \"1\"\r\n", 304),
        Case::get("a bad parameter", "/v1/orders?limit=0", "", 400),
        Case::get("nothing", "/v1/nothing", "", 404),
        Case::get("a path too long", &format!("/{}", "x".repeat(9_000)), "", 414),
        Case::get("too many fields", "/healthz", &"X-A: b\r\n".repeat(150), 431),
        Case::get("a view behind", &path, "Consistency-Token: 999\r\nPrefer: wait=0\r\n", 503),
        Case::post("created", "/v1/orders", json, body(placed(new_id(), "c")), 201),
        Case::post("noted", &note, json, body(json!({"text": "x"})), 200),
        Case::post("cut", "/v1/orders", json, b"{".to_vec(), 400),
        Case::post("no body", "/v1/orders", json, Vec::new(), 400),
        Case::post(
            "no order",
            &format!("/v1/orders/{}/confirm", new_id()),
            json,
            body(json!({})),
            404,
        ),
        Case::post("an illegal step", &place, json, body(json!({})), 409),
        Case::post("a broken rule", &note, json, body(json!({"text": ""})), 422),
        Case::post("no JSON", "/v1/orders", "text/plain", spaces(300_000), 415),
        Case::post("no NDJSON", "/v1/import", json, spaces(300_000), 415),
        Case::post("a body without a route", "/v1/nothing", json, spaces(300_000), 404),
        Case::post("a body too large", "/v1/orders", json, spaces(1_500_000), 413),
        Case::post("a body far too large", "/v1/orders", json, spaces(5_000_000), 413),
        stale,
        packed,
        deleted,
    ]
}

/// The whole request, with its body by length or in chunks.
fn bytes(host: &str, case: &Case, chunked: bool, more: &str) -> (Vec<u8>, Vec<u8>) {
    let Case { line, fields, body, .. } = case;
    let (framing, body) = match (chunked, body.is_empty() && line.starts_with("GET")) {
        (_, true) => (String::new(), Vec::new()),
        (false, _) => (format!("Content-Length: {}\r\n", body.len()), body.clone()),
        (true, _) => {
            let pieces = body.chunks(50_000);
            let chunks = pieces.map(|piece| {
                [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
            });
            let body = [chunks.collect::<Vec<_>>().concat(), b"0\r\n\r\n".to_vec()].concat();
            ("Transfer-Encoding: chunked\r\n".to_owned(), body)
        }
    };
    let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{fields}{framing}{more}\r\n");
    (head.into_bytes(), body)
}

/// The answer that came.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
}

/// Sends the request; if it asks for permission to send its body, waits for that.
async fn ask(stream: &mut TcpStream, (head, body): (Vec<u8>, Vec<u8>), waits: bool) -> Answer {
    stream.write_all(&system_tests::auth::authorized(&head)).await.unwrap();
    if waits && !body.is_empty() {
        let first = read_answer(stream).await;
        if first.status != 100 {
            return first;
        }
    }
    // A server that refuses early may have closed already.
    let _ = stream.write_all(&body).await;
    match read_answer(stream).await {
        leave if leave.status == 100 => read_answer(stream).await,
        answer => answer,
    }
}

/// One answer, with its body by length.
async fn read_answer(stream: &mut TcpStream) -> Answer {
    let read = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer before the connection ends"));
        }
        let head = String::from_utf8(head).unwrap();
        let length = field(&head, "content-length").parse().unwrap_or(0);
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        Answer { status: head[9..12].parse().unwrap(), head }
    };
    timeout(PATIENCE, read).await.expect("an answer in time")
}

fn field(head: &str, name: &str) -> String {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let found = fields.filter(|(given, _)| given.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_lowercase()).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn an_answer_keeps_its_word_about_the_connection() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let (order, placed) = place(&client, "connections").await;
    // From now on its view exists.
    client.get_at(&format!("/v1/orders/{order}"), placed.token()).await.expect(200);
    let host = server.host().to_owned();
    for case in cases(&order.to_string()) {
        for chunked in [false, true] {
            for (waits, more) in [
                (false, ""),
                (false, "Connection: close\r\n"),
                (false, "Expect: 100-continue\r\n"),
                (true, "Expect: 100-continue\r\n"),
            ] {
                let name = format!("{}, chunked: {chunked}, {more:?}, {waits}", case.name);
                let mut stream = TcpStream::connect(&host).await.unwrap();
                let request = bytes(&host, &case, chunked, more);
                let answer = ask(&mut stream, request, waits).await;
                let repeated = case.status == 201 && answer.status == 409;
                assert!(answer.status == case.status || repeated, "{name}: {answer:?}");
                if field(&answer.head, "connection").contains("close") {
                    assert!(stream.read_u8().await.is_err(), "{name}: it is not closed");
                    continue;
                }
                assert!(!more.contains("close"), "{name}: {}", answer.head);
                let next = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
                stream.write_all(next.as_bytes()).await.unwrap();
                let next = read_answer(&mut stream).await;
                assert_eq!(next.status, 200, "{name}: after {}", answer.head);
            }
        }
    }
    server.stop().await;
}
