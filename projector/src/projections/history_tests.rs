//! What is remembered of streams: as many as there is room for, and whatever has not been committed.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::projections::tests::{recorded, stream};

fn fold(room: usize) -> HistoryFold {
    HistoryFold { versions: Cache::new(room), ..HistoryFold::new(Pace::Following) }
}

/// Folds one event as a batch.
fn batch(fold: &mut HistoryFold, order: u128, version: u64) {
    let event = Decoded::new(recorded(order, version));
    fold.apply(&event).unwrap();
    assert_eq!(fold.take(vec![event]).len(), 1);
}

#[test]
fn the_streams_lately_touched_are_remembered_as_far_as_there_is_room() {
    let mut fold = fold(3);
    for order in 1..=10 {
        batch(&mut fold, order, 1);
        fold.committed(0);
    }
    let known: Vec<u128> = (1..=10).filter(|one| fold.versions.contains(stream(*one))).collect();
    assert_eq!(known, [8, 9, 10]);
}

#[test]
fn what_has_not_been_committed_is_remembered_without_room() {
    let mut fold = fold(0);
    batch(&mut fold, 1, 1);
    batch(&mut fold, 2, 1);
    fold.committed(2);
    let known = |fold: &HistoryFold| [1, 2].map(|one| fold.versions.contains(stream(one)));
    assert_eq!(known(&fold), [true, true]);
    fold.committed(1);
    assert_eq!(known(&fold), [false, true]);
    // A batch under way touches it once more, while the one before commits.
    let event = Decoded::new(recorded(2, 2));
    fold.apply(&event).unwrap();
    fold.committed(0);
    assert_eq!(known(&fold), [false, true]);
    fold.take(vec![event]);
    fold.committed(0);
    assert_eq!(known(&fold), [false, false]);
}
