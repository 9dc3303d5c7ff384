//! HTTP: reads a request, asks the sandbox, and lets the caller have what the plan lets it have.
//!
//! A connection that the plan cuts ends without an answer. A silent one is held until the caller leaves.

use crate::core::{Fate, Reaction, Reply, Request};
use crate::shared::Shared;
use crate::shell::control;
use crate::shell::delivery::Receiver;
use crate::shell::response::{json_response, status};
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;

/// The longest body that is read.
const MAX_BODY: usize = 256 * 1024;
/// How long a silent connection is held at most.
const MAX_SILENCE: Duration = Duration::from_secs(600);
/// The longest time in which a request's head may come.
const HEAD: Duration = Duration::from_secs(30);

/// The plan cuts this connection.
#[derive(Debug, thiserror::Error)]
#[error("cut, as planned")]
struct Cut;

/// Serves connections for ever.
///
/// # Errors
/// When the listener can accept no more.
pub async fn serve(
    listener: TcpListener,
    shared: Shared,
    receiver: Option<Receiver>,
) -> io::Result<Infallible> {
    loop {
        let (stream, _) = listener.accept().await?;
        let (shared, receiver) = (shared.clone(), receiver.clone());
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
                let (shared, receiver) = (shared.clone(), receiver.clone());
                async move { answered(&shared, receiver.as_ref(), request.map(Body::new)).await }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
            // How a connection ends concerns its client alone.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answered(
    shared: &Shared,
    receiver: Option<&Receiver>,
    request: HttpRequest,
) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return Ok(status(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let path = head.uri.path();
    if let Some(rest) = path.strip_prefix("/sandbox/") {
        return Ok(control::answer(shared, &head.method, rest, &body));
    }
    let request = read(&head, &body);
    let Reaction { webhooks_first, fate, .. } = shared.call(&request).await;
    if webhooks_first && let Some(receiver) = receiver {
        receiver.send_due(shared).await;
    }
    match fate {
        Fate::Answer(reply) => Ok(written(reply)),
        Fate::Cut => Err(Cut),
        Fate::Silence => {
            tokio::time::sleep(MAX_SILENCE).await;
            Err(Cut)
        }
    }
}

fn read(head: &http::request::Parts, body: &[u8]) -> Request {
    let text = |name: &str| head.headers.get(name).and_then(|it| it.to_str().ok());
    let query = head.uri.query().unwrap_or_default();
    let mut form: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let json = text("content-type").is_some_and(|it| it.starts_with("application/json"));
    if !json {
        form.extend(form_urlencoded::parse(body).into_owned());
    }
    let key = text("authorization").unwrap_or_default().strip_prefix("Bearer ");
    Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        form,
        json: json.then(|| serde_json::from_slice(body).unwrap_or_default()),
        key: text("idempotency-key").map(ToOwned::to_owned),
        known_caller: key.is_some_and(|key| key.starts_with("sk_")),
    }
}

fn written(reply: Reply) -> Response<Body> {
    let mut response = json_response(reply.status, reply.body.to_string());
    let headers = response.headers_mut();
    if let Some(seconds) = reply.retry_after_s {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if reply.replayed {
        headers.insert("idempotent-replayed", header::HeaderValue::from_static("true"));
    }
    response
}
