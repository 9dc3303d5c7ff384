//! The service that hyper calls: the checks that belong to no route, then the routes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderValue, Method, Request, Uri, Version, header};
use axum::response::Response;
use axum::routing::future::RouteFuture;
use hyper::body::Incoming;
use tower::Service;

use super::heads::{Heads, StreamHead};
use super::places::Place;
use super::sent::{Sent, Working};
use super::streams::{Asked as AskedStream, Pieces, Streams};
use super::unread::{Answering, Asked, closing};
use crate::context::{Peer, RequestContext};
use crate::edge::refuse;
use crate::limits::{Limits, MAX_URI_BYTES};
use crate::problem::{Problem, ProblemCode};
use crate::stats;

/// An answer of which the kernel takes all bytes at once.
const SHORT_ANSWER: u64 = 16 * 1024;

/// The requests that connections may still send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Open,
    /// The server is stopping: health and metrics, one request a connection.
    Stopping,
}

/// The service that hyper calls.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) app: Router,
    pub(super) limits: Arc<Limits>,
    pub(super) stage: Stage,
    pub(super) peer: SocketAddr,
    pub(super) place: Place,
    pub(super) heads: Heads,
    /// Those of HTTP/2.
    pub(super) streams: Option<Streams>,
}

impl hyper::service::Service<Request<Incoming>> for Wire {
    type Response = Response;
    type Error = Infallible;
    type Future = WireFuture;

    fn call(&self, mut request: Request<Incoming>) -> WireFuture {
        let stream = self.streams.as_ref().map(Streams::asked);
        if let Some(refusal) = unreadable(&request).or_else(|| self.stopping(&request)) {
            return WireFuture::Refused(Some(refused(&request, refusal)), stream);
        }
        request.extensions_mut().insert(Peer(self.peer.ip().to_canonical()));
        if let Some(stream) = stream {
            let Some(head) = self.heads.stream(head_bytes(&request)) else {
                return WireFuture::Refused(Some(refused(&request, overloaded())), Some(stream));
            };
            // Each stream has an end of its own, so a body that nobody reads stands in nobody's way. One that nobody will
            // read is not kept.
            let is_read = !matches!(*request.method(), Method::GET | Method::HEAD);
            let request = request.map(|body| if is_read { Body::new(body) } else { Body::empty() });
            return WireFuture::Stream(self.app.clone().call(request), stream, head);
        }
        let (request, asked) = Asked::of(request, &self.limits);
        let working = Working::at(&self.place);
        WireFuture::App(Answering::new(asked, self.app.clone().call(request)), Some(working))
    }
}

impl Wire {
    fn stopping(&self, request: &Request<Incoming>) -> Option<Problem> {
        let watched = matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics");
        (self.stage == Stage::Stopping && !watched).then(|| {
            Problem::new(ProblemCode::UNAVAILABLE)
                .detail("The server is stopping. Send the request again.")
                .retry_after(1)
        })
    }
}

/// Answers a request that no route may see, and closes, because the two sides may disagree on where it ends.
fn refused(request: &Request<Incoming>, problem: Problem) -> Response {
    let context =
        RequestContext::from_headers(request.headers()).unwrap_or_else(|_| RequestContext::made());
    stats::count_unreadable(problem.code().status());
    let mut response = refuse(problem, request.uri(), &context);
    closing(request.version(), &mut response);
    response
}

fn unreadable(request: &Request<Incoming>) -> Option<Problem> {
    let bad = |detail: &str| Some(Problem::new(ProblemCode::INVALID_PARAMETER).detail(detail));
    let uri = request.uri();
    let length = uri.path().len() + uri.query().map_or(0, str::len);
    if length > MAX_URI_BYTES {
        let detail = "Send an address of at most 8 KiB.";
        return Some(Problem::new(ProblemCode::URI_TOO_LONG).detail(detail));
    }
    if request.method() == Method::CONNECT {
        return bad("This is no proxy: CONNECT is not served.");
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => {
            return bad("HTTP/1.1 asks for a Host header.");
        }
        (_, Some(_)) => return bad("Send one Host header."),
        (Some(host), _) if request.version() == Version::HTTP_2 && is_another(uri, host) => {
            return bad("The Host header and :authority name two servers.");
        }
        _ => {}
    }
    if !is_decodable(uri.path()) {
        return bad("The path is not percent-encoded UTF-8.");
    }
    None
}

/// What a request's head takes in memory, as RFC 9113 (section 6.5.2) counts it.
fn head_bytes(request: &Request<Incoming>) -> usize {
    let uri = request.uri();
    let address = uri.path().len() + uri.query().map_or(0, str::len);
    let fields = request.headers().iter();
    address + fields.map(|(name, value)| name.as_str().len() + value.len() + 32).sum::<usize>()
}

fn overloaded() -> Problem {
    Problem::new(ProblemCode::OVERLOADED)
        .detail("Too many requests are under way. Send the request again in a moment.")
        .retry_after(1)
}

fn is_another(uri: &Uri, host: &HeaderValue) -> bool {
    let named = uri.authority().map(|authority| authority.as_str().as_bytes());
    named.is_some_and(|named| !named.eq_ignore_ascii_case(host.as_bytes()))
}

/// True if the path's escapes are whole and decode to UTF-8 without NUL.
fn is_decodable(path: &str) -> bool {
    if !path.as_bytes().contains(&b'%') {
        return true;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (bytes.next().and_then(digit), bytes.next().and_then(digit))
        else {
            return false;
        };
        decoded.push(high * 16 + low);
    }
    !decoded.contains(&0) && std::str::from_utf8(&decoded).is_ok()
}

/// A response on its way; `Unpin`, so that hyper can be driven without a box.
#[allow(clippy::large_enum_variant)] // boxing the hot variant would cost an allocation a request
pub(super) enum WireFuture {
    Refused(Option<Response>, Option<AskedStream>),
    App(Answering, Option<Working>),
    Stream(RouteFuture<Infallible>, AskedStream, #[allow(dead_code)] StreamHead), // held until dropped
}

impl Future for WireFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Refused(response, stream) => {
                let response = response.take().expect("not polled after it was ready");
                Poll::Ready(Ok(match stream {
                    Some(stream) => on_stream(response, stream),
                    None => response,
                }))
            }
            Self::App(future, working) => {
                let response = ready!(Pin::new(future).poll(cx));
                Poll::Ready(Ok(until_sent(response, working.take())))
            }
            Self::Stream(route, stream, _) => {
                let response = ready!(Pin::new(route).poll(cx))?;
                Poll::Ready(Ok(on_stream(response, stream)))
            }
        }
    }
}

/// An answer after which the connection rests: a short one soon, a longer one when its last byte has been taken.
fn until_sent(response: Response, working: Option<Working>) -> Response {
    let is_short = response.body().size_hint().upper().is_some_and(|all| all <= SHORT_ANSWER);
    if is_short {
        response
    } else {
        response.map(|inner| Body::new(Sent { inner, _working: working }))
    }
}

/// Readies an answer for its stream: without what is said to a connection of HTTP/1 (RFC 9113, section 8.2.2).
fn on_stream(mut response: Response, stream: &mut AskedStream) -> Response {
    stream.answered();
    for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
        response.headers_mut().remove(name);
    }
    response.map(|body| Body::new(Pieces::of(body)))
}
