//! A guard that does not depend on the machine's speed: the instructions that the pure hot paths execute stay within 5
//! % of the figures in `instructions.json`, counted by valgrind's callgrind.
//!
//! A figure holds for one architecture and one compiler. With another compiler the bound is looser, and the test says
//! so. On another architecture, or without valgrind, it prints NOT TESTED. `ORDERLOG_COUNT=write` records the counts.

#![allow(clippy::unwrap_used, missing_docs)]

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The paths, and the number of runs of each that are counted.
const PATHS: [(&str, u64); 5] = [
    ("parse-money", 10_000),
    ("walk-an-order", 200),
    ("encode-events", 200),
    ("decode-events", 200),
    ("fold-a-batch", 4),
];
/// The allowed difference from the figure, in percent: with the recorded compiler, and with another.
const BOUNDS: (f64, f64) = (5.0, 20.0);

#[derive(Debug, Serialize, Deserialize)]
struct Recorded {
    rustc: String,
    /// Instructions of one execution, by path.
    instructions: BTreeMap<String, u64>,
}

#[test]
fn hot_paths_execute_as_many_instructions_as_recorded() {
    let Some(counted) = count_all() else {
        eprintln!("NOT TESTED: instruction counts of the hot paths. valgrind is not installed");
        return;
    };
    let mut recorded = recorded();
    if std::env::var("ORDERLOG_COUNT").as_deref() == Ok("write") {
        let now = Recorded { rustc: rustc(), instructions: counted };
        recorded.insert(std::env::consts::ARCH.to_owned(), now);
        std::fs::write(file(), serde_json::to_string_pretty(&recorded).unwrap() + "\n").unwrap();
        return;
    }
    let Some(figures) = recorded.get(std::env::consts::ARCH) else {
        eprintln!(
            "NOT TESTED: instruction counts of the hot paths. None are recorded for {}; ORDERLOG_COUNT=write records: {counted:?}",
            std::env::consts::ARCH
        );
        return;
    };
    let mut bound = BOUNDS.0;
    if figures.rustc != rustc() {
        bound = BOUNDS.1;
        eprintln!(
            "LOOSELY TESTED: instruction counts of the hot paths, within {bound} %. They are recorded for {:?}, this is {:?}",
            figures.rustc,
            rustc()
        );
    }
    for (path, count) in counted {
        let figure = figures.instructions[&path];
        let change = 100.0 * (count as f64 / figure as f64 - 1.0);
        eprintln!("{path}: {count} instructions, recorded {figure} ({change:+.1} %)");
        assert!(
            change.abs() <= bound,
            "{path} executes {count} instructions, {figure} are recorded: {change:+.1} %, allowed ± {bound} %. If \
             that is meant: ORDERLOG_COUNT=write cargo test -p bench --test instructions"
        );
    }
}

/// Instructions of one execution of each path; `None` without valgrind.
fn count_all() -> Option<BTreeMap<String, u64>> {
    Command::new("valgrind").arg("--version").output().ok()?;
    let each = |(path, times): (&str, u64)| {
        let counted = (count(path, times) - count(path, 0)) / times;
        (path.to_owned(), counted)
    };
    Some(PATHS.into_iter().map(each).collect())
}

fn count(path: &str, times: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env!("CARGO_BIN_EXE_hot-paths"))
        .args([path, &times.to_string()])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .unwrap();
    let reported = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{reported}");
    let collected = reported.lines().find_map(|line| line.split_once("Collected : ")).unwrap();
    collected.1.trim().parse().unwrap()
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions.json")
}

fn recorded() -> BTreeMap<String, Recorded> {
    serde_json::from_str(&std::fs::read_to_string(file()).unwrap()).unwrap()
}
