//! SIGKILL under load: at random moments, and at each named point of the append. Every 2xx is in the log once, at the
//! position of its answer. Positions and versions have no gap, and the views equal a fresh fold.
//!
//! `ORDERLOG_CRASH_CYCLES` is the number of kills (12), shared evenly between the two kinds.

#![allow(clippy::unwrap_used, missing_docs)]

use rig::rng::Rng;
use std::path::Path;
use std::time::Duration;
use system_tests::load::{Load, Unanswered};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use system_tests::{checker, size};
use tempfile::TempDir;
use tokio::time::{Instant, sleep_until};

/// Clients at work while the server is killed.
const CLIENTS: usize = 12;
/// The points at which the append can be made to abort.
const POINTS: [&str; 5] =
    ["before-begin", "after-lock", "after-events", "before-commit", "after-commit"];
/// The highest number of the append at which a point strikes: the first appends find an empty pipeline, later ones a
/// busy one.
const MAX_NTH: u64 = 40;
/// The time within which a server under load comes to the append at which it aborts.
const STRIKE_BOUND: Duration = Duration::from_secs(60);

fn cycles() -> usize {
    size("ORDERLOG_CRASH_CYCLES", 12).div_ceil(2)
}

/// Everything that must hold after all kills.
async fn everything_holds(data: &Path, load: Load) {
    let server = Server::start(data).await;
    load.moved_to(server.base());
    let accepted = load.finish().await;
    let client = server.client().await;
    let head = checker::head(&client).await;
    let events = checker::read_log(&client, head).await;
    assert_eq!(events.len() as u64, head);
    checker::is_whole(&events);
    checker::holds_every_answer(&events, &accepted);
    checker::has_no_command_twice(&events);
    checker::has_nothing_unanswered(&events, &accepted);
    println!("{} answers, {} events", accepted.len(), events.len());
    server.stop().await;
    verify_passes(data).await;
}

async fn verify_passes(data: &Path) {
    let verify = Launch::new(Program::Orderlog).args(["verify", "--data-dir"]).args([data]);
    let output = verify.run().await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_lose_and_double_nothing() {
    let mut rng = Rng::printed("random moments");
    let data = TempDir::new().unwrap();
    let mut server = Server::start(data.path()).await;
    let mut load = Load::start(server.base(), CLIENTS, Unanswered::Repeat, &mut rng);
    for cycle in 0..cycles() {
        load.progress(1 + usize::try_from(rng.below(150)).unwrap()).await;
        // The moment is the random input: anywhere in a batch, not only at its end, where answers arrive.
        sleep_until(Instant::now() + Duration::from_micros(rng.below(8_000))).await;
        server.kill().await;
        println!("cycle {cycle}: killed after {} answers", load.count());
        server = Server::start(data.path()).await;
        load.moved_to(server.base());
    }
    load.progress(CLIENTS).await;
    server.kill().await;
    everything_holds(data.path(), load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_every_named_point_of_the_append_lose_and_double_nothing() {
    let mut rng = Rng::printed("named points");
    let data = TempDir::new().unwrap();
    let start = async |point: &str, nth: u64| {
        Launch::new(Program::OrderlogWithCrashPoints)
            .serving(data.path())
            .env("ORDERLOG_CRASH_AT", &format!("{point}:{nth}"))
            .serve()
            .await
    };
    let mut server = start("none", 1).await;
    let load = Load::start(server.base(), CLIENTS, Unanswered::Repeat, &mut rng);
    server.kill().await;
    for cycle in 0..cycles() {
        let (point, nth) = (POINTS[cycle % POINTS.len()], 1 + rng.below(MAX_NTH));
        server = start(point, nth).await;
        load.moved_to(server.base());
        let status = server.exit(STRIKE_BOUND).await;
        assert!(status.code().is_none(), "{point}:{nth} aborts, it does not exit: {status}");
        println!("cycle {cycle}: aborted at {point}:{nth} after {} answers", load.count());
    }
    everything_holds(data.path(), load).await;
}

#[test]
fn no_program_has_the_instruments_of_its_instrumented_build() {
    // A program that reads a variable contains its name.
    let instruments = ["ORDERLOG_CRASH_AT", "ORDERLOG_PLANTED_FAULT"];
    let found = |program: Program| {
        let bytes = std::fs::read(program.path()).unwrap();
        instruments.map(|name| bytes.windows(name.len()).any(|part| part == name.as_bytes()))
    };
    assert_eq!(found(Program::OrderlogWithCrashPoints), [true; 2], "the test sees instruments");
    for program in [
        Program::Orderlog,
        Program::CommandService,
        Program::Projector,
        Program::QueryService,
        Program::Relay,
    ] {
        assert_eq!(found(program), [false; 2], "{program:?}");
    }
}
