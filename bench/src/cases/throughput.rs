//! Five-step orders over clients: orderlog, the ceiling and the peer alternate run by run, so that a noisy moment of
//! the machine affects all of them.

use crate::audit;
use crate::options::Options;
use crate::orders::{Load, drive};
use crate::peer::Peer;
use crate::program::{Backend, System};
use crate::reference::Reference;
use crate::report::{CaseReport, Curve, Figure, Goal};

/// The numbers of concurrent clients.
pub(super) const CLIENTS: [usize; 4] = [1, 16, 64, 256];
/// The sizes of the peer's pool.
const POOLS: [u32; 4] = [4, 8, 16, 32];
/// Clients during the trial of pool sizes.
const POOL_CLIENTS: usize = 64;

/// The subjects' names, in tables and pictures.
const OURS: &str = "orderlog";
const CEILING: &str = "ceiling";
const PEER: &str = "peer";

pub(super) async fn ceiling(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let reference = Reference::start(None).await?;
    for clients in CLIENTS {
        let mut rates = Vec::new();
        for _ in 0..options.runs {
            rates.push(drive(&reference.host, clients, options.duration()).await?.rate());
        }
        report.add(Figure::new(title("ceiling", clients), "requests/s", &rates));
    }
    Ok(())
}

pub(super) async fn peer(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    for pool in POOLS {
        let mut peer = Driven::new(Peer::start(pool).await?);
        let mut rates = Vec::new();
        for _ in 0..options.runs {
            rates.push(peer.drive(POOL_CLIENTS, options).await?.rate());
        }
        let name = format!("{}, pool of {pool}", title("peer", POOL_CLIENTS));
        report.add(Figure::new(name, "commands/s", &rates));
    }
    Ok(())
}

pub(super) async fn commands(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let reference = Reference::start(None).await?;
    let mut peer = match Peer::start(options.peer_pool).await {
        Ok(peer) => Some(Driven::new(peer)),
        Err(error) => {
            eprintln!("NOT MEASURED: the peer: {error:#}");
            None
        }
    };
    let mut ours = Driven::new(System::start(options.backend).await?);
    let mut curves = [OURS, CEILING, PEER]
        .map(|subject| Curve { subject: subject.to_owned(), points: Vec::new() });
    for clients in CLIENTS {
        let mut runs = Runs::default();
        for _ in 0..options.runs {
            let duration = options.duration();
            runs.ceiling.push(drive(&reference.host, clients, duration).await?.rate());
            runs.add(ours.drive(clients, options).await?);
            runs.drained.push(ours.drained);
            if let Some(peer) = &mut peer {
                runs.peer.push(peer.drive(clients, options).await?.rate());
            }
        }
        runs.report(clients, options.backend, report);
        let medians =
            [&runs.ours, &runs.ceiling, &runs.peer].map(|runs| crate::stats::spread(runs).0);
        for (curve, median) in curves.iter_mut().zip(medians) {
            curve.points.push((clients, median));
        }
    }
    report.curves = curves.into_iter().filter(|curve| curve.points[0].1 > 0.0).collect();
    Ok(())
}

pub(super) fn title(subject: &str, clients: usize) -> String {
    match clients {
        1 => format!("{subject}, 1 client"),
        clients => format!("{subject}, {clients} clients"),
    }
}

/// A system that stores what it answers, and its number of stored events.
pub(super) struct Driven<S> {
    subject: S,
    events: u64,
    /// How long its views took to catch up after the last period of load, in milliseconds.
    drained: f64,
}

impl<S> Driven<S> {
    pub(super) fn new(subject: S) -> Self {
        Self { subject, events: 0, drained: 0.0 }
    }
}

impl Driven<System> {
    pub(super) async fn drive(
        &mut self,
        clients: usize,
        options: &Options,
    ) -> anyhow::Result<Load> {
        let load = drive(&self.subject.commands, clients, options.duration()).await?;
        (self.events, self.drained) = audit::check(&self.subject.views, &load, self.events).await?;
        Ok(load)
    }
}

impl Driven<Peer> {
    async fn drive(&mut self, clients: usize, options: &Options) -> anyhow::Result<Load> {
        let load = drive(&self.subject.host, clients, options.duration()).await?;
        self.events += load.events();
        self.subject.check(self.events).await?;
        Ok(load)
    }
}

/// The runs at one number of clients.
#[derive(Default)]
struct Runs {
    ours: Vec<f64>,
    ceiling: Vec<f64>,
    peer: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    drained: Vec<f64>,
}

impl Runs {
    fn add(&mut self, mut load: Load) {
        self.ours.push(load.rate());
        self.p50.push(load.latencies.percentile(50.0));
        self.p99.push(load.latencies.percentile(99.0));
    }

    fn report(&self, clients: usize, backend: Backend, report: &mut CaseReport) {
        let (of_ceiling, of_peer) = goals(clients, backend);
        let mut figure = Figure::new(title("commands", clients), "commands/s", &self.ours)
            .compared_with(CEILING, &self.ceiling, of_ceiling);
        if !self.peer.is_empty() {
            figure = figure.compared_with(PEER, &self.peer, of_peer);
        }
        report.add(figure);
        report.add(Figure::new(title("from sending to answer, p50", clients), "ms", &self.p50));
        report.add(Figure::new(title("from sending to answer, p99", clients), "ms", &self.p99));
        report.add(
            Figure::new(title("views caught up after the load", clients), "ms", &self.drained)
                .goal(Goal::AtMost(1000.0)),
        );
    }
}

/// The goals of the ratios to the ceiling and to the peer.
fn goals(clients: usize, backend: Backend) -> (Option<Goal>, Option<Goal>) {
    let (of_ceiling, of_peer) = match (clients, backend) {
        (64, Backend::Sqlite) => (Some(0.5), Some(8.0)),
        (64, Backend::Postgres | Backend::Kafka) => (Some(0.4), Some(6.0)),
        (1, Backend::Sqlite) => (None, Some(3.0)),
        (1, Backend::Postgres | Backend::Kafka) => (None, Some(2.0)),
        _ => (None, None),
    };
    (of_ceiling.map(Goal::AtLeast), of_peer.map(Goal::AtLeast))
}
