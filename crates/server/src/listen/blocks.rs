//! Follows the frames of HTTP/2 (RFC 9113, section 4.1) far enough to know how much of a head has come.

use std::io;

use super::heads::Head;

const FRAME_HEAD: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Where in a client's frames we are. It begins behind the preface's text.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Bytes of the preface that are still to come.
    preface: usize,
    head: [u8; FRAME_HEAD],
    head_read: usize,
    /// Bytes of the frame's payload that are still to come.
    left: usize,
}

impl Blocks {
    /// Before a preface of this many bytes.
    pub(super) fn after(preface: usize) -> Self {
        Self { preface, head: [0; FRAME_HEAD], head_read: 0, left: 0 }
    }

    /// Follows the next bytes, cut as they come.
    ///
    /// # Errors
    /// When there is no room for the head that they belong to.
    pub(super) fn follow(&mut self, mut bytes: &[u8], head: &mut Head) -> io::Result<()> {
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        bytes = &bytes[preface..];
        while !bytes.is_empty() {
            if self.left == 0 {
                let count = (FRAME_HEAD - self.head_read).min(bytes.len());
                self.head[self.head_read..][..count].copy_from_slice(&bytes[..count]);
                self.head_read += count;
                bytes = &bytes[count..];
                if self.head_read < FRAME_HEAD {
                    return Ok(());
                }
                let [a, b, c, ..] = self.head;
                self.left = u32::from_be_bytes([0, a, b, c]) as usize;
                if self.left == 0 {
                    self.frame_ends(head);
                }
                continue;
            }
            let count = self.left.min(bytes.len());
            if matches!(self.head[3], HEADERS | CONTINUATION) {
                head.grows(count)?;
            }
            self.left -= count;
            bytes = &bytes[count..];
            if self.left == 0 {
                self.frame_ends(head);
            }
        }
        Ok(())
    }

    fn frame_ends(&mut self, head: &mut Head) {
        self.head_read = 0;
        if matches!(self.head[3], HEADERS | CONTINUATION) && self.head[4] & END_HEADERS != 0 {
            head.is_handed_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::heads::Heads;
    use super::*;

    fn frame(kind: u8, flags: u8, length: u32) -> Vec<u8> {
        let head = [&length.to_be_bytes()[1..], &[kind, flags, 0, 0, 0, 1]].concat();
        [head, vec![1; length as usize]].concat()
    }

    /// Bytes of one connection until there is no room for its head; `None` = there always was.
    fn refused_after(bytes: &[u8], cut: usize) -> Option<usize> {
        let mut head = Heads::default().of_connection();
        let mut blocks = Blocks::after(24);
        blocks.follow(&[b'P'; 24], &mut head).unwrap();
        let pieces = bytes.chunks(cut).position(|piece| blocks.follow(piece, &mut head).is_err());
        pieces.map(|pieces| pieces * cut)
    }

    #[test]
    fn only_heads_without_an_end_are_counted() {
        // As much as the budget, in frames of the largest usual size.
        let many = |kind, flags| frame(kind, flags, 16_384).repeat(1_100);
        for cut in [1_000, 9, 16_393] {
            assert_eq!(refused_after(&many(0, 0), cut), None, "bodies");
            assert_eq!(refused_after(&many(CONTINUATION, END_HEADERS), cut), None, "ended heads");
            let endless = [frame(HEADERS, 0, 16_384), many(CONTINUATION, 0)].concat();
            let refused = refused_after(&endless, cut).unwrap();
            assert!((16 << 20..17 << 20).contains(&refused), "{refused}");
        }
        assert_eq!(refused_after(&frame(CONTINUATION, 0, 0).repeat(100_000), 1_000), None);
    }
}
