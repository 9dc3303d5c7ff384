//! A server that ends connections, is stopped, or whose answers get lost: nothing is lost, nothing is doubled.

use crate::fixtures::{
    UNTESTED, append, append_staying, database, entry, execute, open, raw, sound_log, stream,
    without_events,
};
use event_store::{Access, AppendError, EntryOutcome, EventStore, StoreError};
use futures::future::join_all;
use rig::postgres::{Database, Stop, server_or_say};
use rig::proxy::{Loss, Proxy};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use tokio::sync::watch;

const CYCLES: u128 = 20;

fn is_written(outcomes: &[EntryOutcome]) -> bool {
    matches!(outcomes, [EntryOutcome::Written { .. }])
}

/// The one append that waits for the log's lock.
async fn waiting_backend(superuser: &mut PgConnection) -> i32 {
    loop {
        let waiting = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        if let Some(pid) = waiting.fetch_optional(&mut *superuser).await.unwrap() {
            return pid;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_append_whose_backend_is_terminated_is_made_again() {
    let Some(database) = database().await else { return };
    let store = open(&database.url()).await;
    let (mut holder, mut superuser) = (raw(&database).await, raw(&database).await);
    for number in 1..=CYCLES {
        execute(&mut holder, "BEGIN; SELECT FROM log_head FOR UPDATE").await.unwrap();
        let appending = tokio::spawn({
            let store = store.clone();
            async move { append(&store, entry(number, 0)).await }
        });
        let pid = waiting_backend(&mut superuser).await;
        sqlx::query("SELECT pg_terminate_backend($1)")
            .bind(pid)
            .execute(&mut superuser)
            .await
            .unwrap();
        execute(&mut holder, "COMMIT").await.unwrap();
        assert!(is_written(&appending.await.unwrap().unwrap().outcomes));
    }
    assert_eq!(sound_log(&store).await.len() as u128, 2 * CYCLES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_whose_backends_are_terminated_again_and_again_lose_and_double_nothing() {
    const WRITERS: u128 = 4;
    const EACH: u128 = 60;
    let Some(database) = database().await else { return };
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = open(&database.url()).await;
        writers.spawn(async move {
            for number in 1..=EACH {
                append_until_stored(&store, writer * EACH + number).await;
            }
        });
    }
    let reader = EventStore::open(&database.url(), Access::ReadOnly).await.unwrap();
    let mut killer = raw(&database).await;
    let mut after = 0;
    let mut read = 0;
    while after < (2 * WRITERS * EACH) as u64 {
        // The reader's own connections are among those that are ended.
        for event in reader.read_feed(after, 50).await.unwrap_or_default() {
            assert_eq!(event.position, after + 1, "nothing is passed over");
            after = event.position;
        }
        if after >= read {
            read = after + 20;
            let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
            execute(&mut killer, kill).await.unwrap();
        }
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    each_once(&open(&database.url()).await, WRITERS * EACH).await;
}

/// As a client would: again with the same key, until there is an answer.
async fn append_until_stored(store: &EventStore, number: u128) {
    loop {
        match append(store, entry(number, 0)).await {
            Ok(appended) => match &appended.outcomes[..] {
                [EntryOutcome::Written { .. } | EntryOutcome::KeyTaken(_)] => return,
                other => panic!("{other:?}"),
            },
            Err(AppendError::Failed(StoreError::Unavailable(_)) | AppendError::Unknown(_)) => {
                tokio::task::yield_now().await;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

async fn each_once(store: &EventStore, streams: u128) {
    let log = sound_log(store).await;
    assert_eq!(log.len() as u128, 2 * streams);
    for number in 1..=streams {
        assert_eq!(store.read_stream(&stream(number), 0, 10).await.unwrap().len(), 2, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stopped_at_once_and_started_again_has_lost_nothing() {
    const STOPS: u128 = 4;
    let Some(server) = server_or_say(UNTESTED) else { return };
    let server = Arc::new(server);
    let database = server.database().await.unwrap();
    let store = open(&database.url()).await;
    let (up, mut is_up) = watch::channel(true);
    let appending = tokio::spawn({
        let store = store.clone();
        async move {
            let mut number = 0;
            let mut hint = store.head_hint();
            while *hint.borrow_and_update() < 40 * STOPS as u64 {
                number += 1;
                while let Err(error) = append(&store, entry(number, 0)).await {
                    assert!(
                        !matches!(error, AppendError::Failed(StoreError::Corrupt(_))),
                        "{error}"
                    );
                    is_up.wait_for(|up| *up).await.unwrap();
                }
            }
            number
        }
    });
    for stop in 1..=STOPS {
        store.head_hint().wait_for(|head| *head >= 10 * stop as u64).await.unwrap();
        up.send_replace(false);
        let server = Arc::clone(&server);
        let restarted = tokio::task::spawn_blocking(move || {
            server.stop(Stop::Immediate)?;
            server.start_again()
        });
        restarted.await.unwrap().unwrap();
        up.send_replace(true);
    }
    each_once(&store, appending.await.unwrap()).await;
}

async fn commits_lost(database: &Database, loss: Loss) {
    let proxy = Proxy::to(database.port()).unwrap();
    let (store, other) = (open(&database.url_through(&proxy)).await, open(&database.url()).await);
    for number in 1..=CYCLES {
        proxy.lose(loss);
        let appended = append(&store, entry(number, 0)).await.unwrap();
        assert!(is_written(&appended.outcomes), "{appended:?}");
        assert_eq!(proxy.losses() as u128, number);
        // Another handle's append leads the next one to the slow path.
        append(&other, entry(CYCLES + number, 0)).await.unwrap();
    }
    each_once(&other, 2 * CYCLES).await;
    proxy.lose(loss);
    let kept = append(&store, without_events(entry(1, 2))).await.unwrap();
    assert!(is_written(&kept.outcomes), "{kept:?}");
    assert!(other.answers(&["1/2".to_owned()]).await.unwrap()[0].is_some());
    assert_eq!(other.head().await.unwrap().position as u128, 4 * CYCLES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_did_not_arrive_is_made_again() {
    let Some(database) = database().await else { return };
    commits_lost(&database, Loss::Request).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_found_to_be_stored() {
    let Some(database) = database().await else { return };
    commits_lost(&database, Loss::Answer).await;
}

/// Of a store that alone appends to its log, so that it takes the fast path.
async fn fast_paths_lost(database: &Database, loss: Loss) {
    let proxy = Proxy::to(database.port()).unwrap();
    let store = open(&database.url_through(&proxy)).await;
    append(&store, entry(1, 0)).await.unwrap();
    for number in 2..=CYCLES {
        append(&store, entry(CYCLES + number, 0)).await.unwrap();
        proxy.lose(loss);
        let appended = append(&store, entry(number, 0)).await.unwrap();
        assert!(is_written(&appended.outcomes), "{appended:?}");
        if loss == Loss::Moment {
            proxy.deliver();
        }
        assert_eq!(proxy.losses() as u128, number - 1);
        // After a settled append there is one on the slow path; then it is the fast path again.
        append(&store, entry(number, 2)).await.unwrap();
    }
    assert_eq!(sound_log(&store).await.len() as u128, 2 * (3 * CYCLES - 2));
}

/// What the transaction suffers that appends share: each is answered as if nothing had happened.
async fn shared_transactions_lost(database: &Database, loss: Loss, path: Path) {
    const ROUNDS: u128 = 8;
    const TOGETHER: u128 = 5;
    let proxy = Proxy::to(database.port()).unwrap();
    let (store, other) = (open(&database.url_through(&proxy)).await, open(&database.url()).await);
    let mut number = 0;
    for round in 1..=ROUNDS {
        // Another handle's append leads to the slow path, two of our own back to the fast one.
        let before = match path {
            Path::Fast => [&store, &store],
            Path::Slow => [&store, &other],
        };
        for store in before {
            number += 1;
            append(store, entry(number, 0)).await.unwrap();
        }
        let first = number + 1;
        let all = (first..first + TOGETHER).map(async |number| {
            let appended = append_staying(&store, entry(number, 0)).await;
            // Of the transaction that follows the first one, which is alone.
            if number == first {
                proxy.lose(loss);
            }
            appended.unwrap()
        });
        let answers = join_all(all).await;
        assert_eq!(proxy.losses() as u128, if loss == Loss::Moment { round - 1 } else { round });
        if loss == Loss::Moment {
            proxy.deliver();
        }
        for (answer, number) in answers.iter().zip(first..) {
            assert!(is_written(&answer.outcomes), "{answer:?}");
            assert_eq!(u128::from(answer.head), 2 * number);
        }
        number += TOGETHER;
    }
    each_once(&other, number).await;
    let keys: Vec<_> = (1..=number).map(|number| format!("{number}/0")).collect();
    assert!(other.answers(&keys).await.unwrap().iter().all(Option::is_some));
}

#[derive(Debug, Clone, Copy)]
enum Path {
    Fast,
    Slow,
}

#[tokio::test]
async fn a_shared_transaction_that_did_not_arrive_is_made_again() {
    let Some(database) = database().await else { return };
    shared_transactions_lost(&database, Loss::Request, Path::Fast).await;
}

#[tokio::test]
async fn a_shared_transaction_that_did_not_arrive_is_made_again_statement_by_statement() {
    let Some(database) = database().await else { return };
    shared_transactions_lost(&database, Loss::Request, Path::Slow).await;
}

#[tokio::test]
async fn a_shared_transaction_whose_answer_is_lost_is_found_to_be_stored() {
    let Some(database) = database().await else { return };
    shared_transactions_lost(&database, Loss::Answer, Path::Fast).await;
}

#[tokio::test]
async fn a_shared_transaction_whose_answer_is_lost_is_found_to_be_stored_statement_by_statement() {
    let Some(database) = database().await else { return };
    shared_transactions_lost(&database, Loss::Answer, Path::Slow).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_transaction_that_arrives_after_it_was_given_up_is_not_stored() {
    let Some(database) = database().await else { return };
    shared_transactions_lost(&database, Loss::Moment, Path::Fast).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fast_path_that_did_not_arrive_is_made_again() {
    let Some(database) = database().await else { return };
    fast_paths_lost(&database, Loss::Request).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fast_path_whose_answer_is_lost_is_found_to_be_stored() {
    let Some(database) = database().await else { return };
    fast_paths_lost(&database, Loss::Answer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fast_path_that_arrives_after_it_was_given_up_is_not_stored() {
    let Some(database) = database().await else { return };
    fast_paths_lost(&database, Loss::Moment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_not_taken_for_another_writers() {
    let Some(database) = database().await else { return };
    let proxy = Proxy::to(database.port()).unwrap();
    let (store, other) = (open(&database.url_through(&proxy)).await, open(&database.url()).await);
    for version in (0..2 * CYCLES as u64).step_by(2) {
        proxy.lose(Loss::Request);
        let (ours, theirs) =
            tokio::join!(append(&store, entry(1, version)), append(&other, entry(1, version)));
        let written = [ours.unwrap(), theirs.unwrap()].map(|done| is_written(&done.outcomes));
        assert_eq!(written.iter().filter(|written| **written).count(), 1, "version {version}");
    }
    each_once_in_one_stream(&other).await;
}

async fn each_once_in_one_stream(store: &EventStore) {
    let log = sound_log(store).await;
    assert_eq!(log.len() as u128, 2 * CYCLES);
    assert!(log.iter().all(|event| event.stream == stream(1) && event.version == event.position));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_stops_is_unavailable_and_works_again_when_it_goes_on() {
    let Some(database) = database().await else { return };
    let proxy = Proxy::to(database.port()).unwrap();
    let store = open(&database.url_through(&proxy)).await;
    append(&store, entry(1, 0)).await.unwrap();
    proxy.freeze();
    let refused = store.head().await;
    assert!(matches!(&refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    proxy.thaw();
    assert_eq!(store.head().await.unwrap().position, 2);
    proxy.cut();
    assert!(is_written(&append(&store, entry(1, 2)).await.unwrap().outcomes));
    assert_eq!(sound_log(&store).await.len(), 4);
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable_and_says_what_to_look_at() {
    let Some(database) = database().await else { return };
    let proxy = Proxy::to(database.port()).unwrap();
    let url = database.url_through(&proxy);
    let store = open(&url).await;
    drop(proxy);
    let Err(AppendError::Failed(StoreError::Unavailable(why))) = append(&store, entry(1, 0)).await
    else {
        panic!("there is no server");
    };
    assert!(why.contains("see that it runs"), "{why}");
    assert!(EventStore::open(&url, Access::ReadOnly).await.is_err());
}

#[tokio::test]
async fn a_commit_that_the_server_refuses_is_found_not_to_have_happened() {
    let Some(database) = database().await else { return };
    let store = open(&database.url()).await;
    let mut superuser = raw(&database).await;
    // A deferred constraint is checked by COMMIT itself.
    let at_commit = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
        CREATE CONSTRAINT TRIGGER fail AFTER UPDATE ON log_head DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION fail()";
    execute(&mut superuser, at_commit).await.unwrap();
    for refused in [entry(1, 0), without_events(entry(1, 0))] {
        let refused = append(&store, refused).await;
        assert!(
            matches!(refused, Err(AppendError::Failed(StoreError::Unavailable(_)))),
            "{refused:?}"
        );
    }
    assert_eq!(store.head().await.unwrap().position, 0);
    execute(&mut superuser, "DROP TRIGGER fail ON log_head").await.unwrap();
    assert!(is_written(&append(&store, entry(1, 0)).await.unwrap().outcomes));
    superuser.close().await.unwrap();
}
