//! Which entries hold: every way in which neighbours in one batch can touch one another.

use super::*;
use crate::chain::GENESIS;
use crate::{Metadata, StreamType};
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
        events: vec![event; events],
        metadata: Metadata::default(),
        answer: None,
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

fn outcomes(entries: &[Entry], versions: &[(u128, Version)], taken: &[&str]) -> Vec<EntryOutcome> {
    let streams: Vec<_> = versions.iter().map(|(id, version)| (stream(*id), *version)).collect();
    let found = Found {
        versions: entries
            .iter()
            .filter_map(|entry| {
                let known = streams.iter().find(|(stream, _)| *stream == entry.stream)?;
                Some((&entry.stream, known.1))
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
    plan(entries, found, head(), at(200)).outcomes
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
    assert_eq!(plan(&[], Found::default(), head(), fine).head.recorded_at, cut);
    assert_eq!(plan(&[], Found::default(), head(), at(50)).head.recorded_at, at(100));
}

#[test]
fn a_plan_in_which_nothing_holds_is_empty() {
    let entries = [entry(1, 5, 1)];
    assert!(plan(&entries, Found::default(), head(), at(1)).is_empty());
    assert!(!plan(&[keyed(entry(1, 0, 0), "k")], Found::default(), head(), at(1)).is_empty());
}

#[test]
fn a_refusal_is_a_guess_where_its_stream_or_its_key_was_not_asked_for() {
    let (plain, with_key) = ([entry(1, 3, 1)], [keyed(entry(1, 3, 1), "k")]);
    let guessed = |entries: &[Entry], version: Option<Version>| {
        let versions = version.map(|version| (&entries[0].stream, version));
        let found = Found { versions: versions.into_iter().collect(), ..Found::default() };
        plan(entries, found, head(), at(200)).guessed
    };
    assert!(guessed(&plain, None) && guessed(&with_key, None));
    assert!(!guessed(&plain, Some(4)) && guessed(&with_key, Some(4)));
    assert!(!guessed(&plain, Some(3)) && !guessed(&with_key, Some(3)));
    // One guess among the entries is enough, wherever it stands.
    let unknown_first = [entry(2, 3, 1), entry(1, 3, 1)];
    let found = Found { versions: [(&unknown_first[1].stream, 4)].into(), ..Found::default() };
    assert!(plan(&unknown_first, found, head(), at(200)).guessed);
}
