//! The accept loop: hyper under axum, with the deadlines and caps that `axum::serve` lacks.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Largest request body, unless the route streams it.
pub const MAX_BODY_BYTES: u64 = 1024 * 1024;

/// Bounds on what clients can hold open. `Limits::default()` is what services use; tests shorten the deadlines.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For a request's head, and for the next request on a kept connection.
    pub head: Duration,
    /// For the next piece of a body.
    pub body_stall: Duration,
    /// For a whole body, unless its route streams it.
    pub body_total: Duration,
    /// For the client to take the next piece of a response.
    pub write_stall: Duration,
    /// Largest body, unless its route streams it.
    pub body_bytes: u64,
    /// Paths that take a body of any length as a stream.
    pub streamed_paths: &'static [&'static str],
    /// Connections served at a time; more wait to be accepted.
    pub connections: usize,
    /// From the shutdown signal on, requests are still taken for so long, so that whoever watches `/readyz` sees it.
    pub drain_notice: Duration,
    /// After the notice, what is in flight has so long to finish.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(8),
            body_stall: Duration::from_secs(8),
            body_total: Duration::from_secs(30),
            write_stall: Duration::from_secs(8),
            body_bytes: MAX_BODY_BYTES,
            streamed_paths: &["/v1/import"],
            connections: 4096,
            drain_notice: Duration::from_secs(1),
            drain: Duration::from_secs(7),
        }
    }
}

/// Serves `app` until `shutdown`, then drains within its bound.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let _ = (listener, app, limits, shutdown);
    todo!()
}
