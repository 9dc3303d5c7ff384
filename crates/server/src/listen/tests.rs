//! The listener's rules, tried over raw sockets: a server on a free port, short deadlines, bytes as a client sends them.

mod crowds;
mod deadlines;
mod drain;
mod http2;
mod refusals;
mod reuse;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Limits, Listener, bind, serve};
use crate::health::Readiness;
use crate::problem::{Problem, ProblemCode};

/// A code that a service adds to those of any HTTP service.
const CONFLICT: ProblemCode = ProblemCode::new("conflict", StatusCode::CONFLICT, "A conflict");
/// No answer takes longer, on any machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Deadlines that tests can wait for.
fn short_limits() -> Limits {
    Limits {
        head: Duration::from_millis(300),
        body_stall: Duration::from_millis(300),
        body_total: Duration::from_millis(900),
        unread_wait: Duration::from_millis(300),
        write_stall: Duration::from_millis(300),
        drain_notice: Duration::from_millis(300),
        drain: Duration::from_millis(900),
        ..Limits::default()
    }
}

/// Deadlines that no test meets.
fn long_limits() -> Limits {
    Limits { drain_notice: Duration::from_millis(50), ..Limits::default() }
}

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    /// A permit lets one `GET /held` go.
    gate: Arc<Semaphore>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(limits: Limits) -> Running {
    start_with(limits, |listener| listener).await
}

async fn start_with(limits: Limits, change: impl FnOnce(Listener) -> Listener) -> Running {
    let listener = change(bind("127.0.0.1:0", super::Exposure::LoopbackOnly).await.unwrap());
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let gate = Arc::new(Semaphore::new(0));
    let readiness = Readiness::draining_on(shutdown.clone());
    let app = app(Arc::clone(&gate), readiness);
    let task = tokio::spawn(serve(listener, app, limits, shutdown.clone()));
    Running { address, shutdown, gate, task }
}

fn app(gate: Arc<Semaphore>, readiness: Readiness) -> Router {
    let draining = readiness.draining();
    let held = async move || {
        gate.acquire().await.unwrap().forget();
        "held"
    };
    let events = async move || {
        let endless = futures::stream::pending::<Result<Event, std::io::Error>>();
        Sse::new(endless.take_until(draining.cancelled_owned()))
    };
    Router::new()
        .route("/", get(async || "home"))
        .route("/measure", post(async |body: Bytes| body.len().to_string()))
        .route("/v1/import", post(measure_stream))
        .route("/status/{status}/{reading}", post(answer_with))
        .route("/echo", post(async |body: Body| Body::from_stream(body.into_data_stream())))
        .route("/held", get(held))
        .route("/events", get(events))
        .route("/quarter", get(async || vec![b'x'; 256 * 1024]))
        .route("/large", get(async || vec![b'x'; 64 * 1024 * 1024]))
        .route("/panic", get(async || -> &'static str { panic!("planted") }))
        .merge(crate::health::router(readiness))
}

async fn measure_stream(body: Body) -> String {
    let pieces = body.into_data_stream().map(|piece| piece.unwrap().len());
    pieces.fold(0, async |sum, length| sum + length).await.to_string()
}

/// Answers with the status named, and reads none, some or all of the body before.
async fn answer_with(Path((status, reading)): Path<(u16, String)>, request: Request) -> Response {
    let mut pieces = request.into_body().into_data_stream();
    let wanted = match reading.as_str() {
        "none" => 0,
        "some" => 1,
        _ => usize::MAX,
    };
    for _ in 0..wanted {
        let Some(Ok(_)) = pieces.next().await else { break };
    }
    let mut codes = ProblemCode::SHARED.iter().chain([&CONFLICT]);
    if let Some(code) = codes.find(|code| code.status() == status) {
        return Problem::new(*code).into_response();
    }
    let status = StatusCode::from_u16(status).unwrap();
    (status, if status == StatusCode::NOT_MODIFIED { "" } else { "answered" }).into_response()
}

struct Client(TcpStream);

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Client {
    async fn to(server: &Running) -> Self {
        Self(TcpStream::connect(server.address).await.unwrap())
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        // The server may have closed already; what it said is what counts.
        let _ = self.0.write_all(bytes.as_ref()).await;
        self
    }

    /// One whole response.
    async fn answer(&mut self) -> Answer {
        timeout(PATIENCE, self.read_answer()).await.expect("an answer within the patience of tests")
    }

    /// The response that comes after those that only ask to go on.
    async fn final_answer(&mut self) -> Answer {
        match self.answer().await {
            on if on.status == 100 => self.answer().await,
            answer => answer,
        }
    }

    async fn read_answer(&mut self) -> Answer {
        let head = self.head().await;
        let status = head[9..12].parse().unwrap();
        let length = header(&head, "content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        Answer { status, head, body: String::from_utf8(body).unwrap() }
    }

    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.expect("a response before the connection ends"));
        }
        String::from_utf8(head).unwrap()
    }

    /// Waits for the server's close; returns what came before it.
    async fn closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("a close in time");
        if let Err(error) = read {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
        rest
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
}

impl Answer {
    /// What the answer says of its connection, in all its fields.
    fn connection(&self) -> String {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let said = lines.filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
        said.map(|(_, value)| value.trim().to_lowercase()).collect::<Vec<_>>().join(", ")
    }

    /// The answer is a problem document of this kind, and consistent in itself.
    #[track_caller]
    fn is_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}{}", self.head, self.body);
        let kind = header(&self.head, "content-type");
        assert_eq!(kind.as_deref(), Some("application/problem+json"), "{}", self.head);
        let document: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(document["code"], code, "{document}");
        assert_eq!(document["status"], status);
        assert_eq!(document["type"], format!("/problems/{code}"));
        let correlation_id = header(&self.head, "x-correlation-id");
        assert_eq!(document["correlation_id"].as_str(), correlation_id.as_deref());
        document
    }
}

/// Sends one request on a connection of its own.
async fn ask(server: &Running, request: impl AsRef<[u8]>) -> Answer {
    Client::to(server).await.send(request).await.answer().await
}

fn get_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}
