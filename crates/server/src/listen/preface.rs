//! Which HTTP a client speaks: version 2 begins with a preface (RFC 9113, section 3.4) that is no request of version 1.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// How a client of version 2 begins.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The versions of HTTP that differ in a connection's first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Bytes that were read to find out, and are still to be handed on.
#[derive(Debug, Default)]
pub(super) struct FirstBytes {
    bytes: [u8; PREFACE.len()],
    read: usize,
    handed_on: usize,
}

impl FirstBytes {
    /// The bytes not yet handed on.
    pub(super) fn left(&self) -> &[u8] {
        &self.bytes[self.handed_on..self.read]
    }

    /// Notes that this many were handed on.
    pub(super) fn hand_on(&mut self, count: usize) {
        self.handed_on += count;
    }
}

/// Reads until the version is certain: one byte of most clients.
///
/// # Errors
/// The stream's, and `UnexpectedEof` when it ends before its first byte.
pub(super) async fn recognise(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<(Protocol, FirstBytes)> {
    let mut first = FirstBytes::default();
    while first.read < PREFACE.len() {
        let count = stream.read(&mut first.bytes[first.read..]).await?;
        if count == 0 {
            return match first.read {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                _ => Ok((Protocol::Http1, first)),
            };
        }
        first.read += count;
        if !PREFACE.starts_with(first.left()) {
            return Ok((Protocol::Http1, first));
        }
    }
    Ok((Protocol::Http2, first))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn recognised(chunks: &[&[u8]]) -> io::Result<(Protocol, Vec<u8>)> {
        let mut mock = tokio_test_io(chunks);
        let (protocol, first) = recognise(&mut mock).await?;
        Ok((protocol, first.left().to_vec()))
    }

    fn tokio_test_io(chunks: &[&[u8]]) -> impl AsyncRead + Unpin {
        chunks
            .iter()
            .fold(Box::new(tokio::io::empty()) as Box<dyn AsyncRead + Unpin>, |before, chunk| {
                Box::new(before.chain(io::Cursor::new(chunk.to_vec())))
            })
    }

    #[tokio::test]
    async fn a_preface_in_any_pieces_is_version_2() {
        for cut in 0..PREFACE.len() {
            let (head, tail) = PREFACE.split_at(cut);
            let found = recognised(&[head, tail]).await.unwrap();
            assert_eq!(found, (Protocol::Http2, PREFACE.to_vec()), "{cut}");
        }
    }

    #[tokio::test]
    async fn anything_else_is_version_1_and_loses_no_byte() {
        for bytes in [
            "GET / HTTP/1.1\r\n",
            "POST / HTTP/1.1\r\n",
            "PRI * HTTP/1.1\r\n\r\nSM\r\n",
            "P",
            "\u{16}",
        ] {
            let (protocol, first) = recognised(&[bytes.as_bytes()]).await.unwrap();
            assert_eq!(protocol, Protocol::Http1, "{bytes}");
            assert!(bytes.as_bytes().starts_with(&first), "{bytes}");
        }
        assert!(recognised(&[]).await.is_err());
    }
}
