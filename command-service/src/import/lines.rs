//! Splits a byte stream into lines, in bounded memory.
//!
//! A line over the limit is skipped to its end and reported. Blank lines are skipped but counted in the line numbers. A
//! byte order mark before the first line, which some editors and exports write, is not part of the line.

use bytes::{Buf, Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest line, without its end.
pub const MAX_LINE: usize = 1 << 20;
/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Bytes requested at a time, and so about the size of one chunk.
const READ_SIZE: usize = 256 << 10;

/// A line of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawLine {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes without the end; `None` for a line over [`MAX_LINE`].
    pub bytes: Option<Bytes>,
}

/// Splits an input: see the module.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    buffer: BytesMut,
    /// The bytes of the buffer that are known to hold no line end.
    scanned: usize,
    number: u64,
    inside: Inside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Before the first line: too few bytes have arrived to recognise a mark.
    Start,
    Line,
    OverlongLine,
    End,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines of this input.
    pub fn new(input: R) -> Self {
        let buffer = BytesMut::new();
        Self { input, buffer, scanned: 0, number: 0, inside: Inside::Start }
    }

    /// The lines that arrive next; none at the end.
    ///
    /// # Errors
    /// When the input breaks off.
    pub async fn next_chunk(&mut self) -> io::Result<Vec<RawLine>> {
        let mut chunk = Vec::new();
        while chunk.is_empty() && self.inside != Inside::End {
            self.buffer.reserve(READ_SIZE);
            let read = (&mut self.input).take(READ_SIZE as u64).read_buf(&mut self.buffer).await?;
            if self.inside == Inside::Start && !self.pass_mark(read == 0) {
                continue;
            }
            while let Some(end) = self.find_end() {
                let line = self.buffer.split_to(end + 1).freeze();
                self.push(line.slice(..end), &mut chunk);
            }
            if read == 0 {
                let rest = self.buffer.split().freeze();
                self.push(rest, &mut chunk);
                self.inside = Inside::End;
            } else if self.buffer.len() > MAX_LINE + 1 {
                self.inside = Inside::OverlongLine;
                self.buffer.clear();
                self.scanned = 0;
            }
        }
        Ok(chunk)
    }

    /// Skips a mark; `false` while more bytes are needed to recognise one.
    fn pass_mark(&mut self, ended: bool) -> bool {
        if self.buffer.len() < BYTE_ORDER_MARK.len() && !ended {
            return false;
        }
        if self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.advance(BYTE_ORDER_MARK.len());
        }
        self.inside = Inside::Line;
        true
    }

    fn find_end(&mut self) -> Option<usize> {
        let end = self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n');
        match end {
            Some(end) => Some(std::mem::take(&mut self.scanned) + end),
            None => {
                self.scanned = self.buffer.len();
                None
            }
        }
    }

    fn push(&mut self, line: Bytes, chunk: &mut Vec<RawLine>) {
        self.number += 1;
        let number = self.number;
        let line = if line.ends_with(b"\r") { line.slice(..line.len() - 1) } else { line };
        let overlong = self.inside == Inside::OverlongLine || line.len() > MAX_LINE;
        self.inside = Inside::Line;
        if overlong {
            chunk.push(RawLine { number, bytes: None });
        } else if !line.trim_ascii().is_empty() {
            chunk.push(RawLine { number, bytes: Some(line) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(input: &[u8]) -> Vec<(u64, Option<usize>)> {
        let mut lines = Lines::new(input);
        let mut found = Vec::new();
        loop {
            let chunk = lines.next_chunk().await.unwrap();
            if chunk.is_empty() {
                return found;
            }
            let seen = chunk.into_iter().map(|line| (line.number, line.bytes.map(|b| b.len())));
            found.extend(seen);
        }
    }

    #[tokio::test]
    async fn lines_end_with_lf_or_crlf_or_the_input() {
        assert_eq!(all(b"").await, []);
        assert_eq!(all(b"\n\n \r\n").await, []);
        assert_eq!(all(b"ab\r\n\nc").await, [(1, Some(2)), (3, Some(1))]);
    }

    #[tokio::test]
    async fn a_byte_order_mark_is_skipped_before_the_first_line_only() {
        let marked = |text: &str| [BYTE_ORDER_MARK, text.as_bytes()].concat();
        assert_eq!(all(&marked("ab\nc")).await, [(1, Some(2)), (2, Some(1))]);
        assert_eq!(all(&marked("")).await, []);
        assert_eq!(all(&marked("\r\na")).await, [(2, Some(1))]);
        assert_eq!(all(&marked(&"x".repeat(MAX_LINE))).await, [(1, Some(MAX_LINE))]);
        assert_eq!(all(&marked(&"x".repeat(MAX_LINE + 1))).await, [(1, None)]);
        assert_eq!(all(&[BYTE_ORDER_MARK, BYTE_ORDER_MARK, b"a"].concat()).await, [(1, Some(4))]);
        assert_eq!(
            all(&[b"a\n", BYTE_ORDER_MARK, b"b"].concat()).await,
            [(1, Some(1)), (2, Some(4))]
        );
        assert_eq!(all(b"\xef\xbb").await, [(1, Some(2))]);
        assert_eq!(all(b"a").await, [(1, Some(1))]);
    }

    #[tokio::test]
    async fn a_byte_order_mark_that_comes_byte_by_byte_is_one_all_the_same() {
        let text = marked_bytes();
        let pieces = text.iter().map(|byte| Ok::<_, io::Error>(Bytes::copy_from_slice(&[*byte])));
        let input = tokio_util::io::StreamReader::new(futures::stream::iter(pieces));
        let first = Lines::new(input).next_chunk().await.unwrap();
        assert_eq!(first, [RawLine { number: 1, bytes: Some(Bytes::from_static(b"ab")) }]);
    }

    fn marked_bytes() -> Vec<u8> {
        [BYTE_ORDER_MARK, b"ab\n"].concat()
    }

    #[tokio::test]
    async fn an_overlong_line_is_skipped_and_the_next_one_is_read() {
        let overlong = |length: usize| [vec![b'x'; length], b"\nabc\n".to_vec()].concat();
        let fits = [(1, Some(MAX_LINE)), (2, Some(3))];
        assert_eq!(all(&overlong(MAX_LINE)).await, fits);
        for length in [MAX_LINE + 1, MAX_LINE + 2, 3 * MAX_LINE + 7] {
            assert_eq!(all(&overlong(length)).await, [(1, None), (2, Some(3))], "{length}");
        }
        assert_eq!(all(&vec![b'x'; 2 * MAX_LINE]).await, [(1, None)]);
    }
}
