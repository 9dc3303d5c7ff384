//! Raw bytes on a socket: requests that no HTTP library would send, and how long the server tolerates them.

use std::io;
use std::time::Duration;

use crate::auth::authorized;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// The contract's 10 s for slow clients, plus a margin for a busy machine.
const PATIENCE: Duration = Duration::from_secs(14);
/// The longest answer to a bad request.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The answer on a socket.
#[derive(Debug, Default)]
pub struct RawAnswer {
    /// The status; 0 if the connection was closed without an answer.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The bytes after the head.
    pub body: String,
    /// Whether the server closed the connection.
    pub closed: bool,
    /// From the first byte sent to the last byte read.
    pub took: Duration,
}

impl RawAnswer {
    /// The problem's code, if the body is a problem.
    pub fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        Some(body["code"].as_str()?.to_owned())
    }

    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned(), ..Self::default() }
    }
}

/// Sends these bytes and reads one answer.
///
/// # Panics
/// When nothing listens there.
pub async fn exchange(host: &str, request: &[u8]) -> RawAnswer {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(host).await.expect("the server listens");
    // A server that refuses early closes while we still write: its answer counts, not our error.
    let _ = stream.write_all(&authorized(request)).await;
    let mut answer = read_answer(&mut stream).await;
    answer.took = begun.elapsed();
    answer
}

/// As [`exchange`], but then waits for the server to close the connection.
///
/// # Panics
/// When nothing listens there.
pub async fn exchange_until_closed(host: &str, request: &[u8]) -> RawAnswer {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(host).await.expect("the server listens");
    let _ = stream.write_all(&authorized(request)).await;
    let mut bytes = Vec::new();
    let end = timeout(PATIENCE, read_to_end(&mut stream, &mut bytes)).await;
    let closed = end.is_ok();
    RawAnswer { closed, took: begun.elapsed(), ..RawAnswer::read(&bytes) }
}

/// Sends a head and then pieces of a body while the server accepts them, and reads one answer.
///
/// # Panics
/// When nothing listens there.
pub async fn exchange_endless(host: &str, head: &[u8], piece: &[u8], pieces: usize) -> RawAnswer {
    let begun = Instant::now();
    let stream = TcpStream::connect(host).await.expect("the server listens");
    let (mut reader, mut writer) = stream.into_split();
    let writing = async {
        writer.write_all(&authorized(head)).await?;
        for _ in 0..pieces {
            writer.write_all(piece).await?;
        }
        std::future::pending::<io::Result<()>>().await
    };
    let reading = async {
        let mut bytes = Vec::new();
        let _ = timeout(PATIENCE, read_one(&mut reader, &mut bytes)).await;
        bytes
    };
    tokio::pin!(reading);
    let bytes = tokio::select! {
        bytes = &mut reading => bytes,
        _ = writing => reading.await,
    };
    RawAnswer { took: begun.elapsed(), ..RawAnswer::read(&bytes) }
}

/// Reads one answer from a connection.
pub async fn read_answer(stream: &mut TcpStream) -> RawAnswer {
    let mut bytes = Vec::new();
    let closed = matches!(timeout(PATIENCE, read_one(stream, &mut bytes)).await, Ok(true));
    RawAnswer { closed, ..RawAnswer::read(&bytes) }
}

/// Reads until one answer is complete (`false`) or the connection ends (`true`).
async fn read_one(stream: &mut (impl AsyncReadExt + Unpin), bytes: &mut Vec<u8>) -> bool {
    while bytes.len() < MAX_ANSWER_BYTES {
        if is_whole(bytes) {
            return false;
        }
        match stream.read_buf(bytes).await {
            Ok(0) | Err(_) => return true,
            Ok(_) => {}
        }
    }
    false
}

async fn read_to_end(stream: &mut TcpStream, bytes: &mut Vec<u8>) {
    while bytes.len() < MAX_ANSWER_BYTES {
        match stream.read_buf(bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|value| value.trim().parse::<usize>().ok());
    length.is_some_and(|length| bytes.len() >= end + 4 + length)
}

/// A whole POST of JSON as bytes.
pub fn post(host: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
