//! The programs under test: in the folder of the test executable; cargo builds them first, once in each test process.
//!
//! If they are up to date, cargo does nothing. Without the build, a test could silently run an outdated program. The
//! program with crash points comes from the instrumented build, whose tests `scripts/instrumented` runs. It shares
//! every dependency (one build directory) and is kept in a separate folder. So a program that can abort on request
//! never overwrites the normal one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Every package with a program.
const PACKAGES: [&str; 5] = ["orderlog", "command-service", "relay", "projector", "query-service"];

/// A program of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The all-in-one.
    Orderlog,
    /// The all-in-one with named points in the append, at which it can be made to abort.
    OrderlogWithCrashPoints,
    /// Commands alone.
    CommandService,
    /// Projections alone.
    Projector,
    /// Views alone.
    QueryService,
    /// Log to topic.
    Relay,
}

impl Program {
    /// The program's path; builds it first.
    pub fn path(self) -> PathBuf {
        match self {
            Self::Orderlog => normal().join("orderlog"),
            Self::OrderlogWithCrashPoints => crashing().join("orderlog"),
            Self::CommandService => normal().join("command-service"),
            Self::Projector => normal().join("projector"),
            Self::QueryService => normal().join("query-service"),
            Self::Relay => normal().join("relay"),
        }
    }

    /// The folder with all programs; builds them first.
    pub fn folder() -> &'static Path {
        normal()
    }
}

fn normal() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(given) = std::env::var_os("ORDERLOG_PROGRAMS") {
            return PathBuf::from(given);
        }
        let profile = profile_dir();
        let target = profile.parent().expect("a profile's folder is inside the target folder");
        build(target, target, &PACKAGES, &[]);
        profile
    })
}

fn crashing() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let given = std::env::var_os("ORDERLOG_PROGRAMS").map(PathBuf::from);
        if let Some(folder) = given.map(|given| given.join("instrumented")).filter(|f| f.exists()) {
            return folder;
        }
        let profile = profile_dir();
        let build_dir = profile.parent().expect("a profile's folder is inside the target folder");
        let target = build_dir.join("instrumented");
        build(&target, build_dir, &["orderlog"], &["--features", "simulation/run"]);
        target.join(profile.file_name().expect("a profile's folder has a name"))
    })
}

/// `target/<profile>`: this executable is in its `deps`.
fn profile_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("a running program has a path");
    let deps = exe.parent().expect("an executable is in a folder");
    deps.parent().expect("cargo puts tests into target/<profile>/deps").to_owned()
}

fn build(target: &Path, build_dir: &Path, programs: &[&str], more: &[&str]) {
    let profile_dir = profile_dir();
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        // Naming the whole workspace enables every feature that its members ask for. Features that only tests ask for
        // count only if a target of tests is built as well: the example. So everything has the features of the tests'
        // build, and nothing is compiled again.
        .args(["build", "--quiet", "--locked", "--workspace", "--profile", profile])
        .args(["--example", "append_rate"])
        .arg("--target-dir")
        .arg(target)
        .env("CARGO_BUILD_BUILD_DIR", build_dir)
        .args(programs.iter().flat_map(|program| ["--bin", program]))
        .args(more);
    let status = command.status().expect("cargo runs the tests, so it can be run");
    assert!(status.success(), "the programs under test do not build: {command:?}");
}
