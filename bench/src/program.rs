//! The system under test: the real programs, in separate processes, with their own data.
//!
//! On SQLite it is the all-in-one server over a folder. On PostgreSQL it is the three services over two databases of a
//! private server, if requested with Kafka between log and views. Either way commands go to one address and views are
//! read from one.

use anyhow::{Context, bail};
use rig::kafka::{Broker, Listeners};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long a server may take to end after the request to stop.
const STOPPING: Duration = Duration::from_secs(15);

/// The topic of a private broker.
const TOPIC: &str = "orderlog.events";

/// Where events and views are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// One process over two SQLite files.
    Sqlite,
    /// Three processes over PostgreSQL.
    Postgres,
    /// Like `Postgres`, plus a relay: a topic of a private broker feeds the views.
    Kafka,
}

impl Backend {
    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Kafka => "kafka",
        }
    }
}

/// The place of a system's data; it outlives the processes.
#[derive(Debug)]
pub enum Data {
    /// A folder, removed when dropped.
    Folder(TempDir),
    /// The URLs of the log and of the views.
    Databases {
        /// The log.
        events: String,
        /// The views.
        views: String,
        /// The broker between log and views, if there is one.
        broker: Option<Broker>,
    },
}

/// A running system; killed when dropped.
#[derive(Debug)]
pub struct System {
    processes: Vec<Process>,
    /// The address for commands, `host:port`.
    pub commands: String,
    /// The address for views, `host:port`.
    pub views: String,
    /// The place of its data.
    pub data: Data,
}

/// One running program; killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
}

impl Data {
    /// Empty data.
    ///
    /// # Errors
    /// When it cannot be created, or no PostgreSQL server can run here.
    pub async fn empty(backend: Backend) -> anyhow::Result<Self> {
        match backend {
            Backend::Sqlite => {
                Ok(Self::Folder(tempfile::Builder::new().prefix("orderlog-bench-").tempdir()?))
            }
            Backend::Postgres => {
                let (events, views) = (database().await?, database().await?);
                Ok(Self::Databases { events, views, broker: None })
            }
            Backend::Kafka => {
                let (events, views) = (database().await?, database().await?);
                let broker = rig::kafka::broker_or_say(Listeners::Plain, "anything through Kafka");
                let broker = Some(broker.context("no Kafka broker can run here")?);
                Ok(Self::Databases { events, views, broker })
            }
        }
    }

    fn folder(&self) -> anyhow::Result<&str> {
        match self {
            Self::Folder(folder) => {
                folder.path().to_str().context("the temporary folder's path is not UTF-8")
            }
            Self::Databases { .. } => bail!("data in databases has no folder"),
        }
    }

    /// The program that imports from its standard input into this data while no server runs.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn importing(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(binary("orderlog")?);
        command.args(["import", "-"]);
        match self {
            Self::Folder(_) => command.args(["--data-dir", self.folder()?]),
            Self::Databases { events, views, .. } => {
                command.args(["--event-store", events, "--read-model", views])
            }
        };
        Ok(command)
    }
}

/// The projector's source of events.
fn source(events: &str, broker: Option<&Broker>) -> String {
    broker.map_or(events.to_owned(), |broker| format!("kafka://{}/{TOPIC}", broker.address()))
}

/// Starts a relay; returns the address of its metrics, too.
///
/// # Errors
/// When it is not built or ends before it listens.
pub async fn relay(events: &str, broker: &Broker) -> anyhow::Result<(Process, String)> {
    let broker = broker.address();
    let arguments = ["--listen", "127.0.0.1:0", "--event-store", events, "--kafka", &broker];
    serve("relay", &[&arguments[..], &["--topic", TOPIC]].concat()).await
}

/// A new database on the private PostgreSQL server.
///
/// # Errors
/// When no PostgreSQL server can run here.
pub async fn database() -> anyhow::Result<String> {
    let database = rig::postgres::database_or_say("anything on PostgreSQL (here: measured)").await;
    Ok(database.context("no PostgreSQL server can run here")?.url())
}

impl System {
    /// Starts the system without data.
    ///
    /// # Errors
    /// When a program is not built or ends before it listens.
    pub async fn start(backend: Backend) -> anyhow::Result<Self> {
        Self::start_on(Data::empty(backend).await?).await
    }

    /// Starts one process without data that seals texts about people.
    ///
    /// # Errors
    /// Those of [`Self::start`].
    pub async fn start_sealing() -> anyhow::Result<Self> {
        let data = Data::empty(Backend::Sqlite).await?;
        let key = format!("{}/master.key", data.folder()?);
        run("orderlog", &["keys", "create-master", "--out", &key]).await?;
        Self::start_one(data, &["--personal-data-key-file", &key]).await
    }

    /// Starts one process without data that sells from stock, whatever holds its data.
    ///
    /// # Errors
    /// Those of [`Self::start`].
    pub async fn start_selling(backend: Backend) -> anyhow::Result<Self> {
        let data = Data::empty(backend).await?;
        let selling = ["--listen", "127.0.0.1:0", "--checkout", "orchestrated"];
        let place = match &data {
            Data::Folder(_) => vec!["--data-dir", data.folder()?],
            Data::Databases { events, views, .. } => {
                vec!["--event-store", events, "--read-model", views]
            }
        };
        let (server, host) = serve("orderlog", &[&selling[..], &place].concat()).await?;
        Ok(Self { processes: vec![server], commands: host.clone(), views: host, data })
    }

    /// Starts the one process on the folder, with more flags.
    async fn start_one(data: Data, flags: &[&str]) -> anyhow::Result<Self> {
        let arguments = ["--listen", "127.0.0.1:0", "--data-dir", data.folder()?];
        let (server, host) = serve("orderlog", &[&arguments[..], flags].concat()).await?;
        Ok(Self { processes: vec![server], commands: host.clone(), views: host, data })
    }

    /// Starts the system on existing data and waits until it listens.
    ///
    /// # Errors
    /// When a program is not built or ends before it listens.
    pub async fn start_on(data: Data) -> anyhow::Result<Self> {
        let listen = ["--listen", "127.0.0.1:0"];
        match &data {
            Data::Folder(_) => Self::start_one(data, &[]).await,
            Data::Databases { events, views, broker } => {
                let arguments = [&listen[..], &["--event-store", events]].concat();
                let (writing, commands) = serve("command-service", &arguments).await?;
                let mut processes = vec![writing];
                if let Some(broker) = broker {
                    processes.push(relay(events, broker).await?.0);
                }
                let source = source(events, broker.as_ref());
                // The projector creates the tables that the query service reads.
                let arguments =
                    [&listen[..], &["--source", &source, "--read-model", views]].concat();
                processes.push(serve("projector", &arguments).await?.0);
                let arguments = [&listen[..], &["--read-model", views]].concat();
                let (reading, host) = serve("query-service", &arguments).await?;
                processes.push(reading);
                Ok(Self { processes, commands, views: host, data })
            }
        }
    }

    /// Stops all programs, waits for them, and returns the data.
    ///
    /// # Errors
    /// When one does not end.
    pub async fn stop(mut self) -> anyhow::Result<Data> {
        for process in &mut self.processes {
            process.stop().await?;
        }
        Ok(self.data)
    }

    /// Rebuilds all projections while the system serves; returns how long that took.
    ///
    /// # Errors
    /// When it fails.
    pub async fn rebuild(&self) -> anyhow::Result<Duration> {
        match &self.data {
            Data::Folder(_) => {
                run("orderlog", &["--rebuild", "--data-dir", self.data.folder()?]).await
            }
            Data::Databases { events, views, broker } => {
                let source = source(events, broker.as_ref());
                let arguments = ["--source", &source, "--read-model", views, "--rebuild"];
                run("projector", &arguments).await
            }
        }
    }

    /// Imports a file through the running server; returns how long that took.
    ///
    /// # Errors
    /// When it fails.
    pub async fn import(&self, file: &str) -> anyhow::Result<Duration> {
        run("orderlog", &["import", file, "--url", &format!("http://{}", self.commands)]).await
    }

    /// The programs.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }
}

impl Process {
    /// The program's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Resident memory in MiB (Linux; `None` elsewhere).
    pub fn memory_mib(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / 1024.0)
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(id) = self.child.id() {
            rig::process::signal(id, rig::process::Signal::Terminate)?;
        }
        let ended = tokio::time::timeout(STOPPING, self.child.wait()).await;
        let status = ended.with_context(|| format!("{} does not end", self.name))??;
        anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }
}

/// A program in the folder of this one.
fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!(
            "{name} is missing in the folder of the bench; build all programs: cargo build --profile dist --workspace --bins"
        );
    }
    Ok(path)
}

/// Runs a program to its end; returns how long that took.
async fn run(name: &str, arguments: &[&str]) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let output = Command::new(binary(name)?).args(arguments).kill_on_drop(true).output().await?;
    if !output.status.success() {
        bail!("{name} {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(begun.elapsed())
}

/// Starts one of our servers.
async fn serve(name: &'static str, arguments: &[&str]) -> anyhow::Result<(Process, String)> {
    serve_at(name, &binary(name)?, arguments).await
}

/// Starts a server and waits for the line with its address.
///
/// # Errors
/// When it ends before that line.
pub async fn serve_at(
    name: &'static str,
    path: &Path,
    arguments: &[&str],
) -> anyhow::Result<(Process, String)> {
    let mut child = Command::new(path)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{name} cannot be started"))?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(url) = line.strip_prefix("listening on http://") {
            let host = url.trim_end_matches('/').to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((Process { name, child }, host));
        }
    }
    bail!("{name} ended before it listened: {}", child.wait().await?)
}
