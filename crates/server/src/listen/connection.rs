//! One connection: hyper's HTTP/1.1 with our deadlines, the checks that belong to no route, and a close that lets the
//! client read its last answer.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Version, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::socket::Socket;
use super::unread::{Answering, Asked, closing};
use crate::context::RequestContext;
use crate::edge::refuse;
use crate::limits::{Limits, MAX_HEAD_BYTES, MAX_URI_BYTES};
use crate::problem::{Problem, ProblemCode};
use crate::stats;

/// hyper's buffer for a head and for pieces of a body.
const BUFFER_BYTES: usize = 128 * 1024;

/// How long a closing connection is read, so that what the client still sends does not erase our last answer.
const LINGER: Duration = Duration::from_secs(1);

/// And how many bytes of it.
const LINGER_BYTES: usize = 8 * 1024 * 1024;

/// The requests that connections may still send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Open,
    /// The server is stopping: health and metrics, one request a connection.
    Stopping,
}

/// Serves one connection to its end. When `graceful` is cancelled, it finishes the request in flight and begins no other.
pub(super) async fn run(
    stream: TcpStream,
    app: Router,
    limits: Arc<Limits>,
    stage: Stage,
    graceful: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let io = TokioIo::new(Socket::new(stream, limits.write_stall));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .keep_alive(stage == Stage::Open)
        .serve_connection(io, Wire { app, limits, stage });
    let ended = tokio::select! {
        biased;
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
        () = graceful.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    linger(connection.into_parts().io.into_inner().into_stream()).await;
}

/// Closes our side, then reads on until the client closes its own, within bounds.
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let drained = async {
        let mut scratch = [0; 4096];
        let mut left = LINGER_BYTES;
        while left > 0 {
            match stream.read(&mut scratch).await {
                Ok(0) | Err(_) => return,
                Ok(count) => left = left.saturating_sub(count),
            }
        }
    };
    // Either way the stream is closed next.
    let _ = tokio::time::timeout(LINGER, drained).await;
}

/// The service that hyper calls.
struct Wire {
    app: Router,
    limits: Arc<Limits>,
    stage: Stage,
}

impl hyper::service::Service<Request<Incoming>> for Wire {
    type Response = Response;
    type Error = Infallible;
    type Future = WireFuture;

    fn call(&self, request: Request<Incoming>) -> WireFuture {
        if let Some(refusal) = unreadable(&request).or_else(|| self.stopping(&request)) {
            return WireFuture::Refused(Some(refused(&request, refusal)));
        }
        let (request, asked) = Asked::of(request, &self.limits);
        WireFuture::App(Answering::new(asked, self.app.clone().call(request)))
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
        _ => {}
    }
    if !is_decodable(uri.path()) {
        return bad("The path is not percent-encoded UTF-8.");
    }
    None
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
enum WireFuture {
    Refused(Option<Response>),
    App(Answering),
}

impl Future for WireFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Refused(response) => {
                Poll::Ready(Ok(response.take().expect("not polled after it was ready")))
            }
            Self::App(future) => Pin::new(future).poll(cx).map(Ok),
        }
    }
}
