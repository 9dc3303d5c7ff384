//! The accept loop: hyper under axum, with the deadlines and caps that `axum::serve` lacks.

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Bounds on what clients can hold open.
#[derive(Debug, Clone)]
pub struct Limits;

/// Serves `app` until `shutdown`, then drains within its bound.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(listener: TcpListener, app: Router, limits: Limits, shutdown: CancellationToken) -> std::io::Result<()> {
    let _ = (listener, app, limits, shutdown);
    todo!()
}
