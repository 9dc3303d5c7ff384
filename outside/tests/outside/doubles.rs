//! Starts doubles that others wrote, by `scripts/outside-doubles`; says what is not tested where one cannot be had.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// A port may be taken between the choice and its use.
const START_ATTEMPTS: usize = 3;

/// A running double. Its standard input keeps it alive.
pub struct Double {
    pub port: u16,
    pub child: Child,
    _input: ChildStdin,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/outside-doubles")
}

/// Starts a double, or says what is `untested` without it.
pub async fn start_or_say(name: &str, untested: &str) -> Option<Double> {
    start_with_or_say(name, &[], untested).await
}

/// Starts a double with options of its own, or says what is `untested` without it.
pub async fn start_with_or_say(name: &str, options: &[&str], untested: &str) -> Option<Double> {
    let fetched = Command::new(script()).args(["fetch", name]).output().unwrap();
    if !fetched.status.success() {
        let why = String::from_utf8_lossy(&fetched.stderr);
        println!("NOT TESTED: {untested}. {}", why.trim());
        return None;
    }
    for _ in 0..START_ATTEMPTS {
        let port = crate::world::free_port();
        let mut child = Command::new(script())
            .args([name, &port.to_string()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        if answers(port, &mut child).await {
            return Some(Double { port, child, _input: input });
        }
    }
    println!("NOT TESTED: {untested}. {name} does not start here");
    None
}

/// Whether it takes connections within half a minute.
async fn answers(port: u16, child: &mut Child) -> bool {
    for _ in 0..600 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
