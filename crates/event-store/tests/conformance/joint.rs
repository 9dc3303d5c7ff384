//! Joint entries: all of them are written, or none.
//!
//! Each case runs on a handle that knows the streams, and on one that has never seen them: what needs no lookup on one
//! must be looked up on the other.

use crate::backend::Backend;
use crate::fixtures::{append, at, entry, keyed, stream, try_append, whole_log, written, wrong};
use event_store::{Append, AppendError, Entry, EntryOutcome, EventStore, StoredAnswer, Version};
use futures::future::join_all;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// The entries, joint.
fn joint(number: u32, entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let entries = entries.into_iter();
    entries.map(|entry| Entry { joint: Some(number), ..entry }).collect()
}

/// A log in which streams 1 to 3 are at version 2, once on the handle that wrote it and once on a cold one.
async fn begun(backend: &Backend) -> (EventStore, EventStore) {
    let warm = backend.open().await;
    append(&warm, vec![entry(1, 0, 2), entry(2, 0, 2), entry(3, 0, 2)]).await;
    (warm, backend.open().await)
}

async fn versions(store: &EventStore) -> BTreeMap<u128, Version> {
    let mut versions = BTreeMap::new();
    for event in whole_log(store).await {
        versions.insert(event.stream.id.as_u128(), event.version);
    }
    versions
}

async fn is_sound(store: &EventStore) {
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}

pub async fn joint_entries_are_written_together(backend: Backend) {
    let (warm, cold) = begun(&backend).await;
    let mut head = 6;
    for (store, version) in [(&warm, 2), (&cold, 3), (&warm, 4)] {
        let new = 10 + u128::from(version);
        let entries = joint(7, [entry(1, version, 1), entry(2, version, 1), entry(new, 0, 2)]);
        let appended = append(store, entries).await;
        assert_eq!(appended.outcomes, [written(head + 1), written(head + 2), written(head + 3)]);
        head += 4;
        assert_eq!(appended.head, head);
    }
    is_sound(&cold).await;
}

pub async fn one_stale_entry_leaves_all_that_are_joint_with_it_out(backend: Backend) {
    let (warm, cold) = begun(&backend).await;
    for (nth, store) in [&warm, &cold, &warm].into_iter().enumerate() {
        for stale in 0..3 {
            let expected = |place| if place == stale { 1 } else { 2 };
            let group = joint(
                0,
                [entry(1, expected(0), 1), entry(2, expected(1), 1), entry(3, expected(2), 1)],
            );
            let neighbours = 100 + 10 * nth as u128 + stale as u128 * 2;
            let mut entries = vec![entry(neighbours, 0, 1)];
            entries.extend(group);
            entries.push(entry(neighbours + 1, 0, 1));
            let appended = append(store, entries).await;
            let mut outcomes = vec![EntryOutcome::LeftOut; 3];
            outcomes[stale] = wrong(1, 2);
            assert_eq!(appended.outcomes[1..4], outcomes);
            let head = appended.head;
            assert_eq!(
                (&appended.outcomes[0], &appended.outcomes[4]),
                (&written(head - 1), &written(head))
            );
        }
    }
    let versions = versions(&cold).await;
    assert_eq!([1, 2, 3].map(|number| versions[&number]), [2, 2, 2]);
    // A stream that would be new is as absent as before.
    for store in [&warm, &cold] {
        let appended = append(store, joint(0, [entry(50, 0, 1), entry(1, 7, 1)])).await;
        assert_eq!(appended.outcomes, [EntryOutcome::LeftOut, wrong(7, 2)]);
        assert!(store.read_stream(&stream(50), 0, 10).await.unwrap().is_empty());
    }
    append(&cold, vec![entry(50, 0, 1)]).await;
    is_sound(&warm).await;
}

pub async fn a_taken_key_leaves_all_that_are_joint_with_it_out(backend: Backend) {
    let (warm, cold) = begun(&backend).await;
    let first =
        append(&warm, joint(0, [entry(1, 2, 1), keyed(entry(2, 2, 1), "k", "first")])).await;
    assert_eq!(first.outcomes, [written(7), written(8)]);
    let (fingerprint, answer) = ([7; 32], b"first".to_vec());
    let taken = EntryOutcome::KeyTaken(StoredAnswer { fingerprint, answer, first_position: 8 });
    for store in [&warm, &cold] {
        let again =
            joint(0, [entry(3, 2, 1), keyed(entry(2, 3, 1), "k", "again"), entry(60, 0, 1)]);
        let appended = append(store, again).await;
        assert_eq!(
            appended.outcomes,
            [EntryOutcome::LeftOut, taken.clone(), EntryOutcome::LeftOut]
        );
        assert_eq!(appended.head, 8);
    }
    // The key of a group that was left out is free.
    let refused = joint(0, [keyed(entry(3, 2, 1), "free", "no"), entry(1, 9, 1)]);
    assert_eq!(append(&cold, refused).await.outcomes, [EntryOutcome::LeftOut, wrong(9, 3)]);
    assert_eq!(cold.answers(&["free".to_owned()]).await.unwrap(), [None]);
    let appended = append(&warm, vec![keyed(entry(3, 2, 1), "free", "yes")]).await;
    assert_eq!(appended.outcomes, [written(9)]);
}

pub async fn what_follows_on_a_stream_that_was_left_out_is_refused(backend: Backend) {
    let (warm, cold) = begun(&backend).await;
    for store in [&warm, &cold] {
        let mut entries = joint(0, [entry(1, 2, 1), entry(2, 0, 1), entry(3, 2, 0)]);
        // Decided on what was left out; on an event that the stream has; on a stream that was only read.
        entries.extend([entry(1, 3, 1), entry(1, 2, 0), entry(3, 2, 0)]);
        entries.extend(joint(1, [entry(1, 3, 1), entry(3, 2, 0)]));
        let appended = append(store, entries).await;
        let left_out = EntryOutcome::LeftOut;
        let expected = [
            left_out.clone(),
            wrong(0, 2),
            left_out.clone(),
            wrong(3, 2),
            wrong(2, 2),
            written(6),
            wrong(3, 2),
            left_out,
        ];
        assert_eq!(appended.outcomes, expected);
        assert_eq!(appended.head, 6);
    }
}

pub async fn an_entry_that_only_reads_its_stream_guards_the_others(backend: Backend) {
    let (warm, cold) = begun(&backend).await;
    for (store, version) in [(&warm, 2), (&cold, 3)] {
        let stale = joint(0, [entry(1, version, 1), entry(2, version + 1, 0)]);
        let outcomes = [EntryOutcome::LeftOut, wrong(version + 1, version)];
        assert_eq!(append(store, stale).await.outcomes, outcomes);
        let absent = joint(0, [entry(1, version, 1), entry(70, 0, 0), entry(2, version, 0)]);
        let appended = append(store, absent).await;
        assert!(appended.outcomes.iter().all(|one| matches!(one, EntryOutcome::Written { .. })));
        append(store, vec![entry(2, version, 1)]).await;
        let exists = joint(0, [entry(1, version + 1, 1), entry(3, 0, 0)]);
        assert_eq!(append(store, exists).await.outcomes, [EntryOutcome::LeftOut, wrong(0, 2)]);
    }
    is_sound(&cold).await;
}

pub async fn two_answers_under_one_key_cannot_be_joint(backend: Backend) {
    let store = backend.open().await;
    let twins = [keyed(entry(1, 0, 1), "k", "one"), keyed(entry(2, 0, 1), "k", "two")];
    let refused = try_append(&store, joint(0, twins.clone())).await.unwrap_err();
    assert!(matches!(refused, AppendError::Failed(_)), "{refused:?}");
    assert_eq!(store.head().await.unwrap().position, 0);
    // Next to each other they are twins as ever.
    let [one, two] = twins;
    let entries = [joint(0, [one]), joint(1, [two])].concat();
    assert!(matches!(append(&store, entries).await.outcomes[1], EntryOutcome::KeyTaken(_)));
}

pub async fn joint_entries_keep_together_in_a_shared_transaction(backend: Backend) {
    let (warm, cold) = begun(&backend).await;
    for (store, version) in [(&warm, 2), (&cold, 3)] {
        let before = store.head().await.unwrap().position;
        let groups = [
            joint(0, [entry(1, version, 1), entry(2, version, 1)]),
            joint(0, [entry(1, version, 1), entry(3, version, 1)]),
            joint(0, [entry(3, version, 1), entry(80 + u128::from(version), 0, 1)]),
        ];
        let append = |entries: &Vec<Entry>| {
            store.append_staying(Append { entries: entries.clone(), recorded_at: at(1) })
        };
        let appended = join_all(groups.iter().map(append)).await;
        let outcomes: Vec<_> = appended.into_iter().map(|one| one.unwrap().outcomes).collect();
        let expected = [
            vec![written(before + 1), written(before + 2)],
            vec![wrong(version, version + 1), EntryOutcome::LeftOut],
            vec![written(before + 3), written(before + 4)],
        ];
        assert_eq!(outcomes, expected);
    }
    is_sound(&cold).await;
}

/// Each group raises the same two streams by one event, or leaves both alone: so they never part.
pub async fn writers_that_race_for_the_same_streams_leave_whole_groups(backend: Backend) {
    const ROUNDS: u64 = 25;
    let mut writers = JoinSet::new();
    for _ in 0..3 {
        let store = backend.open().await;
        writers.spawn(async move {
            let (mut won, mut version) = (0, 0);
            while won < ROUNDS {
                let group = joint(0, [entry(1, version, 1), entry(2, version, 1), entry(3, 0, 0)]);
                let outcomes = append(&store, group).await.outcomes;
                match outcomes[0] {
                    EntryOutcome::Written { .. } => {
                        won += 1;
                        version += 1;
                    }
                    EntryOutcome::WrongExpectedVersion { actual, .. } => version = actual,
                    ref other => panic!("{other:?}"),
                }
            }
        });
    }
    writers.join_all().await;
    let store = backend.open().await;
    let log = whole_log(&store).await;
    assert_eq!(log.len() as u64, 2 * 3 * ROUNDS);
    for (nth, pair) in log.chunks(2).enumerate() {
        let [one, two] = pair else { panic!("half a group: {pair:?}") };
        let ends = [one, two].map(|event| (event.stream.id.as_u128(), event.version as usize));
        assert_eq!(ends, [(1, nth + 1), (2, nth + 1)]);
    }
    is_sound(&store).await;
}
