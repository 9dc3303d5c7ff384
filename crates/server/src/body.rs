//! The request's body under its limits: size, stalling, and the whole time it may take.
//!
//! A handler that reads a body gets an error when it meets a limit. The edge answers 413 or 408, whatever the handler does.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::Limits;
use crate::problem::{Problem, ProblemCode};

const TOO_LARGE: u8 = 1;
const STALLED: u8 = 2;
const BROKEN: u8 = 3;
const NO_ROOM: u8 = 4;

/// Bytes that every body may have in memory. Nearly all are shorter.
const FREE_BYTES: u64 = 8 * 1024;

/// Bytes of all bodies together above that: a client may send nearly all of a body and wait.
const ALL_BYTES: usize = 32 * 1024 * 1024;

/// Seconds after which a client may send a body again.
const RETRY_AFTER_SECONDS: u64 = 2;

/// The memory for the bodies of one server; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct BodyBudget(Arc<Semaphore>);

impl Default for BodyBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL_BYTES)))
    }
}

/// The failure of a body while it was read.
#[derive(Debug, Default)]
pub(crate) struct BodyFault(AtomicU8);

impl BodyFault {
    /// Whether the body's end will never be read, so that its connection is of no further use.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.0.load(Ordering::Relaxed), STALLED | BROKEN | NO_ROOM)
    }

    /// The problem for the fault, if there was one.
    pub(crate) fn problem(&self) -> Option<Problem> {
        match self.0.load(Ordering::Relaxed) {
            TOO_LARGE => Some(too_large()),
            STALLED => Some(
                Problem::new(ProblemCode::REQUEST_TIMEOUT)
                    .detail("The body did not arrive in time. Send it again, without pauses."),
            ),
            BROKEN => Some(
                Problem::new(ProblemCode::MALFORMED_JSON)
                    .detail("The body's framing is broken or the connection ended within it."),
            ),
            NO_ROOM => Some(
                Problem::new(ProblemCode::OVERLOADED)
                    .detail("Too many large bodies are on their way. Send it again in a moment.")
                    .retry_after(RETRY_AFTER_SECONDS),
            ),
            _ => None,
        }
    }
}

fn too_large() -> Problem {
    Problem::new(ProblemCode::PAYLOAD_TOO_LARGE)
        .detail("The body is over the limit. Split it, or use the import for many orders.")
}

/// Puts the limits on a request's body.
///
/// # Errors
/// 413 when the declared length is over the limit: nothing of the body is read.
pub(crate) fn guard(
    request: Request,
    limits: &Limits,
    budget: &BodyBudget,
) -> Result<(Request, Option<Arc<BodyFault>>), Problem> {
    if request.body().is_end_stream() {
        return Ok((request, None));
    }
    let streamed = limits.streamed_paths.contains(&request.uri().path());
    let (remaining, finish_by) = if streamed {
        (u64::MAX, None)
    } else {
        (limits.body_bytes, Some(Instant::now() + limits.body_total))
    };
    if request.body().size_hint().lower() > remaining {
        return Err(too_large());
    }
    let fault = Arc::new(BodyFault::default());
    let kept = Arc::clone(&fault);
    let stall = limits.body_stall;
    let budget = (!streamed).then(|| budget.clone());
    let room = Room { budget, read: 0, held: None };
    let request = request.map(|inner| {
        Body::new(Guarded { inner, remaining, stall, finish_by, timer: None, fault, room })
    });
    Ok((request, Some(kept)))
}

struct Guarded {
    inner: Body,
    remaining: u64,
    stall: std::time::Duration,
    finish_by: Option<Instant>,
    /// Runs only while the server waits for the client.
    timer: Option<Pin<Box<Sleep>>>,
    fault: Arc<BodyFault>,
    room: Room,
}

/// A body's part of the memory.
struct Room {
    /// `None` = the body is taken as it comes.
    budget: Option<BodyBudget>,
    read: u64,
    held: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Whether there is room for a piece of this length.
    fn takes(&mut self, length: u64) -> bool {
        self.read += length;
        let Some(budget) = self.budget.as_ref().filter(|_| self.read > FREE_BYTES) else {
            return true;
        };
        let wanted = u32::try_from(length).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(&budget.0).try_acquire_many_owned(wanted) else { return false };
        match &mut self.held {
            Some(held) => held.merge(more),
            none => *none = Some(more),
        }
        true
    }
}

impl Guarded {
    fn fail(&self, fault: u8) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.fault.0.store(fault, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(std::io::Error::other("the body met a limit")))))
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (stall, finish_by) = (self.stall, self.finish_by);
        let timer = self.timer.get_or_insert_with(|| {
            let stalled = Instant::now() + stall;
            Box::pin(sleep_until(finish_by.map_or(stalled, |by| by.min(stalled))))
        });
        timer.as_mut().poll(cx)
    }
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Pending => match this.poll_deadline(cx) {
                Poll::Ready(()) => this.fail(STALLED),
                Poll::Pending => Poll::Pending,
            },
            Poll::Ready(Some(Ok(frame))) => {
                this.timer = None;
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                match this.remaining.checked_sub(length) {
                    Some(_) if !this.room.takes(length) => this.fail(NO_ROOM),
                    Some(remaining) => {
                        this.remaining = remaining;
                        Poll::Ready(Some(Ok(frame)))
                    }
                    None => this.fail(TOO_LARGE),
                }
            }
            Poll::Ready(Some(Err(_))) => this.fail(BROKEN),
            Poll::Ready(None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
