//! The bytes with which a bad client opens a connection, in both versions of HTTP.

use crate::door::Version;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Nearly as long as a head may be.
const LONG_HEAD: usize = 58 * 1024;
/// Nearly as much as a client of HTTP/2 may send before anybody reads.
const WINDOW: usize = 60 * 1024;
/// The largest frame that need not be agreed on.
const FRAME: usize = 16 * 1024;
/// As large as a body may be.
const BODY: usize = 1024 * 1024;

/// What a bad client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It says nothing.
    Idle,
    /// It sends half a head, or half a small body, and waits.
    Slow,
    /// It sends a head that is nearly too long, and does not end it.
    Heads,
    /// It sends bodies as long as they may be, and does not end them.
    Bodies,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Idle, Self::Slow, Self::Heads, Self::Bodies];

    /// What the client with this number sends at first.
    pub fn opening(self, version: Version, number: usize) -> Vec<u8> {
        match (version, self) {
            (Version::Http1, Self::Idle) => Vec::new(),
            (Version::Http1, Self::Slow) if number.is_multiple_of(2) => half_a_head(b""),
            (Version::Http1, Self::Slow) => body(500, 100),
            (Version::Http1, Self::Heads) => half_a_head(&fields()),
            (Version::Http1, Self::Bodies) => body(BODY, BODY - 1),
            (Version::Http2, Self::Idle) => hello(),
            (Version::Http2, Self::Slow) if number.is_multiple_of(2) => {
                [hello(), frame(HEADERS, 0, 1, &head(b"GET"))].concat()
            }
            (Version::Http2, Self::Slow) => [hello(), stream(1, 100)].concat(),
            (Version::Http2, Self::Heads) => [hello(), endless_head()].concat(),
            (Version::Http2, Self::Bodies) => {
                let streams = [1, 3, 5, 7].map(|id| stream(id, WINDOW));
                [hello(), streams.concat()].concat()
            }
        }
    }
}

fn half_a_head(fields: &[u8]) -> Vec<u8> {
    [b"GET /v1/orders HTTP/1.1\r\nHost: x\r\n", fields, b"X-Slow: a"].concat()
}

fn fields() -> Vec<u8> {
    let fields = (0..58).map(|number| format!("X-{number}: {}\r\n", "a".repeat(990)));
    fields.collect::<String>().into_bytes()
}

fn body(length: usize, sent: usize) -> Vec<u8> {
    let head = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.into_bytes(), vec![b' '; sent]].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn hello() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// A head in HPACK: fields of the static table, values as they are.
fn head(method: &[u8]) -> Vec<u8> {
    let path = b"/v1/orders";
    let mut head = vec![0x02, u8::try_from(method.len()).unwrap()];
    head.extend_from_slice(method);
    head.extend_from_slice(&[0x86, 0x04, u8::try_from(path.len()).unwrap()]);
    head.extend_from_slice(path);
    head.extend_from_slice(b"\x01\x01x\x0f\x10\x10application/json");
    head
}

/// A POST with this much of its body.
fn stream(id: u32, sent: usize) -> Vec<u8> {
    let body = vec![b' '; sent];
    let data = body.chunks(FRAME).map(|piece| frame(DATA, 0, id, piece));
    [frame(HEADERS, END_HEADERS, id, &head(b"POST")), data.collect::<Vec<_>>().concat()].concat()
}

fn endless_head() -> Vec<u8> {
    let mut field = b"\x00\x03x-a\x7f\xe1\x06".to_vec();
    field.extend(std::iter::repeat_n(b'a', 127 + 0x61 + (6 << 7)));
    let all = field.repeat(LONG_HEAD / field.len());
    let pieces = all.chunks(FRAME).map(|piece| frame(CONTINUATION, 0, 1, piece));
    [frame(HEADERS, 0, 1, &head(b"GET")), pieces.collect::<Vec<_>>().concat()].concat()
}
