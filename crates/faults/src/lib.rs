//! Bugs that are built in on purpose, to prove that the tests find them.
//!
//! Each is a bug that an order system has had or could have, at the place in the code where it would be made. Without
//! the feature `on` no fault can strike, and none of their code is compiled. With it a process has at most one fault,
//! in one of two ways. `ORDERLOG_PLANTED_FAULT` names it by its [`Fault::name`]: the reference log's comparison and the
//! simulation then run in a process of their own, unchanged, and must fail. Or a test turns it on in its own process,
//! for a part of what it does, and waits until it has struck.

/// A planted fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SQLite skips a row that already exists, the rows are not counted, and the head moves. An order is answered as
    /// stored that is not.
    FalseCreated,
    /// PostgreSQL skips a row that already exists, and the number of inserted rows is not compared.
    CountsNotCompared,
    /// A handle trusts the versions it knows although another handle has appended since.
    StaleVersionsKept,
    /// Two entries of one append have the same key, and both are written.
    TwinsBothWritten,
    /// Joint entries are judged one by one, and those that hold are written without the others.
    JointInPart,
    /// Orders stay in the pipeline's cache as decided although their batch was not stored.
    CacheKeptAfterFailure,
    /// An answer is kept under its key after the commit of its events, not with it.
    AnswerApart,
    /// A key is answered with its stored answer, whatever the request under it.
    FingerprintNotCompared,
    /// A decision without events is answered although its stream has moved on since the decision.
    StaleDecisionAnswered,
    /// A decision that leaves no record is answered although its key was used after the lookup.
    KeyNotProven,
    /// A checkpoint is committed before its rows.
    CheckpointBeforeRows,
    /// A projector writes although another has moved its checkpoint.
    ZombieNotFenced,
    /// The last two events of a page are sent in the wrong order if both go to one partition.
    PartitionOrderSwapped,
    /// A watermark says that a partition is complete up to a position although events before it are missing.
    MarkAhead,
    /// A rebuild is swapped in without the last events that the live rows already have.
    SwapWithoutDrain,
    /// A customer's or product's name is the one that arrived last.
    NameByArrival,
    /// The fold of sales ignores cancellations, live and in every rebuild, so that a fresh fold agrees.
    CancelledStillSold,
    /// Events of an old schema version are read as if they were of the newest version.
    UpcasterLeftOut,
    /// Later events of an order with a parked event are applied.
    ParkedOrderGoesOn,
    /// Readers receive events before their commit; after a rollback, other events take their positions.
    PositionReused,
    /// PostgreSQL assigns positions like a sequence: without the head row's lock, before the commit.
    CursorWithoutLock,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::FalseCreated,
        Self::CountsNotCompared,
        Self::StaleVersionsKept,
        Self::TwinsBothWritten,
        Self::JointInPart,
        Self::CacheKeptAfterFailure,
        Self::AnswerApart,
        Self::FingerprintNotCompared,
        Self::StaleDecisionAnswered,
        Self::KeyNotProven,
        Self::CheckpointBeforeRows,
        Self::ZombieNotFenced,
        Self::PartitionOrderSwapped,
        Self::MarkAhead,
        Self::SwapWithoutDrain,
        Self::NameByArrival,
        Self::CancelledStillSold,
        Self::UpcasterLeftOut,
        Self::ParkedOrderGoesOn,
        Self::PositionReused,
        Self::CursorWithoutLock,
    ];

    /// The name in `ORDERLOG_PLANTED_FAULT`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }
}

/// Whether this process has the fault.
#[cfg(not(feature = "on"))]
#[inline(always)]
pub const fn planted(_fault: Fault) -> bool {
    false
}

/// Whether a test of this process has turned the fault on.
#[cfg(not(feature = "on"))]
#[inline(always)]
pub const fn turned_on(_fault: Fault) -> bool {
    false
}

/// Records that the fault has made a difference.
#[cfg(not(feature = "on"))]
#[inline(always)]
pub const fn strike() {}

#[cfg(feature = "on")]
mod hunt;
#[cfg(feature = "on")]
mod on;
#[cfg(feature = "on")]
pub use hunt::hunt;
#[cfg(feature = "on")]
pub use on::{TurnedOn, VARIABLE, arrival, planted, planted_one, strike, turn_on, turned_on};

/// How many names have arrived before; only [`Fault::NameByArrival`] uses it.
#[cfg(not(feature = "on"))]
#[inline(always)]
pub const fn arrival() -> i64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_fault_has_a_name_of_its_own_and_none_is_planted_unasked() {
        let names: BTreeSet<String> = Fault::ALL.into_iter().map(Fault::name).collect();
        assert_eq!(names.len(), Fault::ALL.len());
        assert!(names.contains("false-created"));
        assert!(!Fault::ALL.into_iter().any(planted));
    }
}
