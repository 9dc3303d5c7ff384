//! Faults that are built in on purpose, to see that the machines that look for faults find them.
//!
//! Each is one that an order system has had or could have, at the one place in the code where it would be made. Without
//! the feature `on` no fault can strike and nothing of them is compiled. With it a process has at most one, either of
//! two ways. `ORDERLOG_PLANTED_FAULT` names it, by its [`Fault::name`]: so the reference log's comparison and the
//! simulation are run in a process of their own, as everybody runs them, and must fail. Or a test turns it on in its own
//! process, for a part of what it does, and waits until it has struck.

/// What is wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SQLite skips a row that is there already, nothing counts the rows, and the head moves: an order is answered as
    /// stored that is not.
    FalseCreated,
    /// PostgreSQL skips a row that is there already, and nobody compares how many went in.
    CountsNotCompared,
    /// A handle trusts the versions it knows although another handle has appended since.
    StaleVersionsKept,
    /// Two entries of one append have the same key, and both are written.
    TwinsBothWritten,
    /// Orders stay in the pipeline's cache as decided although their batch was not stored.
    CacheKeptAfterFailure,
    /// An answer is kept under its key after the commit of its events, not with it.
    AnswerApart,
    /// A key is answered with what it stands for, whatever is asked under it.
    FingerprintNotCompared,
    /// A decision without events is answered although the stream has moved on since what it was decided on.
    StaleDecisionAnswered,
    /// A decision of which nothing is kept is answered although its key was used since it was looked up.
    KeyNotProven,
    /// A checkpoint is committed before the rows that it accounts for.
    CheckpointBeforeRows,
    /// A projector writes although another one has moved its checkpoint.
    ZombieNotFenced,
    /// The last two events of a page are sent in the wrong order where both go to one partition.
    PartitionOrderSwapped,
    /// A mark says that a partition is complete up to a position of which it has not received everything.
    MarkAhead,
    /// A rebuild is swapped in without what the live rows have and the new ones lack.
    SwapWithoutDrain,
    /// A customer's or product's name is the one that arrived last.
    NameByArrival,
    /// The sales' fold passes over cancellations, live and in every rebuild, so that a fresh fold agrees.
    CancelledStillSold,
    /// Events of an old schema version are read as if they were of the newest.
    UpcasterLeftOut,
    /// Of an order with a parked event, later events are applied.
    ParkedOrderGoesOn,
    /// Readers are given events before their commit; after a rollback others have their positions.
    PositionReused,
    /// PostgreSQL hands positions out as a sequence would: without the head row's lock, before the commit.
    CursorWithoutLock,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::FalseCreated,
        Self::CountsNotCompared,
        Self::StaleVersionsKept,
        Self::TwinsBothWritten,
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

    /// By which `ORDERLOG_PLANTED_FAULT` names it.
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

/// The fault has made a difference.
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

/// How many names have arrived before, of which only [`Fault::NameByArrival`] makes use.
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
