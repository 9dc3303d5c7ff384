//! Which system the end-to-end tests run against, and where a scaled-out one keeps its files.
//!
//! `ORDERLOG_SYSTEM=scaled-out` replaces the one program by PostgreSQL, Kafka, two of each service and nginx; the tests
//! stay the same. PostgreSQL and Kafka are started once in a run (`ORDERLOG_BACKENDS`), or once in each test process.
//! Each data folder gets databases, a topic and services of its own. [`crate::server`] starts them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::program::Program;

/// A system that the tests can run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One program on SQLite.
    Embedded,
    /// A process for each service, on PostgreSQL and Kafka.
    ScaledOut,
}

/// The system that the environment chooses.
///
/// # Panics
/// When `ORDERLOG_SYSTEM` names no system.
pub fn chosen() -> Kind {
    match std::env::var("ORDERLOG_SYSTEM").as_deref() {
        Err(_) | Ok("embedded") => Kind::Embedded,
        Ok("scaled-out") => Kind::ScaledOut,
        Ok(other) => panic!("ORDERLOG_SYSTEM={other} is neither embedded nor scaled-out"),
    }
}

/// The services of a scaled-out system, by their names in the script.
pub const SERVICES: [&str; 8] = [
    "relay-1",
    "relay-2",
    "command-service-1",
    "command-service-2",
    "projector-1",
    "projector-2",
    "query-service-1",
    "query-service-2",
];

/// A scaled-out system's folder and the name of its databases and topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaledOut {
    state: PathBuf,
    name: String,
}

impl ScaledOut {
    /// The system over this data folder. It keeps its name, so that it finds its databases after a restart.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn new(data: &Path) -> Self {
        let file = data.join("name");
        let backends = backends();
        let name = std::fs::read_to_string(&file).unwrap_or_else(|_| {
            let name = format!("t{}", uuid::Uuid::new_v4().simple());
            std::fs::write(&file, &name).expect("a data folder can be written");
            name
        });
        // Not in the data folder, which a test may remove before the system is ended.
        Self { state: backends.join("systems").join(&name), name }
    }

    /// Sends a signal (`KILL`, `TERM`) to one of [`SERVICES`].
    ///
    /// # Panics
    /// When it does not run.
    pub(crate) fn signal(&self, service: &str, signal: &str) {
        let file = self.state.join("pids").join(service);
        let text = std::fs::read_to_string(file).expect("a service that runs has a file");
        let pid = text.split_whitespace().next().expect("the file begins with the pid");
        let sent = Command::new("kill").args([&format!("-{signal}"), pid]).status();
        assert!(sent.expect("kill is on every Unix").success(), "the signal reached {service}");
    }

    /// Ends every process of it at once.
    pub(crate) fn kill(&self) {
        let mut command = Command::new(script("scaled-out"));
        command.args(["stop", "kill"]).envs(self.settings()).stdin(Stdio::null());
        if !command.status().is_ok_and(|status| status.success()) {
            eprintln!("a scaled-out system in {} could not be ended", self.state.display());
        }
    }

    /// The output of its services since they were started.
    pub(crate) fn log_lines(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.state.join("log")) else { return Vec::new() };
        let files = folder.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
        files.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// The script's environment.
    pub(crate) fn settings(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("ORDERLOG_STATE", self.state.clone()),
            ("ORDERLOG_NAME", PathBuf::from(&self.name)),
            ("ORDERLOG_BACKENDS", backends().to_owned()),
            ("ORDERLOG_PROGRAMS", Program::folder().to_owned()),
        ]
    }
}

/// PostgreSQL and Kafka; the child's standard input keeps them alive.
fn backends() -> &'static Path {
    static STARTED: OnceLock<(PathBuf, Option<Child>)> = OnceLock::new();
    let (folder, _) = STARTED.get_or_init(|| match std::env::var_os("ORDERLOG_BACKENDS") {
        Some(folder) => (PathBuf::from(folder), None),
        None => {
            let (folder, child) = start_backends();
            (folder, Some(child))
        }
    });
    folder
}

fn start_backends() -> (PathBuf, Child) {
    let folder = tempfile::Builder::new().prefix("orderlog-backends-").tempdir();
    let folder = folder.expect("a folder can be made").keep();
    let mut child = Command::new("sh")
        .args(["-c", r#""$0" run "$1"; rm -rf "$1""#])
        .arg(script("backends"))
        .arg(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the script is there");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("stdout is piped");
    BufReader::new(stdout).read_line(&mut line).expect("the script can be read from");
    assert!(line.starts_with("backends in "), "PostgreSQL and Kafka did not start");
    (folder, child)
}

/// A script of the project.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(name)
}
