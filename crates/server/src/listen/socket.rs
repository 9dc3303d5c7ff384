//! The stream under hyper. It sets a deadline on writes. On HTTP/1 it checks reads for smuggling, and replaces hyper's own
//! bare refusals (of a head that it cannot read) by problem documents.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use framing_guard::Guard;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::blocks::Blocks;
use super::heads::Head;
use super::preface::{FirstBytes, PREFACE, Protocol};
use super::transport::Transport;

use crate::context::RequestContext;
use crate::limits::{MAX_URI_BYTES, MIN_WRITTEN_BYTES};
use crate::problem::{PROBLEM_JSON, Problem, ProblemCode};
use crate::stats;

/// hyper's own refusals are shorter than this; responses of the edge name a correlation id and are longer.
const MAX_BARE: usize = 256;

/// A connection's stream.
pub(super) struct Socket {
    stream: Transport,
    first: FirstBytes,
    protocol: Protocol,
    guard: Guard,
    blocks: Blocks,
    head: Head,
    pace: Pace,
    own: Option<OwnRefusal>,
    /// What hyper reads next, instead of what the client sent.
    unreadable: &'static [u8],
}

/// The end of a head that hyper refuses as it refuses any that it cannot read. A head that comes in pieces it only looks at
/// once there is an empty line.
const UNREADABLE: &[u8] = b"\0\n\n";

/// Whether the client takes what is written fast enough.
struct Pace {
    stall: Duration,
    /// Runs from the first write that must wait until the client has taken enough, or everything.
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes taken since the timer began.
    taken: usize,
}

impl Pace {
    fn new(stall: Duration) -> Self {
        Self { stall, timer: None, taken: 0 }
    }

    /// Fails a write that makes no progress, or too little.
    fn judge(
        &mut self,
        poll: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = poll {
            self.taken += written.as_ref().copied().unwrap_or_default();
            if self.taken >= MIN_WRITTEN_BYTES {
                self.rest();
            }
            return Poll::Ready(written);
        }
        let timer = match &mut self.timer {
            Some(timer) => timer,
            none => {
                self.taken = 0;
                none.insert(Box::pin(sleep(self.stall)))
            }
        };
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Stops the timer, because nothing waits to be taken.
    fn rest(&mut self) {
        (self.timer, self.taken) = (None, 0);
    }
}

/// A problem document that goes out instead of hyper's bare refusal.
struct OwnRefusal {
    text: Vec<u8>,
    written: usize,
    /// The number of bytes of hyper's own text.
    stands_for: usize,
}

impl Socket {
    /// A stream of which the first bytes were read to learn the protocol.
    pub(super) fn new(
        stream: Transport,
        (protocol, first): (Protocol, FirstBytes),
        head: Head,
        write_stall: Duration,
    ) -> Self {
        let (guard, pace) = (Guard::default(), Pace::new(write_stall));
        let blocks = Blocks::after(PREFACE.len());
        Self { stream, first, protocol, guard, blocks, head, pace, own: None, unreadable: &[] }
    }

    pub(super) fn into_stream(self) -> Transport {
        self.stream
    }

    /// Ends a refused head.
    fn spoil(&mut self, buffer: &mut ReadBuf<'_>) {
        let (now, later) = self.unreadable.split_at(self.unreadable.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.unreadable = later;
    }

    fn read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.first.left();
        if left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..count]);
        self.first.hand_on(count);
        Poll::Ready(Ok(()))
    }

    fn poll_own(&mut self, mut own: OwnRefusal, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while own.written < own.text.len() {
            let poll = Pin::new(&mut self.stream).poll_write(cx, &own.text[own.written..]);
            match self.pace.judge(poll, cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => own.written += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.own = Some(own);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(own.stands_for))
    }

    fn refusal_for(&self, bytes: &[u8]) -> Option<OwnRefusal> {
        if self.protocol == Protocol::Http2 {
            return None;
        }
        let status = bare_status(bytes)?;
        let too_long = self.guard.request_line() > MAX_URI_BYTES;
        let code = match status {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if too_long => ProblemCode::URI_TOO_LONG,
            other => ProblemCode::for_status(other),
        };
        stats::count_unreadable(code.status());
        Some(OwnRefusal { text: refusal_text(code), written: 0, stands_for: bytes.len() })
    }
}

/// The status, if `bytes` are a bare refusal of hyper's own.
fn bare_status(bytes: &[u8]) -> Option<StatusCode> {
    let short = bytes.len() <= MAX_BARE && bytes.ends_with(b"\r\n\r\n");
    if !short || !bytes.starts_with(b"HTTP/1.") {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let status = StatusCode::from_bytes(text.get(9..12)?.as_bytes()).ok()?;
    let bare = status.is_client_error()
        && text.contains("content-length: 0")
        && !text.contains(crate::context::CORRELATION_HEADER);
    bare.then_some(status)
}

fn refusal_text(code: ProblemCode) -> Vec<u8> {
    let detail = match code {
        ProblemCode::HEADERS_TOO_LARGE => "Send at most 100 header fields of 60 KiB in all.",
        ProblemCode::URI_TOO_LONG => "Send an address of at most 8 KiB.",
        _ => "The request's head is not HTTP/1.1, or tells the body's length twice.",
    };
    let correlation_id = RequestContext::made().correlation_id;
    let body = Problem::new(code)
        .detail(detail)
        .with("correlation_id", correlation_id.as_str())
        .to_value()
        .to_string();
    let (status, length) = (code.status(), body.len());
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {PROBLEM_JSON}\r\nx-correlation-id: {correlation_id}\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if !this.unreadable.is_empty() {
            this.spoil(buffer);
            return Poll::Ready(Ok(()));
        }
        ready!(this.read(cx, buffer))?;
        let read = &buffer.filled()[before..];
        if this.protocol == Protocol::Http2 {
            return Poll::Ready(this.blocks.follow(read, &mut this.head));
        }
        let was_in_head = this.guard.is_in_head();
        let (count, followed) = (read.len(), this.guard.follow(read));
        if was_in_head || this.guard.is_in_head() {
            this.head.grows(count)?;
        }
        if !this.guard.is_in_head() {
            this.head.ends();
        }
        if let Err(refused) = followed {
            buffer.set_filled(before + refused.line_end);
            this.unreadable = UNREADABLE;
            this.spoil(buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(own) = this.own.take().or_else(|| this.refusal_for(bytes)) {
            return this.poll_own(own, cx);
        }
        let poll = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.pace.judge(poll, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = slices.iter().filter(|slice| !slice.is_empty());
        if let (Some(only), None) = (filled.next(), filled.next()) {
            return self.as_mut().poll_write(cx, only);
        }
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.pace.judge(poll, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// hyper flushes when it has written everything.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // TCP is flushed at once; what TLS has enciphered may still wait for the client.
        let poll = Pin::new(&mut this.stream).poll_flush(cx).map_ok(|()| 0);
        let flushed = ready!(this.pace.judge(poll, cx));
        this.pace.rest();
        Poll::Ready(flushed.map(drop))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    const STALL: Duration = Duration::from_millis(50);

    async fn judged(pace: &mut Pace, poll: Option<usize>) -> Poll<io::Result<usize>> {
        let polled = |poll: Option<usize>| poll.map_or(Poll::Pending, |n| Poll::Ready(Ok(n)));
        poll_fn(|cx| Poll::Ready(pace.judge(polled(poll), cx))).await
    }

    #[tokio::test]
    async fn drops_do_not_stop_the_clock_and_enough_does() {
        let mut pace = Pace::new(STALL);
        assert!(judged(&mut pace, None).await.is_pending());
        for _ in 0..3 {
            assert!(judged(&mut pace, Some(1_000)).await.is_ready());
            assert!(pace.timer.is_some());
        }
        let cut = poll_fn(|cx| pace.judge(Poll::Pending, cx)).await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::TimedOut);

        let mut pace = Pace::new(STALL);
        assert!(judged(&mut pace, None).await.is_pending());
        assert!(judged(&mut pace, Some(MIN_WRITTEN_BYTES / 2)).await.is_ready());
        assert!(pace.timer.is_some());
        assert!(judged(&mut pace, Some(MIN_WRITTEN_BYTES / 2)).await.is_ready());
        assert!(pace.timer.is_none());
    }

    #[tokio::test]
    async fn the_clock_rests_while_nothing_waits_to_be_taken() {
        let mut pace = Pace::new(STALL);
        assert!(judged(&mut pace, None).await.is_pending());
        pace.rest();
        assert!(judged(&mut pace, Some(10)).await.is_ready());
        assert!(pace.timer.is_none());
    }
}
