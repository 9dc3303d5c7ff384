//! Several handles, as several processes would have them, on one log at once.

use crate::backend::Backend;
use crate::fixtures::{append, at, entry, is_written, keyed, stream, whole_log, written, wrong};
use event_store::{Append, EntryOutcome};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::task::JoinSet;

pub async fn positions_have_no_gap_when_several_handles_append_at_once(backend: Backend) {
    let mut writers = JoinSet::new();
    for writer in 0..4_u128 {
        let store = backend.open().await;
        writers.spawn(async move {
            for batch in 0..25 {
                let first = 1 + writer * 1_000 + batch * 3;
                let entries = vec![entry(first, 0, 2), entry(first + 1, 0, 1), entry(first, 2, 1)];
                assert!(append(&store, entries).await.outcomes.iter().all(is_written));
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let store = backend.open().await;
    let log = whole_log(&store).await;
    let positions: Vec<_> = log.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=400).collect::<Vec<_>>());
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}

pub async fn one_of_many_writers_of_the_same_version_wins(backend: Backend) {
    for round in 0..10 {
        let mut writers = JoinSet::new();
        for _ in 0..4 {
            let store = backend.open().await;
            writers.spawn(async move { append(&store, vec![entry(1, round, 1)]).await.outcomes });
        }
        let outcomes = writers.join_all().await.concat();
        assert_eq!(outcomes.iter().filter(|outcome| is_written(outcome)).count(), 1);
        let losers = outcomes.iter().filter(|outcome| **outcome == wrong(round, round + 1));
        assert_eq!(losers.count(), 3, "{outcomes:?}");
    }
    assert_eq!(backend.open().await.head().await.unwrap().position, 10);
}

pub async fn a_reader_that_follows_the_log_misses_nothing(backend: Backend) {
    const EACH: u128 = 100;
    let mut writers = JoinSet::new();
    for writer in 0..2_u128 {
        let store = backend.open().await;
        writers.spawn(async move {
            for number in 1..=EACH {
                append(&store, vec![entry(writer * EACH + number, 0, 2)]).await;
            }
        });
    }
    let reader = backend.open_read_only().await;
    let mut after = 0;
    while after < 4 * EACH as u64 {
        for event in reader.read_feed(after, 7).await.unwrap() {
            assert_eq!(event.position, after + 1);
            after = event.position;
        }
    }
    writers.join_all().await;
    assert_eq!(reader.head().await.unwrap().position, 4 * EACH as u64);
}

pub async fn a_handle_notices_what_another_one_appended(backend: Backend) {
    let (one, other) = (backend.open().await, backend.open().await);
    append(&one, vec![entry(1, 0, 1)]).await;
    append(&other, vec![entry(1, 1, 1), entry(2, 0, 1)]).await;
    // What `one` knows of both streams is out of date: the first by version, the second by existence.
    let stale = append(&one, vec![entry(1, 1, 1), entry(2, 0, 1), entry(3, 0, 1)]).await;
    assert_eq!(stale.outcomes, [wrong(1, 2), wrong(0, 1), written(4)]);
    let fresh = append(&one, vec![entry(1, 2, 1), entry(2, 1, 1)]).await;
    assert_eq!(fresh.outcomes, [written(5), written(6)]);
    // An append of answers alone is noticed too.
    append(&other, vec![keyed(entry(7, 0, 0), "k", "other's")]).await;
    let taken = append(&one, vec![keyed(entry(8, 0, 1), "k", "one's")]).await;
    assert!(
        matches!(&taken.outcomes[..], [EntryOutcome::KeyTaken(kept)] if kept.answer == b"other's")
    );
}

pub async fn an_abandoned_append_is_whole_or_absent(backend: Backend) {
    const EACH: u128 = 60;
    let store = backend.open().await;
    for number in 1..=EACH {
        let entries = vec![keyed(entry(number, 0, 3), &format!("k{number}"), "answer")];
        let append = store.append(Append { entries, recorded_at: at(1) });
        // Polled a few times, then dropped: before it began, half-way, or when it was done.
        let mut append = Box::pin(append);
        for _ in 0..number % 4 {
            if futures::poll!(&mut append).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    // An append that was polled at all was accepted, and finishes.
    let accepted = EACH as u64 * 3 / 4;
    store.head_hint().wait_for(|head| *head >= accepted * 3).await.unwrap();
    let keys: Vec<_> = (1..=EACH).map(|number| format!("k{number}")).collect();
    let kept = store.answers(&keys).await.unwrap();
    for (number, kept) in (1..=EACH).zip(kept) {
        let events = store.read_stream(&stream(number), 0, 10).await.unwrap();
        assert_eq!(events.len(), if kept.is_some() { 3 } else { 0 });
        assert_eq!(kept.is_some(), number % 4 != 0, "what was accepted is finished");
    }
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}

pub async fn twins_that_race_leave_one_answer(backend: Backend) {
    let barrier = Arc::new(tokio::sync::Barrier::new(4));
    let mut twins = JoinSet::new();
    for number in 1..=4_u128 {
        let (store, barrier) = (backend.open().await, Arc::clone(&barrier));
        twins.spawn(async move {
            let mine = format!("answer {number}");
            barrier.wait().await;
            let entries = vec![entry(number, 0, 1), keyed(entry(number, 1, 1), "twin", &mine)];
            let outcomes = append(&store, entries).await.outcomes;
            assert!(is_written(&outcomes[0]), "a neighbour without the key is written");
            match &outcomes[1] {
                EntryOutcome::Written { .. } => mine.into_bytes(),
                EntryOutcome::KeyTaken(kept) => kept.answer.clone(),
                other => panic!("{other:?}"),
            }
        });
    }
    let answers: HashSet<Vec<u8>> = twins.join_all().await.into_iter().collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(backend.open().await.head().await.unwrap().position, 5);
}
