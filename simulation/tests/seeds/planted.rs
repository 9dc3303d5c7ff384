//! Whether the seeds find the planted faults.

use faults::Fault::{self, *};
use std::time::Instant;

/// The number of seeds within which each fault must be found.
const SEEDS: &str = "300";
const MACHINE: &str = "answers_log_topic_and_views_agree_at_every_quiet_moment_of_every_seed";

const PLANTED: [Fault; 15] = [
    CacheKeptAfterFailure,
    AnswerApart,
    FingerprintNotCompared,
    StaleDecisionAnswered,
    KeyNotProven,
    CheckpointBeforeRows,
    ZombieNotFenced,
    PartitionOrderSwapped,
    MarkAhead,
    SwapWithoutDrain,
    NameByArrival,
    CancelledStillSold,
    UpcasterLeftOut,
    ParkedOrderGoesOn,
    PositionReused,
];

#[test]
fn planted_faults_are_found() {
    let mut missed = Vec::new();
    for fault in PLANTED {
        let begun = Instant::now();
        let said = faults::hunt(fault, MACHINE, &[("ORDERLOG_SIMULATION_SEEDS", SEEDS)]);
        let seconds = begun.elapsed().as_secs_f64();
        let said = said.unwrap_or_default();
        let found = said.lines().find(|line| line.starts_with("ORDERLOG_SIMULATION_SEED="));
        match found {
            Some(found) => println!("{fault:?} is found in {seconds:.1} s: {found:.200}"),
            None => missed.push((fault, said)),
        }
    }
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:#?}");
}
