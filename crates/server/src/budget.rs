//! The response budget: the bytes that large answers may hold in memory until their clients have taken them.
//!
//! An answer of known length over [`MIN_COUNTED_BYTES`] takes its bytes from one budget. It gives them back when the last
//! byte has left for the network, or when the connection is cut because its client does not read. An answer that does not
//! fit becomes 503 `overloaded`. Small answers and streams (which are made as they are taken) are not counted.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, ProblemCode};

/// Bytes that large answers may hold together. An answer is in memory several times while it is made, so a process needs a
/// multiple of this.
pub const MAX_ANSWER_BYTES: usize = 96 * 1024 * 1024;

/// Answers up to this length are not counted.
pub const MIN_COUNTED_BYTES: u64 = 64 * 1024;

/// Seconds after which a client may ask again.
const RETRY_AFTER_SECONDS: u64 = 2;

/// The budget of one server; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct AnswerBudget {
    room: Arc<Semaphore>,
    all: u32,
}

impl AnswerBudget {
    pub(crate) fn of(bytes: usize) -> Self {
        let all = u32::try_from(bytes).unwrap_or(u32::MAX);
        Self { room: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// The response, holding its part of the budget, or a refusal.
    pub(crate) fn admit(&self, response: Response) -> Response {
        let length = response.body().size_hint().exact();
        let Some(length) = length.filter(|length| *length > MIN_COUNTED_BYTES) else {
            return response;
        };
        // An answer larger than the budget goes out alone.
        let wanted = u32::try_from(length).unwrap_or(u32::MAX).min(self.all);
        match Arc::clone(&self.room).try_acquire_many_owned(wanted) {
            Ok(room) => response.map(|inner| Body::new(Counted { inner, room: Arc::new(room) })),
            Err(_) => Problem::new(ProblemCode::OVERLOADED)
                .detail("Too many large answers are on their way. Ask again in a moment.")
                .retry_after(RETRY_AFTER_SECONDS)
                .into_response(),
        }
    }
}

/// A body whose bytes keep their share of the budget until the last holder drops them.
struct Counted {
    inner: Body,
    room: Arc<OwnedSemaphorePermit>,
}

/// Bytes of an answer with their share of the budget.
struct Held {
    bytes: Bytes,
    _room: Arc<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        Pin::new(&mut this.inner).poll_frame(cx).map_ok(|frame| {
            frame.map_data(|bytes| Bytes::from_owner(Held { bytes, _room: Arc::clone(&this.room) }))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
