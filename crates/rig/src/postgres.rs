//! A private PostgreSQL server for one test binary, and a fresh database in it for every test.
//!
//! `scripts/postgres run` runs it and ends the server as soon as the pipe to its standard input closes. So the server
//! ends with the test process, however that one ends, and its folder with it.

use crate::ports;
use crate::proxy::Proxy;
use anyhow::{Context, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A port may be taken between the choice and its use; then another one is tried, up to this number of attempts.
const START_ATTEMPTS: usize = 3;

/// The server that the tests of this process share, or why there is none.
static SHARED: OnceLock<Result<Server, String>> = OnceLock::new();

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// In order: connections are ended, and everything is flushed to disk.
    Fast,
    /// At once, as if all its processes were killed; it recovers when it starts again.
    Immediate,
}

/// A private server. Its child's standard input keeps it alive.
#[derive(Debug)]
pub struct Server {
    port: u16,
    folder: PathBuf,
    _runner: Child,
}

/// An empty database, with the superuser's access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    port: u16,
    name: String,
}

impl Database {
    /// `postgres://…`, as the superuser.
    pub fn url(&self) -> String {
        self.url_as("postgres")
    }

    /// `postgres://…`, as a user without a password.
    pub fn url_as(&self, user: &str) -> String {
        self.url_at(user, self.port)
    }

    /// `postgres://…`, as the superuser, through a proxy.
    pub fn url_through(&self, proxy: &Proxy) -> String {
        self.url_at("postgres", proxy.port())
    }

    /// Drops the database, and ends the connections to it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn remove(self) -> Result<(), sqlx::Error> {
        administer(self.port, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn url_at(&self, user: &str, port: u16) -> String {
        format!("postgres://{user}@127.0.0.1:{port}/{}", self.name)
    }
}

/// A new database, or `None` after a message on stderr: why there is none, and what is `untested` without it.
///
/// # Panics
/// When there is none and `ORDERLOG_REQUIRE_POSTGRES` is set, or when the server refuses.
pub async fn database_or_say(untested: &str) -> Option<Database> {
    match SHARED.get_or_init(|| Server::start().map_err(|error| format!("{error:#}"))) {
        Ok(server) => Some(server.database().await.expect("a new database can be made")),
        Err(error) => {
            say(untested, error);
            None
        }
    }
}

/// A server for this test alone, which may stop and start it; `None` as with [`database_or_say`].
///
/// # Panics
/// As [`database_or_say`].
pub fn server_or_say(untested: &str) -> Option<Server> {
    match Server::start() {
        Ok(server) => Some(server),
        Err(error) => {
            say(untested, &format!("{error:#}"));
            None
        }
    }
}

fn say(untested: &str, error: &str) {
    assert!(
        std::env::var_os("ORDERLOG_REQUIRE_POSTGRES").is_none(),
        "a PostgreSQL server is required and cannot run here: {error}"
    );
    eprintln!("NOT TESTED: {untested}. No PostgreSQL server can run here: {error}");
}

impl Server {
    fn start() -> anyhow::Result<Self> {
        let mut failed = None;
        for _ in 0..START_ATTEMPTS {
            match Self::start_once() {
                Ok(server) => return Ok(server),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.expect("at least one attempt was made"))
    }

    fn start_once() -> anyhow::Result<Self> {
        let [port] = ports::free()?;
        let folder = tempfile::Builder::new().prefix("orderlog-postgres-").tempdir()?.keep();
        // Detached from the terminal: Ctrl-C ends the tests, and their end ends the server.
        let mut runner = Command::new("sh")
            .args(["-c", r#""$0" run "$1" "$2"; rm -rf "$1""#])
            .arg(script())
            .arg(&folder)
            .arg(port.to_string())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("scripts/postgres cannot be run")?;
        let mut line = String::new();
        let stdout = runner.stdout.take().context("stdout is piped")?;
        BufReader::new(stdout).read_line(&mut line)?;
        if line.starts_with("postgres on ") {
            return Ok(Self { port, folder, _runner: runner });
        }
        let output = runner.wait_with_output()?;
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim())
    }

    /// Stops it; the data stays.
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub fn stop(&self, how: Stop) -> anyhow::Result<()> {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.run("stop", mode)
    }

    /// Starts it again, on the same port, with the data it had.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&self) -> anyhow::Result<()> {
        self.run("start", &self.port.to_string())
    }

    fn run(&self, verb: &str, argument: &str) -> anyhow::Result<()> {
        let status = Command::new(script())
            .arg(verb)
            .arg(&self.folder)
            .arg(argument)
            .stdin(Stdio::null())
            .status()
            .context("scripts/postgres cannot be run")?;
        if !status.success() {
            bail!("scripts/postgres {verb} failed");
        }
        Ok(())
    }

    /// A new, empty database.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn database(&self) -> Result<Database, sqlx::Error> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        administer(self.port, format!("CREATE DATABASE {name}")).await?;
        Ok(Database { port: self.port, name })
    }
}

/// Executes one statement on a server, as its superuser.
async fn administer(port: u16, sql: String) -> Result<(), sqlx::Error> {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username("postgres")
        .database("postgres");
    let mut connection = options.connect().await?;
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres")
}
