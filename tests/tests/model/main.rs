//! A model of the contract, driven over HTTP: random walks over orders, with every answer and every view predicted.
//!
//! The [`oracle`] says, from the commands so far, what must be answered and shown. It is written from the contract's
//! pages and knows nothing of the product. [`walk`] sends random commands, good and bad, with keys, conditions and
//! imports, from several clients at a time. It kills and stops servers while commands are in flight, rebuilds
//! projections, and compares every answer with the oracle. A failed walk prints its seed, the last steps, what was
//! expected and what came; `ORDERLOG_SEED` starts with that walk.
//!
//! `ORDERLOG_MODEL_SECONDS` is how long each test walks: 30, and 90 over a scaled-out system.

#![allow(clippy::unwrap_used, missing_docs)]

mod answer;
mod browser;
mod door;
mod generate;
mod imports;
mod journal;
mod laws;
mod learn;
mod lies;
mod line;
mod listener;
mod looks;
mod quiet;
mod quiet_lists;
mod races;
mod request;
mod spoil;
mod system;
mod tally;
mod texts;
mod walk;
mod walker;

use futures::{StreamExt, stream};
use lies::Lie;
use rig::rng::Rng;
use std::sync::Arc;
use std::time::Duration;
use system::Shape;
use system_tests::program::Program;
use system_tests::{size, system::Kind};
use tally::Tally;
use tokio::time::Instant;
use walk::{Size, walk};

/// A system in one process restarts quickly.
const ONE_PROCESS: Size = Size { walkers: 4, steps: 40, phases: 8, strikes: 4 };
/// A scaled-out system takes seconds to start, and again after a strike; so walks are long, and strikes few.
const SCALED_OUT: Size = Size { walkers: 4, steps: 25, phases: 30, strikes: 2 };
/// Phases within which a lie must be noticed.
const LIED_TO: Size = Size { walkers: 3, steps: 60, phases: 12, strikes: 0 };

/// Concurrent walks with a lie.
const LIARS: usize = 3;
const LONGEST_LIE: Duration = Duration::from_secs(120);

fn seconds() -> Duration {
    Duration::from_secs(size("ORDERLOG_MODEL_SECONDS", if embedded() { 30 } else { 90 }) as u64)
}

fn embedded() -> bool {
    system_tests::system::chosen() == Kind::Embedded
}

/// Walks, each with its own seed, until the time is up.
async fn walks(test: &str, size: Size, shape: impl AsyncFn() -> Option<Shape>) {
    // Builds the programs first, so that it takes no time from walking.
    let _ = Program::folder();
    let until = Instant::now() + seconds();
    let tally = Arc::new(Tally::default());
    let mut seed = Rng::seed();
    while Instant::now() < until {
        let Some(shape) = shape().await else { return };
        println!("{test}: ORDERLOG_SEED={seed}");
        if let Err(why) = walk((seed, shape), size, (None, until), &tally).await {
            panic!("{test}: ORDERLOG_SEED={seed}\n{why}\n\n{tally}");
        }
        seed = seed.wrapping_add(1);
    }
    println!("{test}: {tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_is_answered_and_shown_as_the_contract_says() {
    let size = if embedded() { ONE_PROCESS } else { SCALED_OUT };
    walks("one system", size, async || Some(Shape::Chosen)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_command_services_on_one_file_keep_the_contract() {
    if embedded() {
        walks("two writers, files", ONE_PROCESS, async || Some(Shape::TwoWritersOnFiles)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_command_services_on_one_postgres_keep_the_contract() {
    if !embedded() {
        return;
    }
    let databases = async || {
        let untested = "the contract's model over two command-services on PostgreSQL";
        let log = rig::postgres::database_or_say(untested).await?;
        let views = rig::postgres::database_or_say(untested).await?;
        Some(Shape::TwoWritersOnPostgres { log, views })
    };
    walks("two writers, PostgreSQL", ONE_PROCESS, databases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_that_is_lied_to_notices_by_the_check_that_is_meant_to() {
    if !embedded() {
        return;
    }
    let seed = Rng::seed();
    let unnoticed: Vec<String> = stream::iter(lies::all())
        .map(|lie| async move { unnoticed(seed, lie).await })
        .buffer_unordered(LIARS)
        .filter_map(|unnoticed| async move { unnoticed })
        .collect()
        .await;
    assert!(unnoticed.is_empty(), "ORDERLOG_SEED={seed}\n{}", unnoticed.join("\n"));
}

/// Why a lie was not noticed as expected; `None` if it was.
async fn unnoticed(seed: u64, lie: Lie) -> Option<String> {
    let tally = Arc::new(Tally::default());
    let end = Instant::now() + LONGEST_LIE;
    let walked = walk((seed, Shape::Chosen), LIED_TO, (Some(lie), end), &tally).await;
    let report = match walked {
        Ok(()) => "nothing".to_owned(),
        Err(report) if report.contains(lie.noticed) => {
            println!("{} is noticed after {} commands", lie.name, tally.commands.get());
            return None;
        }
        Err(report) => report,
    };
    Some(format!("{}: expected a report of {:?}\ngot {report}\n{tally}", lie.name, lie.noticed))
}
