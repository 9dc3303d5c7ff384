//! What becomes of a request's body that no handler reads to its end.
//!
//! The next request on a connection begins where the body ends. So before an answer leaves, the rest of its request's body
//! is read and thrown away, bounded in bytes and in time. If that does not reach the body's end, or must not wait for it,
//! the answer says `Connection: close` and the connection is closed after it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Request, Version, header};
use axum::response::Response;
use axum::routing::future::RouteFuture;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::Limits;

/// The place to which a body returns when its reader drops it.
#[derive(Default)]
struct Home(Mutex<Rest>);

/// How far a body was read.
#[derive(Default)]
enum Rest {
    /// A handler still holds it.
    #[default]
    Lent,
    /// The body was read to its end.
    Nothing,
    /// The end cannot be reached: the body is broken, or was never asked for.
    Lost,
    /// The body was not read to its end.
    Some(Incoming),
}

/// A body that returns to its [`Home`] when it is dropped.
struct Lent {
    /// Taken out when dropped.
    inner: Option<Incoming>,
    home: Arc<Home>,
    /// The client waits for `100 Continue`, which the first poll sends.
    waits: bool,
    ended: bool,
    broken: bool,
}

impl Lent {
    fn rest(&mut self) -> Rest {
        match self.inner.take() {
            // The client may or may not send a body that was not asked for: where it ends is not known.
            _ if self.broken || self.waits => Rest::Lost,
            Some(inner) if !self.ended && !inner.is_end_stream() => Rest::Some(inner),
            _ => Rest::Nothing,
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let rest = self.rest();
        *self.home.0.lock().unwrap_or_else(PoisonError::into_inner) = rest;
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        this.waits = false;
        let frame = ready!(Pin::new(inner).poll_frame(cx));
        match &frame {
            None => this.ended = true,
            Some(Err(_)) => this.broken = true,
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

/// What of a request its answer has to know before it leaves.
pub(super) struct Asked {
    version: Version,
    /// Absent where there was no body.
    home: Option<Arc<Home>>,
    unread: (u64, std::time::Duration),
}

impl Asked {
    /// Lends the request's body to its route.
    pub(super) fn of(request: Request<Incoming>, limits: &Limits) -> (Request<Body>, Self) {
        let unread = (limits.unread_bytes, limits.unread_wait);
        let mut asked = Self { version: request.version(), home: None, unread };
        if request.body().is_end_stream() {
            return (request.map(|_| Body::empty()), asked);
        }
        let home = Arc::<Home>::default();
        asked.home = Some(Arc::clone(&home));
        let waits = request.version() > Version::HTTP_10 && waits(request.headers());
        let lend = |inner| Lent { inner: Some(inner), home, waits, ended: false, broken: false };
        (request.map(|inner| Body::new(lend(inner))), asked)
    }

    /// The body's rest; its reader has dropped it, unless it is still reading.
    fn rest(&self) -> Rest {
        let Some(home) = &self.home else { return Rest::Nothing };
        std::mem::take(&mut *home.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Readies an answer after which the connection stays open, if the answer itself allows it.
    fn keep(&self, response: Response) -> Response {
        // An HTTP/1.0 client knows a body of unknown length by the connection's end.
        let endless = response.body().size_hint().exact().is_none();
        if self.version == Version::HTTP_10 && endless { self.close(response) } else { response }
    }

    /// Readies an answer after which the connection is closed.
    pub(super) fn close(&self, mut response: Response) -> Response {
        closing(self.version, &mut response);
        response
    }
}

/// Marks an answer to a request of this version as the connection's last.
pub(super) fn closing(version: Version, response: &mut Response) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if version == Version::HTTP_10 {
        // Of its own accord hyper would add `keep-alive` for a client that asked for it.
        *response.version_mut() = Version::HTTP_10;
    }
}

fn waits(headers: &HeaderMap) -> bool {
    let mut expected = headers.get_all(header::EXPECT).iter();
    expected.any(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// A request being answered: first its route, then what it left of the body.
pub(super) struct Answering {
    asked: Asked,
    work: Work,
}

#[allow(clippy::large_enum_variant)] // boxing the hot variant would cost an allocation a request
enum Work {
    Route(RouteFuture<Infallible>),
    Rest(Box<Emptying>),
    Done,
}

/// A body being read for its end, and the answer that waits for it.
struct Emptying {
    response: Response,
    body: Incoming,
    /// Bytes that may still come.
    left: u64,
    timer: Pin<Box<Sleep>>,
}

impl Answering {
    pub(super) fn new(asked: Asked, route: RouteFuture<Infallible>) -> Self {
        Self { asked, work: Work::Route(route) }
    }

    /// The answer, or the body that has to be read before it can leave.
    fn answered(&self, response: Response) -> Result<Response, Box<Emptying>> {
        let closes = response.headers().get(header::CONNECTION).is_some_and(|said| said == "close");
        let (left, wait) = self.asked.unread;
        match self.asked.rest() {
            Rest::Nothing if !closes => Ok(self.asked.keep(response)),
            Rest::Some(body) if !closes && body.size_hint().lower() <= left => {
                let timer = Box::pin(sleep(wait));
                Err(Box::new(Emptying { response, body, left, timer }))
            }
            _ => Ok(self.asked.close(response)),
        }
    }
}

impl Emptying {
    /// Whether the body has come to its end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        // Bounded by the bytes that may come: no frame but the last (trailers) is empty.
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => {
                    ready!(self.timer.as_mut().poll(cx));
                    return Poll::Ready(false);
                }
                Poll::Ready(None) => return Poll::Ready(true),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
                Poll::Ready(Some(Ok(frame))) => {
                    let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                    let Some(left) = self.left.checked_sub(length) else {
                        return Poll::Ready(false);
                    };
                    self.left = left;
                }
            }
        }
    }
}

impl Future for Answering {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let this = self.get_mut();
        if let Work::Route(route) = &mut this.work {
            let response = ready!(Pin::new(route).poll(cx)).unwrap_or_else(|never| match never {});
            // The rest of the body that the route still holds returns now.
            this.work = Work::Done;
            match this.answered(response) {
                Ok(response) => return Poll::Ready(response),
                Err(emptying) => this.work = Work::Rest(emptying),
            }
        }
        let Work::Rest(emptying) = &mut this.work else { return Poll::Pending };
        let ended = ready!(emptying.poll(cx));
        let response = std::mem::take(&mut emptying.response);
        this.work = Work::Done;
        Poll::Ready(if ended { this.asked.keep(response) } else { this.asked.close(response) })
    }
}
