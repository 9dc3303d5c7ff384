//! Which streams stay in memory: as many as there is room for, and all that are not committed.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::projections::tests::{decoded, recorded, stream, stream_id};
use event_store::StreamType;

fn fold(room: usize) -> HistoryFold {
    HistoryFold { versions: Cache::new(room), ..HistoryFold::new(Pace::Following) }
}

fn take(fold: &mut HistoryFold, events: Vec<Decoded>) -> Vec<HistoryRow> {
    fold.rows(events)
}

/// Folds one event as a batch.
fn batch(fold: &mut HistoryFold, order: u128, version: u64) {
    let event = decoded(recorded(order, version));
    fold.apply(&event).unwrap();
    assert_eq!(take(fold, vec![event]).len(), 1);
}

#[test]
fn the_streams_lately_touched_are_remembered_as_far_as_there_is_room() {
    let mut fold = fold(3);
    for order in 1..=10 {
        batch(&mut fold, order, 1);
        fold.committed(0);
    }
    let known: Vec<u128> =
        (1..=10).filter(|one| fold.versions.contains(&stream_id(*one))).collect();
    assert_eq!(known, [8, 9, 10]);
}

#[test]
fn what_has_not_been_committed_is_remembered_without_room() {
    let mut fold = fold(0);
    batch(&mut fold, 1, 1);
    batch(&mut fold, 2, 1);
    fold.committed(2);
    let known = |fold: &HistoryFold| [1, 2].map(|one| fold.versions.contains(&stream_id(one)));
    assert_eq!(known(&fold), [true, true]);
    fold.committed(1);
    assert_eq!(known(&fold), [false, true]);
    // A batch under way touches it once more, while the one before commits.
    let event = decoded(recorded(2, 2));
    fold.apply(&event).unwrap();
    fold.committed(0);
    assert_eq!(known(&fold), [false, true]);
    take(&mut fold, vec![event]);
    fold.committed(0);
    assert_eq!(known(&fold), [false, false]);
}

#[test]
fn what_is_refused_leaves_no_row_and_the_rest_of_its_batch_does() {
    let mut fold = fold(9);
    let events = [1, 2, 3].map(|order| decoded(recorded(order, 1)));
    events.iter().for_each(|event| fold.apply(event).unwrap());
    fold.refuse(&events[1].recorded);
    let rows = take(&mut fold, events.into());
    assert_eq!(rows.iter().map(|row| row.stream_id).collect::<Vec<_>>(), [1, 3].map(stream));
    // A refusal does not carry over to a later batch.
    fold.refuse(&recorded(2, 1));
    take(&mut fold, Vec::new());
    let again = decoded(recorded(2, 2));
    fold.apply(&again).unwrap();
    assert_eq!(take(&mut fold, vec![again]).len(), 1);
}

#[test]
fn an_event_that_no_other_fold_reads_has_its_row_if_it_is_json() {
    let mut fold = fold(9);
    let foreign = |payload: &[u8]| {
        let mut foreign = recorded(1, 1);
        foreign.stream.stream_type = StreamType::new("voucher");
        foreign.payload = payload.to_vec();
        decoded(foreign)
    };
    for broken in [&b""[..], b"{", b"{}}", b"\xff", b"\"\xff\""] {
        let Err(Poison(why)) = fold.apply(&foreign(broken)) else { panic!("{broken:?} is taken") };
        assert_eq!(why, "the payload is not JSON");
    }
    let mut order = recorded(2, 1);
    order.payload = b"{\"by\":\"\xff\"}".to_vec();
    let order = decoded(order);
    assert!(matches!(order.fact, Fact::Known(_)), "the order has no use for that member");
    assert!(fold.apply(&order).is_err(), "and the row could not hold it");
    fold.apply(&foreign(b"[1]")).unwrap();
    assert_eq!(take(&mut fold, vec![foreign(b"[1]")])[0].data, "[1]");
}
