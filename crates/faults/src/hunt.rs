//! Runs a test against a planted fault: a test of this binary, in a process of its own that has the fault.

use crate::{Fault, VARIABLE};
use std::process::Command;

/// Runs the test named `machine` of the calling test's own binary with a fault planted and these environment variables.
/// Returns its output if it failed; `None` if it found nothing.
///
/// # Panics
/// When there is no such test, or it cannot be started.
pub fn hunt(fault: Fault, machine: &str, environment: &[(&str, &str)]) -> Option<String> {
    let binary = std::env::current_exe().expect("a test knows its own binary");
    let ran = Command::new(binary)
        .args([machine, "--exact", "--nocapture", "--test-threads=1"])
        .env(VARIABLE, fault.name())
        .env("RUST_BACKTRACE", "0")
        .envs(environment.iter().copied())
        .output()
        .expect("a test can be run once more");
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("running 1 test"), "there is no test {machine}:\n{said}");
    (!ran.status.success()).then(|| said.into_owned())
}
