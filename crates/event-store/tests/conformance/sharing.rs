//! Appends that wait for one handle's writer together: they share a transaction, which only the count of transactions
//! shows.
//!
//! Appends polled one after the other in one task wait together for certain: the first leads and is alone, the others
//! share what follows it.

use crate::backend::Backend;
use crate::fixtures::{append, at, entry, event, is_written, keyed, stream, whole_log};
use crate::fixtures::{written, wrong};
use event_store::{
    Append, AppendError, Appended, Entry, EntryOutcome, EventStore, StoredAnswer, StreamType,
};
use futures::future::join_all;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

/// Longer than any append takes anywhere.
const PATIENCE: Duration = Duration::from_secs(60);

type Appending<'a> =
    std::pin::Pin<Box<dyn Future<Output = Result<Appended, AppendError>> + Send + 'a>>;

fn appending(store: &EventStore, entries: Vec<Entry>) -> Appending<'_> {
    Box::pin(store.append_staying(Append { entries, recorded_at: at(1) }))
}

/// What each append was answered, all of them begun before the first has ended.
async fn together(
    store: &EventStore,
    appends: Vec<Vec<Entry>>,
) -> Vec<Result<Appended, AppendError>> {
    let all = join_all(appends.into_iter().map(|entries| appending(store, entries)));
    timeout(PATIENCE, all).await.expect("every append is answered")
}

/// The outcomes of appends that must not fail.
async fn outcomes(store: &EventStore, appends: Vec<Vec<Entry>>) -> Vec<Vec<EntryOutcome>> {
    let answers = together(store, appends).await;
    answers.into_iter().map(|appended| appended.unwrap().outcomes).collect()
}

async fn is_sound(store: &EventStore, events: usize) {
    let log = whole_log(store).await;
    let positions: Vec<_> = log.iter().map(|event| event.position as usize).collect();
    assert_eq!(positions, (1..=events).collect::<Vec<_>>());
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}

pub async fn each_append_is_answered_as_if_it_had_been_made_by_itself(backend: Backend) {
    let store = backend.open().await;
    append(&store, vec![entry(9, 0, 1)]).await;
    let appends = vec![
        vec![entry(1, 0, 2), entry(2, 0, 1)],
        vec![entry(3, 0, 1), entry(9, 0, 1)],
        vec![],
        vec![entry(9, 1, 2), entry(1, 2, 1)],
        vec![entry(4, 7, 1)],
    ];
    let answers = together(&store, appends).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcomes.clone()).collect();
    let expected = [
        vec![written(2), written(4)],
        vec![written(5), wrong(0, 1)],
        vec![],
        vec![written(6), written(8)],
        vec![wrong(7, 0)],
    ];
    assert_eq!(outcomes, expected);
    let heads: Vec<_> = answers.iter().map(|answer| answer.head).collect();
    assert_eq!(heads, [4, 5, 5, 8, 8], "each ends where its own events end");
    is_sound(&store, 8).await;
}

pub async fn one_stream_touched_by_appends_made_together_is_checked_in_their_order(
    backend: Backend,
) {
    for known in [true, false] {
        let (store, number) = (backend.open().await, u128::from(known));
        append(&store, vec![entry(number, 0, 1)]).await;
        let before = store.head().await.unwrap().position;
        // A handle that has never seen the stream, and one that wrote to it last.
        let store = if known { store } else { backend.open().await };
        let appends = vec![
            vec![entry(100 + number, 0, 1)],
            vec![entry(number, 1, 2)],
            vec![entry(number, 1, 1), entry(number, 3, 1)],
            vec![entry(number, 3, 1), entry(number, 4, 0)],
            vec![entry(number, 4, 1)],
        ];
        let expected = [
            vec![written(before + 1)],
            vec![written(before + 2)],
            // Decided on another event 2: what follows it in the same append does not hold, whatever its number.
            vec![wrong(1, 3), wrong(3, 3)],
            vec![written(before + 4), written(before + 4)],
            vec![written(before + 5)],
        ];
        assert_eq!(outcomes(&store, appends).await, expected, "known: {known}");
    }
    is_sound(&backend.open().await, 12).await;
}

pub async fn a_stream_is_begun_once_by_appends_made_together(backend: Backend) {
    let store = backend.open().await;
    append(&store, vec![entry(1, 0, 1)]).await;
    store.close().await;
    // The handle is opened again, and takes the fast path by now.
    let store = backend.open().await;
    append(&store, vec![entry(2, 0, 1)]).await;
    append(&store, vec![entry(3, 0, 1)]).await;
    let shipment = StreamType::new("shipment").stream(Uuid::from_u128(1));
    let of_another_type = Entry { stream: shipment, ..entry(1, 0, 1) };
    let appends = vec![
        vec![entry(4, 0, 1)],
        vec![entry(5, 0, 1)],
        vec![entry(1, 0, 1), entry(6, 0, 1)],
        vec![entry(5, 0, 1)],
        vec![of_another_type],
    ];
    let expected = [
        vec![written(4)],
        vec![written(5)],
        vec![wrong(0, 1), written(6)],
        vec![wrong(0, 1)],
        vec![written(7)],
    ];
    assert_eq!(outcomes(&store, appends).await, expected);
    is_sound(&store, 7).await;
}

pub async fn twins_in_appends_made_together_share_the_first_ones_answer(backend: Backend) {
    let kept = |answer: &str, first_position| {
        let answer = answer.as_bytes().to_vec();
        EntryOutcome::KeyTaken(StoredAnswer { fingerprint: [7; 32], answer, first_position })
    };
    let store = backend.open().await;
    append(&store, vec![keyed(entry(1, 0, 1), "old", "first")]).await;
    append(&backend.open().await, vec![entry(7, 0, 2)]).await;
    let appends = vec![
        vec![entry(2, 0, 1)],
        vec![keyed(entry(3, 0, 1), "k", "a"), entry(3, 1, 1)],
        vec![keyed(entry(4, 0, 1), "k", "b"), entry(4, 1, 1), entry(5, 0, 1)],
        vec![keyed(entry(3, 2, 0), "k", "c")],
        // Nothing proves that this stream is new once the row of the twin does not go in.
        vec![keyed(entry(7, 0, 1), "k", "d")],
        vec![entry(7, 0, 0)],
        vec![keyed(entry(6, 0, 1), "old", "late")],
        vec![keyed(entry(4, 0, 1), "l", "e")],
    ];
    let expected = [
        vec![written(4)],
        vec![written(5), written(6)],
        vec![kept("a", 5), wrong(1, 0), written(7)],
        vec![kept("a", 5)],
        vec![kept("a", 5)],
        vec![wrong(0, 2)],
        vec![kept("first", 1)],
        vec![written(8)],
    ];
    assert_eq!(outcomes(&store, appends).await, expected);
    is_sound(&store, 8).await;
    let answers = store.answers(&["k", "l", "old"].map(str::to_owned)).await.unwrap();
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().answer).collect();
    assert_eq!(answers, [b"a".to_vec(), b"e".to_vec(), b"first".to_vec()]);
}

pub async fn each_append_made_together_has_its_own_recorded_time(backend: Backend) {
    let store = backend.open().await;
    let clocks = [(100, 100), (300, 300), (200, 300), (301, 301), (50, 301)];
    let all = clocks.iter().zip(1..).map(|((clock, _), number)| {
        let entries = vec![keyed(entry(number, 0, 1), &format!("k{number}"), "answer")];
        store.append_staying(Append { entries, recorded_at: at(*clock) })
    });
    let answers = join_all(all).await;
    let stored: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().recorded_at).collect();
    assert_eq!(stored, clocks.map(|(_, stored)| at(stored)));
    let log = whole_log(&store).await;
    assert_eq!(log.iter().map(|event| event.recorded_at).collect::<Vec<_>>(), stored);
    assert_eq!(store.head().await.unwrap().recorded_at, at(301));
    // Answers are as old as the events that they were stored with.
    assert_eq!(store.forget_answers(at(300)).await.unwrap(), 1);
    assert_eq!(store.forget_answers(at(301)).await.unwrap(), 2);
    is_sound(&store, 5).await;
}

pub async fn a_caller_that_goes_away_leaves_the_others_their_answers(backend: Backend) {
    let store = backend.open().await;
    let mut written = 0;
    // The leader; one that waits; the one that leads next; all but one.
    for gone in [vec![0], vec![2], vec![1], vec![0, 1, 2, 3]] {
        let mut callers: Vec<Option<Appending<'_>>> = Vec::new();
        for _ in 0..5 {
            written += 1;
            let entries = vec![keyed(entry(written, 0, 2), &format!("k{written}"), "answer")];
            let mut caller = appending(&store, entries);
            if futures::poll!(&mut caller).is_pending() {
                callers.push(Some(caller));
            }
        }
        for caller in gone {
            // In memory no append ever waits.
            callers.get_mut(caller).map(Option::take);
        }
        for caller in callers.into_iter().flatten() {
            let answer = timeout(PATIENCE, caller).await.expect("every append is answered");
            assert!(is_written(&answer.unwrap().outcomes[0]));
        }
    }
    // Those that went away had been accepted, too.
    let all = 2 * written as u64;
    let finished =
        async { store.head_hint().wait_for(|head| *head >= all).await.unwrap().to_owned() };
    timeout(PATIENCE, finished).await.expect("what was accepted is finished");
    for number in 1..=written {
        assert_eq!(store.read_stream(&stream(number), 0, 10).await.unwrap().len(), 2);
    }
    is_sound(&store, 2 * written as usize).await;
}

pub async fn tasks_that_share_handles_lose_nothing_and_hear_their_own_answers(backend: Backend) {
    const TASKS: u128 = 6;
    const EACH: u128 = 20;
    // Two handles, as two processes would have them, and tasks that share each.
    let stores = [backend.open().await, backend.open().await];
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = stores[task as usize % 2].clone();
        tasks.spawn(async move {
            for number in 1..=EACH {
                let own = 1_000 * (task + 1) + number;
                // A stream of its own, one that all begin, and a key that all use.
                let entries = vec![
                    entry(own, 0, 2),
                    keyed(entry(number, 0, 1), &format!("k{number}"), &own.to_string()),
                    entry(task + 500, number as u64 - 1, 1),
                ];
                let answer = append(&store, entries).await;
                let [first, shared, last] = &answer.outcomes[..] else { panic!("{answer:?}") };
                let EntryOutcome::Written { first_position } = *first else { panic!("{first:?}") };
                let events = store.read_feed(first_position - 1, 2).await.unwrap();
                assert!(events.iter().all(|event| event.stream == stream(own)), "{events:?}");
                assert!(is_written(last), "{last:?}");
                assert!(answer.head > first_position);
                match shared {
                    EntryOutcome::Written { .. } | EntryOutcome::KeyTaken(_) => {}
                    other => panic!("a key comes before a version: {other:?}"),
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    is_sound(&backend.open().await, (TASKS * EACH * 3 + EACH) as usize).await;
    let keys: Vec<_> = (1..=EACH).map(|number| format!("k{number}")).collect();
    for (number, kept) in (1..=EACH).zip(stores[0].answers(&keys).await.unwrap()) {
        let events = stores[0].read_stream(&stream(number), 0, 10).await.unwrap();
        assert_eq!(events.len(), 1, "begun once");
        assert_eq!(kept.unwrap().first_position, events[0].position);
    }
}

pub async fn appends_that_wait_share_one_transaction(backend: Backend) {
    let store = backend.open().await;
    let mut revision = backend.revision().await;
    let mut number = 0;
    for (appends, transactions) in [(1, 1), (2, 2), (3, 2), (12, 2)] {
        let entries = (0..appends).map(|_| {
            number += 1;
            vec![entry(number, 0, 1)]
        });
        assert!(outcomes(&store, entries.collect()).await.concat().iter().all(is_written));
        revision += transactions;
        assert_eq!(backend.revision().await, revision, "{appends} appends");
    }
    // What holds nothing is no transaction.
    outcomes(&store, vec![vec![], vec![entry(1, 7, 1)], vec![], vec![entry(1, 8, 1)]]).await;
    assert_eq!(backend.revision().await, revision);
}

pub async fn an_append_that_the_storage_refuses_fails_alone(backend: Backend) {
    let store = backend.open().await;
    append(&store, vec![entry(1, 0, 1)]).await;
    backend.refuse_events_called("Refused").await;
    let refused = |number| {
        let refused = event_store::NewEvent { event_type: "Refused", ..event("{}") };
        Entry { events: vec![refused], ..entry(number, 0, 0) }
    };
    let appends = vec![
        vec![entry(2, 0, 1)],
        vec![entry(3, 0, 1)],
        vec![entry(4, 0, 1), refused(5)],
        vec![entry(6, 0, 1)],
        vec![refused(7)],
    ];
    let answers = together(&store, appends).await;
    let [first, second, Err(AppendError::Failed(_)), third, Err(AppendError::Failed(_))] =
        &answers[..]
    else {
        panic!("{answers:?}");
    };
    for (answer, position) in [(first, 2), (second, 3), (third, 4)] {
        assert_eq!(answer.as_ref().unwrap().outcomes, [written(position)]);
    }
    is_sound(&store, 4).await;
}

pub async fn rows_that_are_skipped_in_silence_are_counted_in_a_shared_transaction(
    backend: Backend,
) {
    let store = backend.open().await;
    append(&store, vec![entry(1, 0, 1)]).await;
    store.close().await;
    backend.unlock_the_head().await;
    backend.skip_in_silence("events", &["stream_id", "stream_type", "version"]).await;
    let store = backend.open().await;
    append(&store, vec![entry(2, 0, 1)]).await;
    append(&store, vec![entry(3, 0, 1)]).await;
    let appends = vec![
        vec![entry(4, 0, 1)],
        vec![entry(5, 0, 1)],
        vec![entry(1, 0, 1)],
        vec![entry(6, 0, 1)],
    ];
    let expected = [vec![written(4)], vec![written(5)], vec![wrong(0, 1)], vec![written(6)]];
    assert_eq!(outcomes(&store, appends).await, expected);
    is_sound(&store, 6).await;
}
