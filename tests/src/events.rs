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
    /// Of an answer that has begun.
    pub fn new(response: reqwest::Response) -> Self {
        Self { pieces: response.bytes_stream().boxed(), unread: Vec::new() }
    }

    /// The next event, as its id and its data; what carries no id (comments, what the server says of itself) is passed over.
    /// `None` when the stream has ended or the connection has.
    ///
    /// # Panics
    /// When an id is no position, or data no JSON.
    pub async fn next(&mut self) -> Option<(u64, Value)> {
        loop {
            while let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("events are UTF-8");
                if let Some(event) = parse(&block) {
                    return Some(event);
                }
            }
            self.unread.extend(self.pieces.next().await?.ok()?);
        }
    }
}

fn parse(block: &str) -> Option<(u64, Value)> {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start().to_owned())
    };
    let id = field("id:")?.parse().expect("an id is a position");
    Some((id, serde_json::from_str(&field("data:")?).expect("data is one line of JSON")))
}
