//! The streams of one HTTP/2 connection: how many there are, and an end for those whose client takes nothing.
//!
//! HTTP/2 gives each stream a window of bytes that its client will take. A client that opens none holds an answer in memory
//! and lets the socket rest, so the deadline on writes does not see it. Here an answer leaves in small pieces, and a piece
//! must be taken before its deadline.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::places::Place;

/// Bytes of an answer that wait outside it for the client's window.
pub(super) const PIECE_BYTES: usize = 16 * 1024;

/// Requests that a client may give up before their answers. One that gives up more than these, and more than it waits for,
/// has its connection closed (CVE-2023-44487).
const MAX_GIVEN_UP: usize = 200;

/// The streams of a connection.
#[derive(Debug, Clone)]
pub(super) struct Streams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stall: Duration,
    place: Place,
    open: AtomicUsize,
    answered: AtomicUsize,
    given_up: AtomicUsize,
    /// When the last stream ended.
    resting: Mutex<Instant>,
    abused: CancellationToken,
}

impl Streams {
    /// None yet; `stall` = the time for the next piece of an answer.
    pub(super) fn none(stall: Duration, place: Place) -> Self {
        Self(Arc::new(Shared {
            stall,
            place,
            open: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            given_up: AtomicUsize::new(0),
            resting: Mutex::new(Instant::now()),
            abused: CancellationToken::new(),
        }))
    }

    /// Waits until there has been no stream for so long.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let mut end = *lock(&self.0.resting) + limit;
            if self.0.open.load(Ordering::SeqCst) > 0 {
                end = Instant::now() + limit;
            } else if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }

    /// Waits until the client has given up too many requests.
    pub(super) async fn abused(&self) {
        self.0.abused.cancelled().await;
    }

    /// Counts a request until it is answered or given up.
    pub(super) fn asked(&self) -> Asked {
        Asked { streams: self.clone(), answered: false }
    }
}

/// hyper hands each stream's task to this.
impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, future: F) {
        self.0.open.fetch_add(1, Ordering::SeqCst);
        self.0.place.works();
        let (stream, taken) = (Open(self.clone()), Taken::default());
        tokio::spawn(Task { inner: Box::pin(future), taken, timer: None, stream });
    }
}

/// A stream that counts as open until it is dropped.
struct Open(Streams);

impl Drop for Open {
    fn drop(&mut self) {
        *lock(&self.0.0.resting) = Instant::now();
        if self.0.0.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.0.place.rests();
        }
    }
}

/// A request whose answer has not left yet.
pub(super) struct Asked {
    streams: Streams,
    answered: bool,
}

impl Asked {
    /// Notes the answer.
    pub(super) fn answered(&mut self) {
        self.answered = true;
        self.streams.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let shared = &self.streams.0;
        let given_up = shared.given_up.fetch_add(1, Ordering::Relaxed) + 1;
        if given_up > MAX_GIVEN_UP && given_up > shared.answered.load(Ordering::Relaxed) {
            shared.abused.cancel();
        }
    }
}

/// Since when a piece of the answer waits for the client's window; `None` = nothing waits.
#[derive(Debug, Clone, Default)]
struct Taken(Arc<Mutex<Option<Instant>>>);

tokio::task_local! {
    /// What the stream's task and the answer's body know together; hyper stands between them.
    static TAKEN: Taken;
}

/// One stream's task, which ends when a piece is not taken in time.
struct Task<F> {
    inner: Pin<Box<F>>,
    taken: Taken,
    timer: Option<Pin<Box<Sleep>>>,
    stream: Open,
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let (inner, taken) = (&mut this.inner, this.taken.clone());
        if TAKEN.sync_scope(taken, || inner.as_mut().poll(cx)).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = *lock(&this.taken.0) else {
            this.timer = None;
            return Poll::Pending;
        };
        let end = since + this.stream.0.0.stall;
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        ready!(timer.as_mut().poll(cx));
        tracing::debug!("a client took nothing of its answer; the stream is reset");
        Poll::Ready(())
    }
}

/// An answer's body in pieces, which notes when one is given and when the next is asked for.
pub(super) struct Pieces {
    inner: Body,
    rest: Bytes,
    taken: Option<Taken>,
}

impl Pieces {
    /// The body of an answer that the present task sends.
    pub(super) fn of(body: Body) -> Self {
        Self { inner: body, rest: Bytes::new(), taken: TAKEN.try_with(Taken::clone).ok() }
    }

    fn waits(&self, since: Option<Instant>) {
        if let Some(taken) = &self.taken {
            *lock(&taken.0) = since;
        }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        this.waits(None);
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE_BYTES));
        this.waits(Some(Instant::now()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
