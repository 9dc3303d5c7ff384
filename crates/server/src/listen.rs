//! The accept loop: hyper under axum, over TCP or TLS, with the deadlines and caps that `axum::serve` lacks.
//!
//! A shutdown signal starts three phases. During the notice `/readyz` says 503 and everything else goes on, so that a
//! load balancer can choose another server. Then connections finish the request in flight and close; new ones get
//! health and metrics only. After the drain bound, open connections are cut. Client deadlines are in [`Limits`].

mod bind;
mod blocks;
mod connection;
mod heads;
mod places;
mod preface;
mod sent;
mod socket;
mod streams;
mod tls;
mod transport;
mod unread;
mod wire;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

pub use crate::limits::{Limits, MAX_BODY_BYTES};
pub use bind::{BindError, Exposure, bind, refuse_public_bind};
use connection::Accepted;
use heads::Heads;
use places::Places;
pub use tls::{Tls, TlsError, TlsFiles};
use wire::Stage;

/// Pause after a failed accept (no file handles left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Failed accepts in a row that mean the listener is gone: about a minute.
const MAX_ACCEPT_FAILURES: u32 = 1200;

/// Pause between two looks for a connection that may give way, while none does.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// How often samples of histograms are folded into their buckets.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// Where a server listens, and whether it speaks TLS there.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Tls>,
}

impl Listener {
    /// Listens with TLS, if certificates are given.
    #[must_use]
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// The address that it got.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}

/// Serves `app` until `shutdown`, then drains within its bound. Prints `listening on http://…` (`https://…`) once.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: impl Into<Listener>,
    app: Router,
    limits: Limits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let listener = listener.into();
    let address = listener.local_addr()?;
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    let app = crate::layer(app, &limits);
    crate::health::recorder();
    // A closed stdout is no reason not to serve.
    let _ = writeln!(io::stdout(), "listening on {scheme}://{address}");
    let places = Places::new(limits.connections);
    let mut server = Server {
        listener,
        app,
        limits: Arc::new(limits),
        places,
        heads: Heads::default(),
        failures: 0,
    };
    let graceful = CancellationToken::new();
    let mut connections = JoinSet::new();
    server.accept_until(shutdown.cancelled(), &mut connections, Stage::Open, &graceful).await?;
    tracing::info!(connections = connections.len(), "stopping: requests are taken a little longer");
    let notice = sleep(server.limits.drain_notice);
    server.accept_until(notice, &mut connections, Stage::Open, &graceful).await?;
    graceful.cancel();
    server.drain(connections).await
}

struct Server {
    listener: Listener,
    app: Router,
    limits: Arc<Limits>,
    places: Places,
    heads: Heads,
    failures: u32,
}

impl Server {
    /// Takes connections until `end`.
    async fn accept_until(
        &mut self,
        end: impl Future<Output = ()>,
        connections: &mut JoinSet<()>,
        stage: Stage,
        graceful: &CancellationToken,
    ) -> io::Result<()> {
        let mut upkeep = interval(METRICS_UPKEEP);
        tokio::pin!(end);
        loop {
            let room = self.places.have_room(connections.len());
            tokio::select! {
                biased;
                () = &mut end => return Ok(()),
                Some(ended) = connections.join_next() => report(ended),
                _ = upkeep.tick() => crate::health::recorder().run_upkeep(),
                () = sleep(FULL_PAUSE), if !room => self.places.make_room(),
                accepted = self.listener.tcp.accept(), if room => {
                    if let Some((stream, peer)) = self.accepted(accepted).await? {
                        let (tls, heads) = (self.listener.tls.clone(), self.heads.clone());
                        let accepted = Accepted { stream, peer, tls, heads };
                        let (app, limits) = (self.app.clone(), Arc::clone(&self.limits));
                        let place = self.places.take(connections.len(), graceful.child_token());
                        connections.spawn(connection::run(accepted, app, limits, stage, place));
                    }
                }
            }
        }
    }

    async fn accepted(
        &mut self,
        accepted: io::Result<(TcpStream, SocketAddr)>,
    ) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        match accepted {
            Ok(accepted) => {
                self.failures = 0;
                Ok(Some(accepted))
            }
            Err(error) if self.failures < MAX_ACCEPT_FAILURES => {
                self.failures += 1;
                if self.failures == 1 {
                    tracing::warn!(%error, "a connection could not be accepted; retrying");
                }
                sleep(ACCEPT_PAUSE).await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for requests in flight, within the bound; `/readyz` is answered to the end.
    async fn drain(mut self, mut connections: JoinSet<()>) -> io::Result<()> {
        let deadline = Instant::now() + self.limits.drain;
        let mut late = JoinSet::new();
        let finished = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        let end = async {
            tokio::select! { () = finished => {}, () = sleep_until(deadline) => {} }
        };
        // New connections have a token of their own: they serve one request and close by themselves.
        let accepting =
            self.accept_until(end, &mut late, Stage::Stopping, &CancellationToken::new()).await;
        match connections.len() {
            0 => tracing::info!("all requests in flight are finished"),
            cut => tracing::warn!(cut, "connections did not finish in time and are cut"),
        }
        accepting
    }
}

/// Logs a panic of a connection's task. The edge answers handlers' panics, so one that comes here is a defect of ours.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection's task panicked");
    }
}

#[cfg(test)]
mod tests;
