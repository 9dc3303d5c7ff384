//! Reads an open stream of server-sent events.

use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;

/// An open `GET /v1/events/stream`.
pub struct EventStream {
    pieces: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    unread: Vec<u8>,
}

impl EventStream {
    /// Reads an answer that has begun.
    pub fn new(response: reqwest::Response) -> Self {
        Self { pieces: response.bytes_stream().boxed(), unread: Vec::new() }
    }

    /// The next event, as its id and its data; comments are skipped. `None` when the stream or the connection has
    /// ended.
    ///
    /// # Errors
    /// The received text, if it is not an event with a position and JSON.
    pub async fn next(&mut self) -> Result<Option<(u64, Value)>, String> {
        loop {
            while let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                let block = String::from_utf8_lossy(&block);
                if !block.starts_with(':') {
                    return parse(&block).map(Some).ok_or_else(|| format!("no event: {block}"));
                }
            }
            match self.pieces.next().await {
                Some(Ok(piece)) => self.unread.extend(piece),
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }
}

fn parse(block: &str) -> Option<(u64, Value)> {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim_start)
    };
    Some((field("id:")?.parse().ok()?, serde_json::from_str(field("data:")?).ok()?))
}
