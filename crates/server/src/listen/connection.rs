//! One connection: TLS and the version of HTTP, hyper with our deadlines, and a close that lets the client read its last
//! answer.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::heads::Heads;
use super::places::Place;
use super::preface::{FirstBytes, Protocol, recognise};
use super::socket::Socket;
use super::streams::{PIECE_BYTES, Streams};
use super::tls::Tls;
use super::transport::Transport;
use super::wire::{Stage, Wire};
use crate::limits::{Limits, MAX_HEAD_BYTES};

/// hyper's buffer for a head and for pieces of a body. A connection keeps it: all of them fit in 256 MiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// Requests that a client of HTTP/2 may have under way on a connection (RFC 9113 asks for 100 at least).
const MAX_STREAMS: u32 = 100;

/// Bytes of a request's body that a client of HTTP/2 may send ahead of its reader, and those of all bodies of a connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// How long a closing connection is read, so that what the client still sends does not erase our last answer.
const LINGER: Duration = Duration::from_secs(1);

/// And how many bytes of it.
const LINGER_BYTES: usize = 8 * 1024 * 1024;

/// A client's connection as it was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) tls: Option<Tls>,
    pub(super) heads: Heads,
}

/// Serves one connection to its end. When its place is to be left in peace, it finishes the requests in flight and begins
/// no other.
pub(super) async fn run(
    accepted: Accepted,
    app: axum::Router,
    limits: Arc<Limits>,
    stage: Stage,
    place: Place,
) {
    if let Err(error) = accepted.stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let (peer, heads) = (accepted.peer, accepted.heads.clone());
    let opened = tokio::select! {
        opened = timeout(limits.head, open(accepted)) => opened,
        () = place.graceful().cancelled() => return,
    };
    let Ok(Ok((transport, found))) = opened else {
        tracing::debug!("a connection ended before its first request");
        return;
    };
    let (protocol, _) = found;
    let socket = Socket::new(transport, found, heads.of_connection(), limits.write_stall);
    let wire = Wire { app, limits, stage, peer, place, heads, streams: None };
    match protocol {
        Protocol::Http1 => serve_http1(socket, wire).await,
        Protocol::Http2 => serve_http2(socket, wire).await,
    }
}

/// Agrees on TLS, if it is spoken here, and on the version of HTTP.
async fn open(accepted: Accepted) -> io::Result<(Transport, (Protocol, FirstBytes))> {
    let mut transport = match &accepted.tls {
        None => Transport::Plain(accepted.stream),
        Some(tls) => Transport::Tls(Box::new(tls.acceptor().accept(accepted.stream).await?)),
    };
    let found = match transport.agreed() {
        Some(protocol) => (protocol, FirstBytes::default()),
        None => recognise(&mut transport).await?,
    };
    Ok((transport, found))
}

async fn serve_http1(socket: Socket, wire: Wire) {
    let place = wire.place.clone();
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(wire.limits.head)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .keep_alive(wire.stage == Stage::Open)
        .serve_connection(TokioIo::new(socket), wire);
    let ended = tokio::select! {
        biased;
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
        () = place.graceful().cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            tokio::select! {
                biased;
                ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
                () = place.is_due() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    let transport = connection.into_parts().io.into_inner().into_stream();
    // Either way the connection is closed next.
    let _ = timeout(LINGER, linger(transport)).await;
}

/// As HTTP/1: a connection that rests for as long as a head may take is closed.
async fn serve_http2(socket: Socket, mut wire: Wire) {
    let (limits, stage, place) = (Arc::clone(&wire.limits), wire.stage, wire.place.clone());
    let streams = Streams::none(limits.write_stall, place.clone());
    wire.streams = Some(streams.clone());
    let connection = http2::Builder::new(streams.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD_BYTES as u32)
        .max_send_buf_size(PIECE_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .serve_connection(TokioIo::new(socket), wire);
    let mut connection = pin!(connection);
    let rests = async {
        tokio::select! {
            () = place.graceful().cancelled() => {}
            () = streams.idle(limits.head) => {}
            // One that comes while the server stops has its first requests answered.
            () = std::future::ready(()), if stage == Stage::Stopping => {}
        }
    };
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = streams.abused() => return tracing::debug!("a client gave up too many requests"),
        () = rests => {
            connection.as_mut().graceful_shutdown();
            let deadline = async {
                sleep(limits.head).await;
                streams.idle(limits.head).await;
            };
            tokio::select! {
                biased;
                ended = connection.as_mut() => ended,
                () = streams.abused() => return,
                () = place.is_due() => return,
                () = deadline => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Closes our side, then reads on until the client closes its own, within bounds.
async fn linger(mut stream: Transport) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut scratch = [0; 4096];
    let mut left = LINGER_BYTES;
    while left > 0 {
        match stream.read(&mut scratch).await {
            Ok(0) | Err(_) => return,
            Ok(count) => left = left.saturating_sub(count),
        }
    }
}
