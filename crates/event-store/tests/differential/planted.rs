//! Whether the comparison finds what is wrong on purpose, in the backends and in what they share.

use faults::Fault::{self, *};

/// Sequences within which each must be found.
const SEQUENCES: &str = "400";
const POSTGRES_SEQUENCES: &str = "100";

#[test]
fn planted_faults_of_sqlite_are_found() {
    for fault in [FalseCreated, StaleVersionsKept, TwinsBothWritten, JointInPart] {
        let machine = "sqlite_answers_as_the_reference_does";
        find(fault, machine, &[("ORDERLOG_DIFFERENTIAL_SEQUENCES", SEQUENCES)]);
    }
}

#[tokio::test]
async fn planted_faults_of_postgres_are_found() {
    let untested = "whether faults planted in PostgreSQL's backend are found";
    if rig::postgres::database_or_say(untested).await.is_none() {
        return;
    }
    let machine = "postgres_and_sqlite_answer_as_the_reference_does";
    let sequences = [("ORDERLOG_DIFFERENTIAL_POSTGRES_SEQUENCES", POSTGRES_SEQUENCES)];
    find(CountsNotCompared, machine, &sequences);
}

fn find(fault: Fault, machine: &str, environment: &[(&str, &str)]) {
    let begun = std::time::Instant::now();
    let said = faults::hunt(fault, machine, environment);
    let said = said.unwrap_or_else(|| panic!("{fault:?} is not found"));
    assert!(said.contains("The steps:"), "{fault:?} is not found as a difference:\n{said}");
    let steps =
        said.lines().find(|line| line.starts_with("step ") || line.starts_with("at the end"));
    let seconds = begun.elapsed().as_secs_f64();
    println!("{fault:?} is found in {seconds:.1} s: {}", steps.unwrap_or_default());
}
