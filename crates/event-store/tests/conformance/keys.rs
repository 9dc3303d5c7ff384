//! Answers kept under idempotency keys.

use crate::backend::Backend;
use crate::fixtures::{append, at, entry, keyed, stream, written, wrong};
use event_store::{Append, Entry, EntryOutcome, EventStore, StoredAnswer};

fn kept(answer: &str, first_position: u64) -> StoredAnswer {
    StoredAnswer { fingerprint: [7; 32], answer: answer.as_bytes().to_vec(), first_position }
}

async fn answer(store: &EventStore, key: &str) -> Option<StoredAnswer> {
    store.answers(&[key.to_owned()]).await.unwrap().remove(0)
}

pub async fn a_kept_answer_is_found_with_its_position(backend: Backend) {
    let store = backend.open().await;
    let key = "http:\"quoted\", with 'all' \\ of it ü";
    append(&store, vec![entry(1, 0, 2), keyed(entry(2, 0, 2), key, "answer")]).await;
    assert_eq!(answer(&store, key).await, Some(kept("answer", 3)));
    assert_eq!(answer(&store, "another").await, None);
}

pub async fn a_taken_key_gives_the_first_answer_and_writes_nothing(backend: Backend) {
    let store = backend.open().await;
    append(&store, vec![keyed(entry(1, 0, 1), "k", "first")]).await;
    let entries = vec![keyed(entry(2, 0, 1), "k", "second"), entry(2, 1, 1), entry(3, 0, 1)];
    let appended = append(&store, entries).await;
    let expected = [EntryOutcome::KeyTaken(kept("first", 1)), wrong(1, 0), written(2)];
    assert_eq!(appended.outcomes, expected);
    assert!(store.read_stream(&stream(2), 0, 10).await.unwrap().is_empty());
    assert_eq!(answer(&store, "k").await, Some(kept("first", 1)));
}

pub async fn a_taken_key_is_reported_before_a_wrong_version(backend: Backend) {
    // By handles that know the stream, that know nothing, and that have just written to another one.
    let (store, other) = (backend.open().await, backend.open().await);
    append(&store, vec![keyed(entry(1, 0, 1), "k", "first")]).await;
    for (store, expected_version) in [(&store, 0), (&store, 7), (&other, 7), (&other, 0)] {
        for events in [0, 1] {
            let late = keyed(entry(1, expected_version, events), "k", "late");
            let taken = EntryOutcome::KeyTaken(kept("first", 1));
            assert_eq!(append(store, vec![late]).await.outcomes, [taken]);
        }
        let fresh = keyed(entry(1, 7, 1), "free", "never kept");
        assert_eq!(append(store, vec![fresh]).await.outcomes, [wrong(7, 1)]);
    }
}

pub async fn twins_in_one_batch_share_the_first_ones_answer(backend: Backend) {
    let store = backend.open().await;
    let twins = vec![keyed(entry(1, 0, 1), "k", "a"), keyed(entry(2, 0, 1), "k", "b")];
    let outcomes = append(&store, twins).await.outcomes;
    assert_eq!(outcomes, [written(1), EntryOutcome::KeyTaken(kept("a", 1))]);
    assert_eq!(store.head().await.unwrap().position, 1);
}

pub async fn an_entry_after_a_duplicate_gets_its_streams_version(backend: Backend) {
    append(&backend.open().await, vec![entry(2, 0, 3)]).await;
    // The twin expects a new stream, and is left out before a row of it could prove that there is one already.
    let twins =
        vec![keyed(entry(1, 0, 1), "k", "a"), keyed(entry(2, 0, 1), "k", "b"), entry(2, 1, 1)];
    let outcomes = append(&backend.open().await, twins).await.outcomes;
    assert_eq!(outcomes, [written(4), EntryOutcome::KeyTaken(kept("a", 4)), wrong(1, 3)]);
}

pub async fn an_answer_without_events_is_kept(backend: Backend) {
    let store = backend.open().await;
    append(&store, vec![entry(1, 0, 2)]).await;
    let refusals = vec![keyed(entry(1, 2, 0), "k", "refused"), keyed(entry(8, 0, 0), "n", "none")];
    let appended = append(&store, refusals).await;
    assert_eq!((appended.outcomes, appended.head), (vec![written(2), written(2)], 2));
    assert_eq!(answer(&store, "k").await, Some(kept("refused", 2)));
    let stale = append(&store, vec![keyed(entry(1, 1, 0), "s", "stale")]).await;
    assert_eq!(stale.outcomes, [wrong(1, 2)]);
    assert_eq!(answer(&store, "s").await, None);
}

pub async fn answers_come_in_the_order_asked(backend: Backend) {
    let store = backend.open().await;
    append(&store, vec![keyed(entry(1, 0, 1), "a", "1"), keyed(entry(2, 0, 1), "b", "2")]).await;
    let asked = ["b", "none", "a", "b"].map(str::to_owned);
    let found = store.answers(&asked).await.unwrap();
    assert_eq!(found, [Some(kept("2", 2)), None, Some(kept("1", 1)), Some(kept("2", 2))]);
    assert!(store.answers(&[]).await.unwrap().is_empty());
}

pub async fn old_answers_are_forgotten_and_permanent_and_recent_ones_are_not(backend: Backend) {
    let store = backend.open().await;
    let mut import = keyed(entry(1, 0, 1), "import", "kept for ever");
    import.answer.as_mut().unwrap().permanent = true;
    let old: Vec<Entry> =
        (2..2_600).map(|number| keyed(entry(number, 0, 0), &format!("old{number}"), "")).collect();
    let old = [vec![import], old].concat();
    store.append(Append { entries: old, recorded_at: at(10) }).await.unwrap();
    let recent = vec![keyed(entry(1, 1, 1), "recent", "")];
    store.append(Append { entries: recent, recorded_at: at(20) }).await.unwrap();
    assert_eq!(store.forget_answers(at(10)).await.unwrap(), 0);
    let mut forgotten = 0;
    loop {
        match store.forget_answers(at(20)).await.unwrap() {
            0 => break,
            some => forgotten += some,
        }
    }
    assert_eq!(forgotten, 2_598);
    assert!(answer(&store, "import").await.is_some());
    assert!(answer(&store, "recent").await.is_some());
    assert_eq!(answer(&store, "old2").await, None);
    let again = append(&store, vec![keyed(entry(2, 0, 1), "old2", "again")]).await;
    assert_eq!(again.outcomes, [written(3)]);
}
