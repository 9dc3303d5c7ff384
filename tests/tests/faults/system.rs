//! One scaled-out system with backends of its own, so that everything in it may be killed, stopped and started again.
//!
//! `scripts/scaled-out` starts and restarts the services; PostgreSQL and Kafka have scripts of their own.
//! Command-services reach PostgreSQL through a proxy that loses messages as a test orders. No process outlives this
//! value.

use rig::process::{Signal, signal};
use rig::proxy::Proxy;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;
use system_tests::client::Client;
use system_tests::program::Program;
use system_tests::system::script;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// Every service but nginx, in pairs.
pub const SERVICES: [&str; 8] = [
    "command-service-1",
    "command-service-2",
    "relay-1",
    "relay-2",
    "projector-1",
    "projector-2",
    "query-service-1",
    "query-service-2",
];
/// The interval between looks at a state that is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// The longest time of a recovery, unless it hangs.
const RECOVERY_BOUND: Duration = Duration::from_secs(120);

/// The whole system.
pub struct System {
    folder: TempDir,
    settings: HashMap<String, String>,
    /// Their standard inputs keep the backends alive.
    backends: Child,
    services: Option<Child>,
    /// The proxy between command-services and PostgreSQL.
    pub proxy: Proxy,
    /// The entry point.
    pub base: String,
}

impl System {
    /// Starts PostgreSQL, Kafka, two of each service and nginx.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("backends");
        let (backends, _) = hold(
            std::process::Command::new(script("backends")).arg("run").arg(path),
            &["backends in "],
        );
        let settings = std::fs::read_to_string(folder.path().join("backends/settings")).unwrap();
        let settings: HashMap<String, String> = settings
            .lines()
            .filter_map(|line| line.trim_start_matches("export ").split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let proxy = Proxy::to(settings["POSTGRES_PORT"].parse().unwrap()).unwrap();
        let mut system =
            Self { folder, settings, backends, services: None, proxy, base: String::new() };
        let mut run = system.command("scaled-out", &["run"]).into_std();
        let (services, said) = hold(&mut run, &["commands on ", "views on "]);
        system.services = Some(services);
        assert_eq!(said[0], said[1], "there is one entry point");
        system.base = said[0].clone();
        system
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(script(name));
        command
            .args(arguments)
            .stdin(Stdio::null())
            .env("ORDERLOG_STATE", self.folder.path().join("state"))
            .env("ORDERLOG_BACKENDS", self.folder.path().join("backends"))
            .env("ORDERLOG_PROGRAMS", Program::folder())
            .env("ORDERLOG_APPEND_PORT", self.proxy.port().to_string())
            .env("ORDERLOG_POSTGRES_AUTH", "scram-sha-256");
        command
    }

    /// Runs a script to its end; returns its output.
    pub async fn run(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.command(name, arguments).output().await.unwrap();
        let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
        assert!(output.status.success(), "{name} {arguments:?}: {said}");
        said
    }

    /// Starts ended services again, and waits until they are ready.
    pub async fn restart(&self, services: &[&str]) {
        self.run("scaled-out", &[&["restart"], services].concat()).await;
    }

    /// Sends a signal to a service.
    pub fn signal(&self, service: &str, what: Signal) {
        let file = self.folder.path().join("state/pids").join(service);
        let text = std::fs::read_to_string(file).unwrap();
        signal(text.split_whitespace().next().unwrap().parse().unwrap(), what).unwrap();
    }

    /// A folder of the backends (`postgres`, `kafka`), as an argument of their scripts.
    pub fn backend(&self, name: &str) -> String {
        let folder = self.folder.path().join("backends").join(name);
        std::fs::canonicalize(folder).unwrap().to_str().unwrap().to_owned()
    }

    /// A value of `backends/settings`.
    pub fn setting(&self, name: &str) -> &str {
        &self.settings[name]
    }

    /// The address of the broker.
    pub fn kafka(&self) -> String {
        format!("127.0.0.1:{}", self.setting("KAFKA_PORT"))
    }

    /// The topic with every event.
    pub fn topic(&self) -> &'static str {
        "orderlog.events"
    }

    /// The superuser's connection, directly to the server.
    pub async fn superuser(&self) -> PgConnection {
        PgConnectOptions::new_without_pgpass()
            .socket(PathBuf::from(self.backend("postgres")))
            .port(self.setting("POSTGRES_PORT").parse().unwrap())
            .username("postgres")
            .database("orderlog_log")
            .connect()
            .await
            .unwrap()
    }

    /// The active relay, the lease's epoch and the checkpoint.
    pub async fn lease(&self) -> (&'static str, i64, i64) {
        let begun = Instant::now();
        loop {
            let row: (Option<String>, i64, i64) =
                sqlx::query_as("SELECT holder, epoch, checkpoint FROM event_store.leases")
                    .fetch_one(&mut self.superuser().await)
                    .await
                    .unwrap();
            let pid = row.0.as_deref().and_then(|holder| holder.split(' ').next());
            let active = ["relay-1", "relay-2"].into_iter().find(|relay| {
                let file = self.folder.path().join("state/pids").join(relay);
                let text = std::fs::read_to_string(file).unwrap();
                text.split_whitespace().next() == pid
            });
            if let Some(active) = active {
                return (active, row.1, row.2);
            }
            assert!(begun.elapsed() < RECOVERY_BOUND, "no relay becomes active");
            sleep(LOOK).await;
        }
    }

    /// Waits until every service is ready, and then until the views have everything stored by then. Returns the
    /// position.
    pub async fn recovered(&self) -> u64 {
        let begun = Instant::now();
        for service in SERVICES {
            let url = format!("http://{}", self.address(service));
            while let Err(why) = is_ready(&url).await {
                let late = begun.elapsed() > RECOVERY_BOUND;
                assert!(!late, "{service} is not ready: {why}\n{}", self.logs());
                sleep(LOOK).await;
            }
        }
        let client = Client::unchecked(&self.base);
        let head = system_tests::checker::head(&client).await;
        let path = format!("/v1/events?after={}&limit=1", head.saturating_sub(1));
        while client.get_at(&path, head).await.status != 200 {
            assert!(begun.elapsed() < RECOVERY_BOUND, "views stay behind:\n{}", self.logs());
        }
        head
    }

    fn address(&self, service: &str) -> String {
        let log = std::fs::read_to_string(self.log(service)).unwrap();
        let line = log.lines().rev().find_map(|line| line.strip_prefix("listening on http://"));
        line.unwrap().trim_end_matches('/').to_owned()
    }

    fn log(&self, service: &str) -> PathBuf {
        self.folder.path().join(format!("state/log/{service}.log"))
    }

    /// The last lines of every service.
    fn logs(&self) -> String {
        let mut all = String::new();
        for service in SERVICES {
            let log = std::fs::read_to_string(self.log(service)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(8)..];
            all += &format!("--- {service}\n{}\n", last.join("\n"));
        }
        all
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let ended = self.command("scaled-out", &["stop", "kill"]).into_std().status();
        if !ended.is_ok_and(|status| status.success()) {
            eprintln!("the services in {} could not be ended", self.folder.path().display());
        }
        for child in self.services.iter_mut().chain([&mut self.backends]) {
            drop(child.stdin.take());
            // The script ends when its standard input does; wait only for that.
            let _ = child.wait();
        }
        if let Ok(elsewhere) = std::fs::read_link(self.folder.path().join("backends/postgres")) {
            let _ = std::fs::remove_dir_all(elsewhere);
        }
    }
}

/// Starts a command that lives as long as its standard input, and waits for lines with these beginnings; returns the
/// rest of each.
fn hold(command: &mut std::process::Command, lines: &[&str]) -> (Child, Vec<String>) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let found = lines.iter().map(|expected| {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let rest = line.trim_end().strip_prefix(expected);
        rest.unwrap_or_else(|| panic!("{command:?} said {line:?}")).to_owned()
    });
    let found = found.collect();
    (child, found)
}

/// The reason, in the service's own words, if it is not ready.
async fn is_ready(url: &str) -> Result<(), String> {
    let asked = Client::unchecked(url).send(reqwest::Method::GET, "/readyz", &[], None).await;
    match asked {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(answer.text()),
        Err(error) => Err(error.to_string()),
    }
}
