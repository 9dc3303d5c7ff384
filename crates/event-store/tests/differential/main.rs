//! Random sequences of steps on several backends at once: whatever the reference answers, they all must.
//!
//! The reference is the log in memory, which is a page or two of code and shares none of the caches, fast ways and SQL
//! that it is compared with. After every step the answers and the heads (so the hashes of everything before) are equal;
//! after every sequence the rows are counted, the log is read and verified. A sequence that finds a difference is made
//! shorter as long as it still finds one, on a new log each time, and printed with the seed that draws it again.
//!
//! Sizes and the seed come from the environment: see CONTRIBUTING.md.

#![allow(clippy::unwrap_used)]

mod call;
mod draw;
#[cfg(feature = "planted-faults")]
mod planted;
mod runs;
mod scene;
mod sequence;
mod steps;
mod world;

use runs::{Runs, number};
use world::Compared;

#[test]
fn sqlite_answers_as_the_reference_does() {
    let sequences = number("ORDERLOG_DIFFERENTIAL_SEQUENCES").unwrap_or(2_000);
    Runs { name: "sqlite_answers_as_the_reference_does", compared: Compared::Sqlite, sequences }
        .make();
}

#[test]
fn postgres_and_sqlite_answer_as_the_reference_does() {
    let sequences = number("ORDERLOG_DIFFERENTIAL_POSTGRES_SEQUENCES").unwrap_or(200);
    let name = "postgres_and_sqlite_answer_as_the_reference_does";
    Runs { name, compared: Compared::SqliteAndPostgres, sequences }.make();
}
