//! The systems that walks run against, and how they are struck: one program or all of them are killed or stopped, and
//! started again. Projections are rebuilt while they serve.

use crate::door::Shop;
use crate::tally::Tally;
use rig::postgres::Database;
use rig::rng::Rng;
use std::path::Path;
use system_tests::program::Program;
use system_tests::server::{self, Launch, Server};
use system_tests::system::{self, Kind, SERVICES};
use tempfile::TempDir;

/// The system to run.
#[derive(Debug, Clone)]
pub enum Shape {
    /// `orderlog serve`, or the system that `ORDERLOG_SYSTEM` names.
    Chosen,
    /// Two command-services, a projector and a query service over two SQLite files.
    TwoWritersOnFiles,
    /// The same on PostgreSQL: one database for the log, one for the views.
    TwoWritersOnPostgres { log: Database, views: Database },
}

#[derive(Debug)]
pub struct System {
    shape: Shape,
    data: TempDir,
    parts: Vec<(Part, Server)>,
}

/// A program of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Writer,
    Projector,
    Reader,
}

impl System {
    pub async fn start(shape: Shape) -> Self {
        let data = TempDir::new().expect("a folder can be made");
        let mut system = Self { shape, data, parts: vec![] };
        let parts: &[Part] = match system.shape {
            Shape::Chosen => &[Part::Whole],
            // One after another: the first creates the tables.
            _ => &[Part::Writer, Part::Writer, Part::Projector, Part::Reader],
        };
        for part in parts {
            let server = system.launch(*part).await;
            system.parts.push((*part, server));
        }
        system
    }

    async fn launch(&self, part: Part) -> Server {
        let free = ["--listen", "127.0.0.1:0"];
        let (log, views) = (self.log(), self.views());
        match part {
            Part::Whole => Server::start(self.data.path()).await,
            Part::Writer => {
                let launch = Launch::new(Program::CommandService).args(free);
                launch.args(["--event-store", &log]).serve().await
            }
            Part::Projector => {
                let launch = Launch::new(Program::Projector).args(free);
                launch.args(["--source", &log, "--read-model", &views]).serve().await
            }
            Part::Reader => {
                let launch = Launch::new(Program::QueryService).args(free);
                launch.args(["--read-model", &views]).serve().await
            }
        }
    }

    fn log(&self) -> String {
        match &self.shape {
            Shape::TwoWritersOnPostgres { log, .. } => log.url(),
            _ => file(self.data.path(), "events.db"),
        }
    }

    fn views(&self) -> String {
        match &self.shape {
            Shape::TwoWritersOnPostgres { views, .. } => views.url(),
            _ => file(self.data.path(), "views.db"),
        }
    }

    /// Clients of all programs that run now; each checks answers against the served OpenAPI document.
    pub async fn shop(&self) -> Shop {
        let mut writers = Vec::new();
        let mut reader = None;
        for (part, server) in &self.parts {
            if matches!(part, Part::Whole | Part::Writer) {
                writers.push(server.client().await);
            }
            if matches!(part, Part::Whole | Part::Reader) {
                reader = Some(server.client().await);
            }
        }
        Shop { writers, reader: reader.expect("every system has views") }
    }

    /// Kills or stops one program, or all of them, and starts again what has ended.
    pub async fn strike(&mut self, rng: &mut Rng, tally: &Tally) {
        let all = rng.chance(30);
        if self.is_scaled_out() && !all {
            return self.strike_service(rng, tally).await;
        }
        let one = usize::try_from(rng.below(self.parts.len() as u64)).expect("few");
        let struck: Vec<usize> =
            (0..self.parts.len()).filter(|index| all || *index == one).collect();
        let mut left = std::mem::take(&mut self.parts).into_iter().map(Some).collect::<Vec<_>>();
        for index in &struck {
            let (_, server) = left[*index].take().expect("each is struck once");
            match rng.chance(60) {
                true => {
                    server.kill().await;
                    tally.kills.one();
                }
                false => {
                    server.stop().await;
                    tally.restarts.one();
                }
            }
        }
        let kinds = match left.len() {
            1 => vec![Part::Whole],
            _ => vec![Part::Writer, Part::Writer, Part::Projector, Part::Reader],
        };
        for (part, place) in kinds.into_iter().zip(left) {
            let server = match place {
                Some((_, server)) => server,
                None => self.launch(part).await,
            };
            self.parts.push((part, server));
        }
    }

    /// Whether it has an entry point, which resends keyed requests when a service is gone.
    pub fn is_scaled_out(&self) -> bool {
        matches!(self.shape, Shape::Chosen) && system::chosen() == Kind::ScaledOut
    }

    /// Kills or stops one service; its twin and the entry point stay.
    async fn strike_service(&self, rng: &mut Rng, tally: &Tally) {
        let service = rng.pick(&SERVICES);
        let signal = if rng.chance(60) { "KILL" } else { "TERM" };
        tally.services.one();
        server::strike(self.data.path(), service, signal).await;
    }

    /// A rebuild of some projections, or of all.
    pub fn rebuild(&self, rng: &mut Rng) -> Launch {
        let some = [
            "orders",
            "history",
            "customers",
            "products",
            "sales",
            "proofs",
            "orders,sales",
            "history,customers",
        ];
        let verb = match rng.chance(40) {
            true => "--rebuild".to_owned(),
            false => format!("--rebuild={}", rng.pick(&some)),
        };
        self.orderlog(&verb)
    }

    /// Runs a verb on the system's storage.
    pub fn orderlog(&self, verb: &str) -> Launch {
        match &self.shape {
            Shape::Chosen => Launch::on_storage(self.data.path(), verb),
            Shape::TwoWritersOnFiles => {
                Launch::new(Program::Orderlog).args([verb, "--data-dir"]).args([self.data.path()])
            }
            Shape::TwoWritersOnPostgres { log, views } => Launch::new(Program::Orderlog).args([
                verb,
                "--event-store",
                &log.url(),
                "--read-model",
                &views.url(),
            ]),
        }
    }

    /// Stops everything in order, then compares the views with a fresh fold of the log.
    pub async fn end(self) -> Result<(), String> {
        let verify = self.orderlog("verify");
        for (_, server) in self.parts {
            server.stop().await;
        }
        let output = verify.run().await;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("verify: {output:?}")),
        }
    }
}

fn file(data: &Path, name: &str) -> String {
    format!("sqlite://{}", data.join(name).display())
}
