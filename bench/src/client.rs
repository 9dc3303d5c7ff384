//! A lean HTTP/1.1 client: one keep-alive connection, one request at a time, hardly any allocation.
//!
//! The load generator shares the machine's cores with the program that it measures, so its own cost counts.

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest answer that is read: far above those of any case.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    host: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// An answer; its body is borrowed from the connection's buffer.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Client {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// When nothing listens there.
    pub async fn connect(host: &str) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(host).await.with_context(|| format!("nothing listens on {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            host: host.to_owned(),
            request: Vec::with_capacity(2048),
            answer: Vec::with_capacity(8192),
        })
    }

    /// POSTs a JSON body.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP.
    pub async fn post(&mut self, path: &str, body: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.request.clear();
        write_head(&mut self.request, "POST", path, &self.host);
        self.request.extend_from_slice(b"Content-Type: application/json\r\nContent-Length: ");
        self.request.extend_from_slice(body.len().to_string().as_bytes());
        self.request.extend_from_slice(b"\r\n\r\n");
        self.request.extend_from_slice(body);
        self.exchange().await
    }

    /// GETs a path, with one additional header line or none (`"Consistency-Token: 7"`).
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP.
    pub async fn get(&mut self, path: &str, header: &str) -> anyhow::Result<Answer<'_>> {
        self.request.clear();
        write_head(&mut self.request, "GET", path, &self.host);
        if !header.is_empty() {
            self.request.extend_from_slice(header.as_bytes());
            self.request.extend_from_slice(b"\r\n");
        }
        self.request.extend_from_slice(b"\r\n");
        self.exchange().await
    }

    async fn exchange(&mut self) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let (status, body_start, length) = loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some(end) = find(&self.answer, b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.answer[..end])?;
                break (status_of(head)?, end + 4, length_of(head)?);
            }
        };
        while self.answer.len() < body_start + length {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the server closed the connection inside an answer");
            }
        }
        Ok(Answer { status, body: &self.answer[body_start..body_start + length] })
    }
}

fn write_head(request: &mut Vec<u8>, method: &str, path: &str, host: &str) {
    for part in [method, " ", path, " HTTP/1.1\r\nHost: ", host, "\r\n"] {
        request.extend_from_slice(part.as_bytes());
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn status_of(head: &str) -> anyhow::Result<u16> {
    head.get(9..12).and_then(|code| code.parse().ok()).context("no status line")
}

fn length_of(head: &str) -> anyhow::Result<usize> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    match length {
        Some(Ok(length)) if length <= MAX_ANSWER_BYTES => Ok(length),
        _ => bail!("an answer without a usable Content-Length"),
    }
}
