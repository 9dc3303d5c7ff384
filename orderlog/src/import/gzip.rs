//! A gzip file as its lines: any number of members, one after another, and zero bytes after the last, which tapes and
//! block copies add. Anything else after a member is an error, reported after all the content before it.

use async_compression::tokio::bufread::GzipDecoder;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// The first bytes of every member.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A reader of gzip: see the module.
#[derive(Debug)]
pub(super) struct Gunzip<R>(Stage<R>);

#[derive(Debug)]
enum Stage<R> {
    Member(GzipDecoder<R>),
    /// A member has ended; the next may follow.
    Between(R),
    /// Zero bytes have begun: only more of them may follow.
    Padding(R),
    End,
}

impl<R: AsyncBufRead + Unpin> Gunzip<R> {
    /// Reads an input that begins with [`MAGIC`].
    pub(super) fn new(input: R) -> Self {
        Self(Stage::Member(GzipDecoder::new(input)))
    }

    /// Moves to the next stage when the present one has no more bytes.
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = match std::mem::replace(&mut self.0, Stage::End) {
            Stage::Member(decoder) => Stage::Between(decoder.into_inner()),
            Stage::Between(mut input) => match Pin::new(&mut input).poll_fill_buf(cx)? {
                Poll::Pending => {
                    self.0 = Stage::Between(input);
                    return Poll::Pending;
                }
                Poll::Ready([]) => Stage::End,
                Poll::Ready([0, ..]) => Stage::Padding(input),
                Poll::Ready([first, ..]) if *first == MAGIC[0] => {
                    Stage::Member(GzipDecoder::new(input))
                }
                Poll::Ready(_) => return Poll::Ready(Err(garbage())),
            },
            Stage::Padding(mut input) => match Pin::new(&mut input).poll_fill_buf(cx)? {
                Poll::Pending => {
                    self.0 = Stage::Padding(input);
                    return Poll::Pending;
                }
                Poll::Ready([]) => Stage::End,
                Poll::Ready(bytes) if bytes.iter().all(|byte| *byte == 0) => {
                    let count = bytes.len();
                    Pin::new(&mut input).consume(count);
                    Stage::Padding(input)
                }
                Poll::Ready(_) => return Poll::Ready(Err(garbage())),
            },
            Stage::End => Stage::End,
        };
        Poll::Ready(Ok(()))
    }
}

fn garbage() -> io::Error {
    let what = "what follows the last gzip member is neither another one nor zero bytes";
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<R: AsyncBufRead + Unpin> AsyncRead for Gunzip<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        // Bounded by the input: each round consumes bytes, moves to another stage, or ends.
        loop {
            match &mut this.0 {
                Stage::End => return Poll::Ready(Ok(())),
                Stage::Member(decoder) => {
                    let before = buffer.filled().len();
                    ready!(Pin::new(decoder).poll_read(cx, buffer))?;
                    if buffer.filled().len() > before {
                        return Poll::Ready(Ok(()));
                    }
                }
                Stage::Between(_) | Stage::Padding(_) => {}
            }
            ready!(this.next(cx))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_compression::tokio::write::GzipEncoder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};

    async fn member(text: &str) -> Vec<u8> {
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(text.as_bytes()).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    }

    /// The content before the end or the error, read through a buffer of each small size.
    async fn read(packed: &[u8]) -> (String, Option<io::ErrorKind>) {
        let mut found = None;
        for size in [1, 2, 3, 7, 64, 4096] {
            let mut input = Gunzip::new(BufReader::with_capacity(size, packed));
            let mut bytes = Vec::new();
            let error = input.read_to_end(&mut bytes).await.err().map(|error| error.kind());
            let this = (String::from_utf8(bytes).unwrap(), error);
            assert_eq!(*found.get_or_insert(this.clone()), this, "a buffer of {size}");
        }
        found.unwrap()
    }

    #[tokio::test]
    async fn members_follow_one_another_and_zeros_end_them() {
        let (one, two) = (member("one\n").await, member("two\n").await);
        let empty = member("").await;
        for zeros in [0, 1, 2, 511, 10_000] {
            let padding = vec![0; zeros];
            let packed = [&one[..], &empty, &two, &padding].concat();
            assert_eq!(read(&packed).await, ("one\ntwo\n".to_owned(), None), "{zeros} zeros");
        }
    }

    #[tokio::test]
    async fn anything_else_after_a_member_is_an_error_after_the_content_before_it() {
        let one = member("one\n").await;
        let two = member("two\n").await;
        for rest in
            [&b"x"[..], b"\0\0x", b"\n", b"\x1f", b"\x1f\x8b", b"\x1fx", &two[..two.len() - 1]]
        {
            let (text, error) = read(&[&one[..], rest].concat()).await;
            assert!(text.starts_with("one\n") && error.is_some(), "{rest:?}: {text:?} {error:?}");
        }
        let after_zeros = [&one[..], &[0], &two].concat();
        assert_eq!(
            read(&after_zeros).await,
            ("one\n".to_owned(), Some(io::ErrorKind::InvalidData))
        );
        let (text, error) = read(&one[..one.len() - 3]).await;
        assert!("one\n".starts_with(&text) && error.is_some());
    }
}
