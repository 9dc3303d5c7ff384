//! `GET /v1/events/stream`: all events as they come, as server-sent events.
//!
//! Pull, not push: the next page is read when the client has taken the last one. So a slow client costs one page of
//! memory and delays no other client. Between events a comment keeps the connection alive. The stream ends when the
//! server drains or cannot read; the client comes back with `Last-Event-ID` and misses nothing. If its position is above
//! the log's end, an event `head` says so: the position may be one of another log.

use super::events;
use crate::app::App;
use crate::params::invalid;
use crate::problems::ReadProblems;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use identity::{Identity, Scope};
use read_model::read::positions::Projection;
use serde::Deserialize;
use server::{Problem, StrictQuery};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use utoipa::IntoParams;

/// Events read at once.
const PAGE: usize = 256;
/// A page ends with the event that brings it to this many bytes: the memory that a client which takes nothing costs.
const PAGE_BYTES: usize = 256 << 10;
/// How often a stream without events sends a comment.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// The pause after a page that was announced and is not there (a projection was rolled back).
const PAUSE: Duration = Duration::from_millis(100);
/// A comment, which clients pass over.
const COMMENT: &[u8] = b": alive\n\n";

/// Where the stream begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// Events after this position; from the first if not given. `Last-Event-ID` goes before it.
    after: Option<u64>,
}

/// All events as they come.
///
/// Server-sent events: `id` is the position, `data` the CloudEvent on one line. Where the position asked for is above the
/// last one there is, an event named `head` comes first, `data` being `{"head":N,"after":M}`: the position is one of
/// another log, or the view has not come to it yet. Then what comes after the position asked for is awaited.
#[utoipa::path(get, path = "/v1/events/stream", tag = "events",
    params(StreamQuery, ("Last-Event-ID" = Option<u64>, Header, description = "The position of the last event seen.")),
    responses((status = 200, description = "events, without an end", body = String,
        content_type = "text/event-stream"), ReadProblems))]
pub async fn stream(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<StreamQuery>,
    identity: Identity,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = match headers.get("last-event-id") {
        Some(id) => last_event_id(id)?,
        None => query.after.unwrap_or(0),
    };
    app.model()?;
    let permit = app.stream_permit()?;
    let following = Following {
        app,
        scope: identity.scope(),
        identity,
        after,
        is_placed: false,
        _permit: permit,
    };
    let body = futures::stream::unfold(following, async |mut following| {
        let bytes = following.next().await?;
        Some((Ok::<_, Infallible>(bytes), following))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn last_event_id(id: &HeaderValue) -> Result<u64, Problem> {
    let text = id.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| invalid("Last-Event-ID", "the position of an event: a whole number"))
}

/// A client's place in the feed.
struct Following {
    app: App,
    scope: Scope,
    identity: Identity,
    after: u64,
    /// Whether the log is known to reach `after`, or the client was informed that it does not.
    is_placed: bool,
    _permit: OwnedSemaphorePermit,
}

impl Following {
    /// The next events or a comment; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        let (draining, identity) = (self.app.draining().clone(), self.identity.clone());
        tokio::select! {
            biased;
            () = draining.cancelled() => None,
            () = identity.lapsed() => None,
            bytes = self.wait() => bytes,
        }
    }

    async fn wait(&mut self) -> Option<Bytes> {
        // The keep-alive bounds the loop: each round finds events, waits for them, or sends a comment.
        loop {
            if let Some(events) = self.page().await? {
                return Some(events);
            }
            let next = self.after.saturating_add(1);
            let positions = self.app.positions();
            if positions.reach(|at| at.of(Projection::HISTORY), next, KEEP_ALIVE).await.is_err() {
                return Some(Bytes::from_static(COMMENT));
            }
            if let Some(events) = self.page().await? {
                return Some(events);
            }
            sleep(PAUSE).await;
        }
    }

    /// The page after the last event, as server-sent events; `Some(None)` when there is none yet.
    async fn page(&mut self) -> Option<Option<Bytes>> {
        // In a task of its own: while the client takes nothing, this future is not polled and must hold no connection.
        let (model, after) = (self.app.model().ok()?.clone(), self.after);
        let scope = self.scope.clone();
        let read =
            tokio::spawn(
                async move { events::page(&model, &scope, after, PAGE, PAGE_BYTES).await },
            );
        let seen = match AbortOnDropHandle::new(read).await.ok()? {
            Ok(seen) => seen,
            Err(error) => {
                tracing::warn!(%error, event.position = self.after, "an event stream ends: the feed cannot be read");
                return None;
            }
        };
        let was_placed = std::mem::replace(&mut self.is_placed, true);
        if !was_placed && seen.position < self.after {
            return Some(Some(short(seen.position, self.after)));
        }
        let Some(last) = seen.found.events.last() else {
            if self.scope != Scope::All {
                // Up to here there are only others' events: they need not be looked at again.
                self.after = self.after.max(seen.position);
            }
            return Some(None);
        };
        self.after = last.position;
        let mut bytes = Vec::new();
        for event in &seen.found.events {
            bytes.extend_from_slice(format!("id: {}\ndata: ", event.position).as_bytes());
            let data = bytes.len();
            events::write(event, &mut bytes);
            // A line break in stored JSON is white space, but would end the data here.
            let breaks = bytes[data..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r'));
            breaks.for_each(|byte| *byte = b' ');
            bytes.extend_from_slice(b"\n\n");
        }
        Some(Some(bytes.into()))
    }
}

/// The event which says that the log ends before the requested position. It has no `id`, so the client keeps its place.
fn short(head: u64, after: u64) -> Bytes {
    Bytes::from(format!("event: head\ndata: {{\"head\":{head},\"after\":{after}}}\n\n"))
}
