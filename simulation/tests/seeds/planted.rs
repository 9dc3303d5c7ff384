//! Whether the seeds find what is wrong on purpose.

use faults::Fault::{self, *};

/// Seeds within which each must be found.
const SEEDS: &str = "300";
const MACHINE: &str = "answers_log_topic_and_views_agree_at_every_quiet_moment_of_every_seed";

const PLANTED: [Fault; 12] = [
    CacheKeptAfterFailure,
    AnswerApart,
    FingerprintNotCompared,
    CheckpointBeforeRows,
    ZombieNotFenced,
    PartitionOrderSwapped,
    MarkAhead,
    SwapWithoutDrain,
    NameByArrival,
    UpcasterLeftOut,
    ParkedOrderGoesOn,
    PositionReused,
];

#[test]
fn planted_faults_are_found() {
    let only = std::env::var("ORDERLOG_PLANTED_ONLY").ok();
    let mut missed = Vec::new();
    for fault in
        PLANTED.into_iter().filter(|its| only.as_ref().is_none_or(|only| its.name() == *only))
    {
        let begun = std::time::Instant::now();
        let said = faults::hunt(fault, MACHINE, &[("ORDERLOG_SIMULATION_SEEDS", SEEDS)]);
        let seconds = begun.elapsed().as_secs_f64();
        let line = said.as_ref().and_then(|said| {
            said.lines().find(|line| line.starts_with("ORDERLOG_SIMULATION_SEED="))
        });
        match line {
            Some(line) => println!("{fault:?} is found in {seconds:.1} s: {line:.200}"),
            None => {
                println!("{fault:?} is NOT found in {seconds:.1} s: {}", said.unwrap_or_default());
                missed.push(fault);
            }
        }
    }
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}
