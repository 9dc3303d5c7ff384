//! A private Apache Kafka broker for one test binary: real, on free ports, killed when dropped.
//!
//! `scripts/kafka run` runs it and kills the broker as soon as the pipe to its standard input closes. So the broker
//! ends with the test process, however that one ends. Data lives in a temporary folder and survives [`Broker::kill`]
//! and [`Broker::start_again`], as it would survive a crash of a real broker.

use crate::ports;
use anyhow::{Context, bail};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use tempfile::TempDir;

/// A port may be taken between the choice and its use; then another set is tried, up to this number of attempts.
const START_ATTEMPTS: usize = 3;

/// Whether the broker has a SASL_SSL listener in addition to the plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listeners {
    /// Plain text only.
    Plain,
    /// Plain text, and TLS with SASL PLAIN.
    PlainAndTls,
}

/// How a broker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is asked to stop and shuts down in order.
    Orderly,
    /// SIGKILL.
    Killed,
}

/// A private broker.
#[derive(Debug)]
pub struct Broker {
    folder: TempDir,
    port: u16,
    controller_port: u16,
    tls_port: Option<u16>,
    runner: Option<Child>,
}

/// The broker that the tests of this process share: the running one, or a new one if none is alive. It has both
/// listeners. `None` as with [`broker_or_say`].
///
/// # Panics
/// As [`broker_or_say`].
pub fn shared_or_say(untested: &str) -> Option<Arc<Broker>> {
    static SHARED: Mutex<Weak<Broker>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(broker) = shared.upgrade() {
        return Some(broker);
    }
    let broker = Arc::new(broker_or_say(Listeners::PlainAndTls, untested)?);
    *shared = Arc::downgrade(&broker);
    Some(broker)
}

/// A broker, or `None` after a message on stderr: why there is none, and what is `untested` without it.
///
/// # Panics
/// When there is none and `ORDERLOG_REQUIRE_KAFKA` is set.
pub fn broker_or_say(listeners: Listeners, untested: &str) -> Option<Broker> {
    match Broker::start(listeners) {
        Ok(broker) => Some(broker),
        Err(error) => {
            assert!(
                std::env::var_os("ORDERLOG_REQUIRE_KAFKA").is_none(),
                "a Kafka broker is required and cannot run here: {error:#}"
            );
            eprintln!("NOT TESTED: {untested}. No Kafka broker can run here: {error:#}");
            None
        }
    }
}

impl Broker {
    /// Starts a broker with no data and waits until it answers.
    ///
    /// # Errors
    /// Names what is missing on this machine.
    pub fn start(listeners: Listeners) -> anyhow::Result<Self> {
        let mut failed = None;
        for _ in 0..START_ATTEMPTS {
            let [port, controller_port, tls_port] = ports::free()?;
            let mut broker = Self {
                folder: tempfile::Builder::new().prefix("orderlog-kafka-").tempdir()?,
                port,
                controller_port,
                tls_port: (listeners == Listeners::PlainAndTls).then_some(tls_port),
                runner: None,
            };
            match broker.start_again() {
                Ok(()) => return Ok(broker),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.expect("at least one attempt was made"))
    }

    /// Starts it again, on the same ports, with the data it had.
    ///
    /// # Errors
    /// When it runs already or does not start.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        if self.runner.is_some() {
            bail!("the broker runs already");
        }
        let mut command = script();
        command.arg("run").arg(self.folder.path());
        command.arg(self.port.to_string()).arg(self.controller_port.to_string());
        command.args(self.tls_port.map(|port| port.to_string()));
        let mut runner = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("scripts/kafka cannot be run")?;
        let mut line = String::new();
        let stdout = runner.stdout.take().context("stdout is piped")?;
        BufReader::new(stdout).read_line(&mut line)?;
        if line.starts_with("kafka on ") {
            self.runner = Some(runner);
            return Ok(());
        }
        let output = runner.wait_with_output()?;
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim())
    }

    /// Ends it; the data stays.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub fn end(&mut self, end: End) -> anyhow::Result<()> {
        let Some(mut runner) = self.runner.take() else { return Ok(()) };
        let mut command = script();
        command.arg("stop").arg(self.folder.path());
        if end == End::Killed {
            command.arg("kill");
        }
        let stopped = command.status()?;
        drop(runner.stdin.take());
        runner.wait()?;
        if !stopped.success() {
            bail!("the broker could not be stopped");
        }
        Ok(())
    }

    /// `host:port` of the plain listener.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `host:port` of the SASL_SSL listener.
    pub fn tls_address(&self) -> Option<String> {
        self.tls_port.map(|port| format!("localhost:{port}"))
    }

    /// The certificate of the authority to trust for the SASL_SSL listener. Its user is `orderlog`.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The file with the user's password.
    pub fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = self.end(End::Killed) {
            eprintln!("a Kafka broker could not be ended: {error:#}");
        }
    }
}

fn script() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Command::new(root.join("scripts/kafka"))
}
