//! Which entries hold: every way in which neighbours in one batch can touch one another.

use super::*;
use crate::chain::GENESIS;
use crate::{Metadata, StreamType};
use proptest::collection::vec;
use proptest::prelude::*;
use std::slice;
use uuid::Uuid;

fn stream(id: u128) -> StreamId {
    StreamId { stream_type: StreamType::new("order"), id: Uuid::from_u128(id) }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).unwrap()
}

fn head() -> Head {
    Head { position: 10, hash: GENESIS, recorded_at: at(100) }
}

fn entry(id: u128, expected_version: Version, events: usize) -> Entry {
    let event = NewEvent {
        event_id: Uuid::from_u128(99),
        event_type: "NoteAdded",
        schema_version: 1,
        occurred_at: at(1),
        payload: b"{}".to_vec(),
    };
    Entry {
        stream: stream(id),
        expected_version,
        partition_key: None,
        events: vec![event; events],
        metadata: Metadata::default(),
        answer: None,
        joint: None,
    }
}

fn keyed(entry: Entry, key: &str) -> Entry {
    let answer = KeyedAnswer {
        key: key.to_owned(),
        fingerprint: [1; 32],
        answer: b"answer".to_vec(),
        permanent: false,
    };
    Entry { answer: Some(answer), ..entry }
}

fn stored(first_position: Position) -> StoredAnswer {
    StoredAnswer { fingerprint: [1; 32], answer: b"answer".to_vec(), first_position }
}

fn written(first_position: Position) -> EntryOutcome {
    EntryOutcome::Written { first_position }
}

fn wrong(expected: Version, actual: Version) -> EntryOutcome {
    EntryOutcome::WrongExpectedVersion { expected, actual }
}

/// Of a stream at a version, with its own id as partition key.
fn end(version: Version) -> StreamEnd {
    StreamEnd { version, partition_key: None }
}

fn alone(entries: &[Entry], seconds: i64) -> [Append; 1] {
    [Append { entries: entries.to_vec(), recorded_at: at(seconds) }]
}

fn outcomes(entries: &[Entry], versions: &[(u128, Version)], taken: &[&str]) -> Vec<EntryOutcome> {
    let group = alone(entries, 200);
    let entries = &group[0].entries;
    let streams: Vec<_> = versions.iter().map(|(id, version)| (stream(*id), *version)).collect();
    let found = Found {
        streams: entries
            .iter()
            .filter_map(|entry| {
                let known = streams.iter().find(|(stream, _)| *stream == entry.stream)?;
                Some((&entry.stream, end(known.1)))
            })
            .collect(),
        answers: taken
            .iter()
            .filter_map(|key| {
                let named = entries.iter().filter_map(|entry| entry.answer.as_ref());
                let keyed = named.into_iter().find(|answer| answer.key == *key)?;
                Some((keyed.key.as_str(), stored(3)))
            })
            .collect(),
    };
    plan(&group, found, head()).appended().remove(0).outcomes
}

#[test]
fn entries_of_one_stream_build_on_one_another() {
    let entries = [entry(1, 0, 2), entry(1, 2, 1), entry(2, 4, 1)];
    assert_eq!(outcomes(&entries, &[(2, 4)], &[]), [written(11), written(13), written(14)]);
}

#[test]
fn a_stale_entry_is_left_out_and_its_neighbours_are_written() {
    let entries = [entry(1, 0, 1), entry(2, 3, 1), entry(3, 0, 1)];
    assert_eq!(outcomes(&entries, &[(2, 4)], &[]), [written(11), wrong(3, 4), written(12)]);
}

#[test]
fn after_a_conflict_no_entry_of_that_stream_is_written_even_if_its_number_fits() {
    let entries = [entry(1, 3, 2), entry(1, 5, 1)];
    assert_eq!(outcomes(&entries, &[(1, 5)], &[]), [wrong(3, 5), wrong(5, 5)]);
}

#[test]
fn a_taken_key_gives_the_first_answer_even_when_the_version_is_stale_too() {
    let entries = [keyed(entry(1, 3, 1), "k")];
    assert_eq!(outcomes(&entries, &[(1, 4)], &["k"]), [EntryOutcome::KeyTaken(stored(3))]);
}

#[test]
fn what_was_decided_on_the_events_of_a_taken_key_is_refused() {
    let entries = [keyed(entry(1, 3, 1), "k"), entry(1, 4, 1)];
    let expected = [EntryOutcome::KeyTaken(stored(3)), wrong(4, 4)];
    assert_eq!(outcomes(&entries, &[(1, 4)], &["k"]), expected);
}

#[test]
fn a_taken_key_without_events_leaves_the_stream_alone() {
    let entries = [keyed(entry(1, 3, 0), "k"), entry(1, 3, 1)];
    let expected = [EntryOutcome::KeyTaken(stored(3)), written(11)];
    assert_eq!(outcomes(&entries, &[(1, 3)], &["k"]), expected);
}

#[test]
fn the_second_of_two_twins_gets_the_first_ones_answer() {
    let entries = [keyed(entry(1, 0, 1), "k"), keyed(entry(2, 0, 1), "k")];
    assert_eq!(outcomes(&entries, &[], &[]), [written(11), EntryOutcome::KeyTaken(stored(11))]);
}

#[test]
fn a_twin_of_an_entry_that_was_left_out_stands_on_its_own() {
    let entries = [keyed(entry(1, 7, 1), "k"), keyed(entry(2, 0, 1), "k")];
    assert_eq!(outcomes(&entries, &[], &[]), [wrong(7, 0), written(11)]);
}

#[test]
fn an_entry_without_events_stands_at_the_head_before_it() {
    let entries = [entry(1, 0, 1), keyed(entry(2, 0, 0), "k"), entry(3, 0, 1)];
    assert_eq!(outcomes(&entries, &[], &[]), [written(11), written(11), written(12)]);
}

#[test]
fn the_recorded_time_is_cut_to_microseconds_and_never_goes_back() {
    let fine = Timestamp::from_timestamp(200, 1_999).unwrap();
    let cut = Timestamp::from_timestamp(200, 1_000).unwrap();
    for (clock, stored) in [(fine, cut), (at(50), at(100))] {
        let group = [Append { entries: vec![entry(1, 0, 1)], recorded_at: clock }];
        let plan = plan(&group, Found::default(), head());
        assert_eq!((plan.head.recorded_at, plan.events[0].recorded_at), (stored, stored));
        assert_eq!(plan.appended()[0].recorded_at, stored);
    }
}

#[test]
fn a_plan_in_which_nothing_holds_is_empty() {
    let is_empty = |entry| plan(&alone(&[entry], 1), Found::default(), head()).is_empty();
    assert!(is_empty(entry(1, 5, 1)));
    assert!(!is_empty(keyed(entry(1, 0, 0), "k")));
}

#[test]
fn a_refusal_is_a_guess_where_its_stream_or_its_key_was_not_asked_for() {
    let (plain, with_key) = ([entry(1, 3, 1)], [keyed(entry(1, 3, 1), "k")]);
    let guessed = |entries: &[Entry], version: Option<Version>| {
        let group = alone(entries, 200);
        let ends = version.map(|version| (&entries[0].stream, end(version)));
        let found = Found { streams: ends.into_iter().collect(), ..Found::default() };
        plan(&group, found, head()).guessed
    };
    assert!(guessed(&plain, None) && guessed(&with_key, None));
    assert!(!guessed(&plain, Some(4)) && guessed(&with_key, Some(4)));
    assert!(!guessed(&plain, Some(3)) && !guessed(&with_key, Some(3)));
    // One guess among the entries is enough, wherever it stands.
    let unknown_first = [entry(2, 3, 1), entry(1, 3, 1)];
    let found = Found { streams: [(&unknown_first[1].stream, end(4))].into(), ..Found::default() };
    assert!(plan(&alone(&unknown_first, 200), found, head()).guessed);
}

/// The outcomes of appends that share a transaction, each of one entry; what exists is looked up.
fn shared(entries: &[Entry], versions: &[(u128, Version)]) -> Vec<EntryOutcome> {
    let group: Vec<_> = entries.iter().flat_map(|one| alone(slice::from_ref(one), 200)).collect();
    let streams: Vec<_> = versions.iter().map(|(id, version)| (stream(*id), *version)).collect();
    let streams = streams.iter().map(|(stream, version)| (stream, end(*version))).collect();
    let plan = plan(&group, Found { streams, ..Found::default() }, head());
    plan.appended().into_iter().flat_map(|appended| appended.outcomes).collect()
}

#[test]
fn one_stream_touched_by_two_appends_is_checked_in_their_order() {
    let follows = [entry(1, 4, 2), entry(1, 6, 1)];
    assert_eq!(shared(&follows, &[(1, 4)]), [written(11), written(13)]);
    let collides = [entry(1, 4, 2), entry(1, 4, 1)];
    assert_eq!(shared(&collides, &[(1, 4)]), [written(11), wrong(4, 6)]);
}

#[test]
fn a_refusal_in_one_append_does_not_spoil_the_stream_for_another() {
    let entries = [entry(1, 3, 1), entry(1, 4, 1), keyed(entry(1, 3, 0), "k"), entry(1, 5, 1)];
    let expected = [wrong(3, 4), written(11), wrong(3, 5), written(12)];
    assert_eq!(shared(&entries, &[(1, 4)]), expected);
}

#[test]
fn twins_in_two_appends_share_the_first_ones_answer_and_spoil_nothing() {
    let entries = [keyed(entry(1, 0, 1), "k"), keyed(entry(2, 0, 1), "k"), entry(2, 0, 1)];
    let expected = [written(11), EntryOutcome::KeyTaken(stored(11)), written(12)];
    assert_eq!(shared(&entries, &[(1, 0), (2, 0)]), expected);
}

#[test]
fn an_entry_without_events_on_a_stream_that_was_not_looked_up_is_a_guess() {
    // The twin would have proved that stream 2 is new, but its row does not go in.
    let twins = [keyed(entry(1, 0, 1), "k"), keyed(entry(2, 0, 1), "k"), entry(2, 0, 0)];
    let group: Vec<_> = twins.iter().flat_map(|one| alone(slice::from_ref(one), 200)).collect();
    assert!(plan(&group, Found::default(), head()).guessed);
    let streams = [(&twins[0].stream, end(0)), (&twins[1].stream, end(0))].into();
    assert!(!plan(&group, Found { streams, ..Found::default() }, head()).guessed);
    assert!(!plan(&group[..2], Found::default(), head()).guessed);
}

#[test]
fn a_stream_keeps_the_partition_key_of_its_first_event() {
    let of =
        |case: u128, entry: Entry| Entry { partition_key: Some(Uuid::from_u128(case)), ..entry };
    // Its own id is no foreign key, an entry without events gives none, a stream that is there has its own.
    let entries = [of(7, entry(1, 0, 2)), entry(1, 2, 1), of(2, entry(2, 0, 1)), entry(3, 4, 1)];
    let twice = [of(8, keyed(entry(4, 0, 0), "k")), of(9, entry(4, 0, 1)), entry(4, 1, 1)];
    let group = alone(&[&entries[..], &twice].concat(), 200);
    let known = StreamEnd { version: 4, partition_key: Some(Uuid::from_u128(6)) };
    let (known_stream, fresh) = (stream(3), stream(4));
    let streams = [(&known_stream, known), (&fresh, StreamEnd::ABSENT)].into();
    let plan = plan(&group, Found { streams, ..Found::default() }, head());
    let keys: Vec<_> = plan.events.iter().map(|row| row.partition_key).collect();
    let expected = [Some(7), Some(7), Some(7), None, Some(6), Some(9), Some(9)];
    assert_eq!(keys, expected.map(|key| key.map(Uuid::from_u128)));
    let recorded: Vec<_> = plan.recorded().map(|event| event.partition_key.as_u128()).collect();
    assert_eq!(recorded, [7, 7, 7, 2, 6, 9, 9]);
    let ends = [1, 2, 3, 4].map(|id| plan.streams[&stream(id)].partition_key);
    assert_eq!(ends, [Some(7), None, Some(6), Some(9)].map(|key| key.map(Uuid::from_u128)));
}

fn joint(entries: &[Entry]) -> Vec<Entry> {
    entries.iter().map(|entry| Entry { joint: Some(5), ..entry.clone() }).collect()
}

#[test]
fn joint_entries_of_one_stream_build_on_one_another_or_none_is_written() {
    let entries = joint(&[entry(1, 0, 2), entry(1, 2, 1), entry(2, 4, 1)]);
    assert_eq!(outcomes(&entries, &[(2, 4)], &[]), [written(11), written(13), written(14)]);
    let expected = [EntryOutcome::LeftOut, EntryOutcome::LeftOut, wrong(4, 5)];
    assert_eq!(outcomes(&entries, &[(2, 5)], &[]), expected);
    // Judged on the first one's events, although they were not written.
    let stale = joint(&[entry(1, 0, 2), entry(1, 1, 1), entry(1, 2, 1)]);
    assert_eq!(outcomes(&stale, &[], &[]), [EntryOutcome::LeftOut, wrong(1, 2), wrong(2, 2)]);
}

#[test]
fn a_group_that_is_left_out_is_a_guess_unless_all_of_it_was_looked_up() {
    let guessed = |entries: &[Entry], known: &[(u128, Version)]| {
        let group = alone(&joint(entries), 200);
        let streams: Vec<_> = known.iter().map(|(id, at)| (stream(*id), end(*at))).collect();
        let streams = streams.iter().map(|(stream, end)| (stream, *end)).collect();
        plan(&group, Found { streams, ..Found::default() }, head()).guessed
    };
    let (fresh, stale, read) = (entry(1, 0, 1), entry(2, 3, 1), entry(3, 0, 0));
    assert!(!guessed(slice::from_ref(&stale), &[(2, 4)]));
    // Its row would prove that stream 1 is new, but it does not go in.
    assert!(guessed(&[fresh.clone(), stale.clone()], &[(2, 4)]));
    assert!(!guessed(&[fresh.clone(), stale.clone()], &[(1, 0), (2, 4)]));
    assert!(guessed(&[keyed(fresh.clone(), "k"), stale.clone()], &[(1, 0), (2, 4)]));
    assert!(!guessed(&[keyed(fresh.clone(), "k"), stale.clone()], &[(1, 0), (2, 3)]));
    assert!(guessed(&[fresh.clone(), read.clone()], &[]));
    assert!(!guessed(&[fresh, read], &[(3, 0)]));
}

/// Everything about a row that goes into the log.
fn rows(plan: &Plan<'_>) -> Vec<String> {
    let events = plan.events.iter().map(|row| format!("{row:?}"));
    events.chain(plan.answers.iter().map(|row| format!("{row:?}"))).collect()
}

fn some_append() -> impl Strategy<Value = Append> {
    let case = proptest::option::of(1..4_u128);
    let joint = proptest::option::of(0..2_u32);
    let parts = (1..4_u128, 0..4_u64, 0..3_usize, proptest::option::of(0..3_usize), case, joint);
    let some_entry = parts.prop_map(|(id, expected_version, events, key, case, joint)| {
        let partition_key = case.filter(|_| expected_version == 0).map(Uuid::from_u128);
        let entry = Entry { partition_key, joint, ..entry(id, expected_version, events) };
        match key {
            Some(key) => keyed(entry, ["a", "b", "c"][key]),
            None => entry,
        }
    });
    (vec(some_entry, 0..4), 90..210_i64)
        .prop_map(|(entries, seconds)| Append { entries, recorded_at: at(seconds) })
}

proptest! {
    #[test]
    fn appends_that_share_a_transaction_are_answered_and_stored_as_one_after_the_other(
        group in vec(some_append(), 0..6),
        versions in proptest::array::uniform3(0..4_u64),
        taken in any::<bool>(),
    ) {
        let streams = [1, 2, 3].map(stream);
        let found = || Found {
            streams: streams.iter().zip(versions.map(end)).collect(),
            answers: taken.then(|| ("a", stored(3))).into_iter().collect(),
        };
        let together = plan(&group, found(), head());
        let (mut appended, mut all, mut found, mut head) = (Vec::new(), Vec::new(), found(), head());
        let mut answers = Vec::new();
        for append in &group {
            let before = Found { streams: found.streams.clone(), answers: found.answers.clone() };
            let one = plan(slice::from_ref(append), before, head);
            all.extend(one.events.iter().map(|row| format!("{row:?}")));
            answers.extend(one.answers.iter().map(|row| format!("{row:?}")));
            found.streams.extend(one.streams.iter().map(|(stream, end)| (*stream, *end)));
            found.answers.extend(one.answers.iter().map(|row| {
                let AnswerRow { first_position, answer, .. } = *row;
                let (fingerprint, answer_bytes) = (answer.fingerprint, answer.answer.clone());
                let stored = StoredAnswer { fingerprint, answer: answer_bytes, first_position };
                (answer.key.as_str(), stored)
            }));
            head = if one.is_empty() { head } else { one.head };
            appended.extend(one.appended());
        }
        all.extend(answers);
        prop_assert_eq!(rows(&together), all);
        prop_assert_eq!(together.head, head);
        prop_assert_eq!(together.appended(), appended);
    }
}
