//! Seeds: each is one schedule of commands, faults and deaths over all parts of the system, with checks of what must
//! hold after it.
//!
//! A failing seed prints itself with its steps; `ORDERLOG_SIMULATION_SEED=…` plays it again. With the log in memory,
//! every step follows from the seed alone. On SQLite and PostgreSQL (`ORDERLOG_SIMULATION_LOG=sqlite`, `postgres`) the
//! same schedules run without that promise.

#![allow(clippy::unwrap_used)]

mod account;
mod asks;
mod chance;
mod commands;
mod facts;
mod foreign;
mod foretold;
mod judge;
mod planted;
mod play;
mod quiet;
mod same;
mod shown;
mod steps;
mod trace;
mod views;
mod world;

use play::{Played, play};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};
use world::log::Backend;

/// The number of seeds, unless the environment sets another.
const SEEDS: u64 = 1_000;
/// The number of seeds on each stored log.
const STORED: [(Backend, u64); 2] = [(Backend::Sqlite, 60), (Backend::Postgres, 20)];
/// Seeds that are played twice, to check that both runs are the same.
const TWICE: u64 = 16;
/// Seeds between two lines of progress.
const SAY_EVERY: u64 = 1_000;
/// A seed takes a fraction of a second, on a stored log some seconds. A seed that takes this long hangs.
const HANGS: Duration = Duration::from_secs(120);
const HANGS_STORED: Duration = Duration::from_secs(600);

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn backend() -> Backend {
    match std::env::var("ORDERLOG_SIMULATION_LOG").as_deref() {
        Err(_) => Backend::Memory,
        Ok(name) => Backend::named(name).unwrap_or_else(|| panic!("no log is called {name}")),
    }
}

/// Ends the process if a seed hangs: a thread outside the seed has to do it.
struct Watchdog {
    /// Its drop reports the end.
    _end: std::sync::mpsc::Sender<()>,
}

impl Watchdog {
    fn over(seed: u64, backend: Backend) -> Self {
        let (end, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let hangs = if backend == Backend::Memory { HANGS } else { HANGS_STORED };
            if ended.recv_timeout(hangs) == Err(RecvTimeoutError::Timeout) {
                let name = backend.name();
                // A test's output is kept until the test ends, and this one does not.
                let _ = writeln!(
                    std::io::stderr(),
                    "ORDERLOG_SIMULATION_SEED={seed} ORDERLOG_SIMULATION_LOG={name} hangs"
                );
                std::process::abort();
            }
        });
        Self { _end: end }
    }
}

/// Plays seeds on two threads until one fails; returns their steps and counts.
fn play_all(seeds: std::ops::Range<u64>, backend: Backend) -> (u64, BTreeMap<String, u64>) {
    let (next, end) = (AtomicU64::new(seeds.start), seeds.end);
    let failed = Mutex::new(Vec::new());
    let sums = Mutex::new((0, BTreeMap::<String, u64>::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || !failed.lock().unwrap().is_empty() {
                        return;
                    }
                    let watchdog = Watchdog::over(seed, backend);
                    let played = play(seed, backend);
                    drop(watchdog);
                    if let Err(why) = &played.outcome {
                        failed.lock().unwrap().push((seed, why.clone(), played.trace.text()));
                        return;
                    }
                    if (seed + 1).is_multiple_of(SAY_EVERY) {
                        println!("seed {seed} is played");
                    }
                    let mut sums = sums.lock().unwrap();
                    sums.0 += played.steps;
                    for (what, times) in played.counts {
                        *sums.1.entry(what).or_default() += times;
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    if let Some((seed, why, steps)) = failed.first() {
        panic!(
            "{steps}\nORDERLOG_SIMULATION_SEED={seed} ORDERLOG_SIMULATION_LOG={}: {why}",
            backend.name()
        );
    }
    sums.into_inner().unwrap()
}

#[test]
fn answers_log_topic_and_views_agree_at_every_quiet_moment_of_every_seed() {
    let begun = Instant::now();
    let from = number("ORDERLOG_SIMULATION_FIRST").unwrap_or(0);
    let seeds = match number("ORDERLOG_SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => from..from + number("ORDERLOG_SIMULATION_SEEDS").unwrap_or(SEEDS),
    };
    let played = seeds.end - seeds.start;
    let (steps, counts) = play_all(seeds, backend());
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{played} seeds on {}, {steps} steps in {seconds:.0} s: {:.0} steps/s",
        backend().name(),
        steps as f64 / seconds
    );
    for (what, times) in counts {
        println!("{times:>10}  {what}");
    }
}

#[test]
fn the_same_schedules_hold_on_stored_logs() {
    for (backend, seeds) in STORED {
        if backend == Backend::Postgres && !has_postgres() {
            continue;
        }
        let (steps, _) = play_all(0..seeds, backend);
        println!("{seeds} seeds on {}, {steps} steps", backend.name());
    }
}

fn has_postgres() -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = rig::postgres::database_or_say("the simulation's schedules on PostgreSQL");
    runtime.block_on(database).is_some()
}

#[test]
fn a_seed_plays_the_same_twice() {
    for seed in 0..TWICE {
        let [one, two]: [Played; 2] = [play(seed, Backend::Memory), play(seed, Backend::Memory)];
        assert_eq!(one.trace.text(), two.trace.text(), "seed {seed}");
        assert_eq!((one.trace.hash(), one.steps), (two.trace.hash(), two.steps), "seed {seed}");
    }
}
