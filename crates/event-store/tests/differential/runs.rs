//! How many sequences are made, from which seeds, and what is said of them.
//!
//! Some sequences share a log, because making one costs more than making a sequence. Each log has a seed of its own,
//! counted up from the first, so that a failure is drawn again without all that came before it.

use crate::sequence::Sequences;
use crate::steps::Step;
use crate::world::{Compared, World};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::{Cell, RefCell};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Builder, Handle};

/// Sequences that share a log.
const ON_ONE_LOG: u64 = 10;
/// Steps in one sequence.
const STEPS: RangeInclusive<usize> = 40..=60;
/// Logs that are gone through at once: SQLite keeps the processors busy, PostgreSQL is mostly waited for.
const SQLITE_LANES: usize = 2;
const POSTGRES_LANES: usize = 6;
/// Sequences that are tried in search of a shorter one.
const MAX_SHORTER: u32 = 4_000;
const SEED: &str = "ORDERLOG_SEED";

/// A number of the environment's.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

/// What is to be done.
#[derive(Debug)]
pub struct Runs {
    /// The test's.
    pub name: &'static str,
    /// With what.
    pub compared: Compared,
    /// How many sequences.
    pub sequences: u64,
}

/// What was done.
#[derive(Debug, Default)]
struct Done {
    logs: AtomicU64,
    sequences: AtomicU64,
    steps: AtomicU64,
    failed: AtomicBool,
}

impl Runs {
    /// Makes them all, or panics with the first that finds a difference.
    pub fn make(&self) {
        let seed = number(SEED).unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            since.as_secs() << 20 | u64::from(since.subsec_micros())
        });
        let runtime = Builder::new_multi_thread().worker_threads(SQLITE_LANES).enable_all().build();
        let runtime = runtime.unwrap();
        let Some(first) = runtime.block_on(World::new(self.compared)) else { return };
        runtime.block_on(first.close());
        println!("{}: {SEED}={seed}", self.name);
        let (started, done) = (Instant::now(), Done::default());
        let failures: Vec<String> = std::thread::scope(|scope| {
            let lane = || scope.spawn(|| self.lane(seed, &done, runtime.handle()));
            let lanes: Vec<_> = (0..self.lanes()).map(|_| lane()).collect();
            lanes.into_iter().filter_map(|lane| lane.join().unwrap()).collect()
        });
        println!(
            "{}: {} sequences, {} steps, {:.1} s",
            self.name,
            done.sequences.load(Ordering::Relaxed),
            done.steps.load(Ordering::Relaxed),
            started.elapsed().as_secs_f64()
        );
        assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    }

    /// Takes one log after the other, until all are done or one has failed.
    fn lane(&self, seed: u64, done: &Done, runtime: &Handle) -> Option<String> {
        let logs = self.sequences.div_ceil(ON_ONE_LOG);
        loop {
            let log = done.logs.fetch_add(1, Ordering::Relaxed);
            if log >= logs || done.failed.load(Ordering::Relaxed) {
                return None;
            }
            if let Err(failure) = self.one_log(seed.wrapping_add(log), done, runtime) {
                done.failed.store(true, Ordering::Relaxed);
                return Some(failure);
            }
        }
    }

    fn one_log(&self, seed: u64, done: &Done, runtime: &Handle) -> Result<(), String> {
        let world = RefCell::new(None);
        let shortening = Cell::new(false);
        let made = runner(seed).run(&Sequences(STEPS), |steps| {
            let before = world.take();
            let present = before.or_else(|| runtime.block_on(World::new(self.compared)));
            let mut present = present.expect("one was made before");
            let compared = runtime.block_on(present.run(&steps));
            if compared.is_ok() && !shortening.get() {
                done.sequences.fetch_add(1, Ordering::Relaxed);
                done.steps.fetch_add(steps.len() as u64, Ordering::Relaxed);
                world.replace(Some(present));
            } else {
                // From here on every sequence has a log of its own: this one may be damaged.
                shortening.set(true);
                runtime.block_on(present.close());
            }
            compared.map_err(TestCaseError::fail)
        });
        if let Some(world) = world.take() {
            runtime.block_on(world.close());
        }
        made.map_err(|failure| self.report(seed, failure))
    }

    fn report(&self, seed: u64, failure: TestError<Vec<Step>>) -> String {
        let TestError::Fail(why, steps) = failure else { return failure.to_string() };
        let steps = steps.iter().zip(1..).map(|(step, number)| format!("{number}: {step:?}"));
        let steps = steps.collect::<Vec<_>>().join("\n");
        let (name, sequences) = (self.name, self.variable());
        format!(
            "{why}\n\nThe steps:\n{steps}\n\nTo draw and shorten them again:\n\
             {SEED}={seed} {sequences}={ON_ONE_LOG} \
             cargo test -p event-store --test differential {name}"
        )
    }

    fn lanes(&self) -> usize {
        match self.compared {
            Compared::Sqlite => SQLITE_LANES,
            Compared::SqliteAndPostgres => POSTGRES_LANES,
        }
    }

    fn variable(&self) -> &'static str {
        match self.compared {
            Compared::Sqlite => "ORDERLOG_DIFFERENTIAL_SEQUENCES",
            Compared::SqliteAndPostgres => "ORDERLOG_DIFFERENTIAL_POSTGRES_SEQUENCES",
        }
    }
}

fn runner(seed: u64) -> TestRunner {
    let config = Config {
        cases: u32::try_from(ON_ONE_LOG).expect("it is small"),
        // Of a fault that was planted it is enough to know that it is found.
        max_shrink_iters: if is_planted() { 0 } else { MAX_SHORTER },
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn is_planted() -> bool {
    #[cfg(feature = "planted-faults")]
    return faults::planted_one().is_some();
    #[cfg(not(feature = "planted-faults"))]
    false
}
