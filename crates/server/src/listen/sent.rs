//! A connection of HTTP/1 is at work from a request's head until its answer is on its way.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::places::Place;

/// While it is there, the connection works; then it rests.
pub(super) struct Working(Place);

impl Working {
    pub(super) fn at(place: &Place) -> Self {
        place.works();
        Self(place.clone())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.rests();
    }
}

/// The body of an answer; the connection works until its last byte has been handed on.
pub(super) struct Sent {
    pub(super) inner: Body,
    pub(super) _working: Option<Working>,
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
