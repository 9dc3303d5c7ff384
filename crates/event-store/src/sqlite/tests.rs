//! Storage that fails under the writer: nothing is changed, the caller hears which it was, and it works afterwards.

use super::SqliteStore;
use super::insert::MOST_ROWS;
use super::settle::Unsettled;
use crate::chain::GENESIS;
use crate::fixtures::one;
use crate::group_commit::Transact;
use crate::plan::{Found, plan};
use crate::{
    Access, Append, AppendError, Capacities, EntryOutcome, Head, KeyedAnswer, StoreError, Timestamp,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::slice;
use tempfile::TempDir;
use uuid::Uuid;

async fn open(directory: &TempDir) -> SqliteStore {
    let file = directory.path().join("events.db");
    SqliteStore::open(&file, Access::ReadWrite, Capacities::default()).await.unwrap()
}

/// Runs a statement on the writer's own connection.
async fn on_writer(store: &SqliteStore, sql: &str) {
    let mut writer = store.appends.as_ref().unwrap().writer().lock().await;
    let mut connection = writer.take().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    writer.put_back(connection);
}

fn answer_alone(answer: &str) -> Append {
    let mut append = one(1, 0);
    append.entries[0].events.clear();
    append.entries[0].answer = Some(KeyedAnswer {
        key: "k".to_owned(),
        fingerprint: [1; 32],
        answer: answer.as_bytes().to_vec(),
        permanent: false,
    });
    append
}

async fn is_refused(store: &SqliteStore, append: Append) {
    let head = store.head().await.unwrap();
    let refused = store.append(append).await;
    assert!(matches!(refused, Err(AppendError::Failed(StoreError::Unavailable(_)))), "{refused:?}");
    assert_eq!(store.head().await.unwrap(), head);
}

#[tokio::test]
async fn after_a_clean_end_the_one_file_holds_the_whole_log() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    store.append(one(1, 10)).await.unwrap();
    assert_eq!(store.head().await.unwrap().position, 1, "a reader is open, too");
    store.close().await;
    let files = std::fs::read_dir(directory.path()).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["events.db"]);
    assert_eq!(open(&directory).await.head().await.unwrap().position, 1);
}

#[tokio::test]
async fn what_follows_an_append_takes_the_fast_path() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    let mut writer = store.appends.as_ref().unwrap().writer().lock().await;
    assert!(writer.fast_path(&[one(1, 10)]).await.is_none(), "the head is not known");
    writer.append(&[one(1, 10)]).await.unwrap();
    let mut keyed = one(3, 10);
    keyed.entries[0].answer = answer_alone("kept").entries[0].answer.take();
    for (append, head) in [(one(2, 10), 2), (keyed, 3), (one(4, 10), 4)] {
        let appended = writer.fast_path(&[append]).await.unwrap();
        assert_eq!(appended.unwrap()[0].head, head);
    }
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_room_makes_it_work_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    store.append(one(1, 10)).await.unwrap();
    // The file may not grow: SQLite then answers what it answers when the disk has no room.
    on_writer(&store, "PRAGMA max_page_count = 1").await;
    is_refused(&store, one(2, 200_000)).await;
    is_refused(&store, one(3, 200_000)).await;
    on_writer(&store, "PRAGMA max_page_count = 1000000").await;
    assert_eq!(store.append(one(2, 200_000)).await.unwrap().head, 2);
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}

#[tokio::test]
async fn a_lock_held_by_another_process_for_too_long_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    on_writer(&store, "PRAGMA busy_timeout = 10").await;
    let mut other =
        super::open::options(&directory.path().join("events.db")).connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    is_refused(&store, one(1, 10)).await;
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    assert_eq!(store.append(one(1, 10)).await.unwrap().head, 1);
}

#[tokio::test]
async fn a_commit_that_fails_is_found_not_to_have_happened() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    // A deferred constraint is checked by COMMIT itself.
    let at_commit = "CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER fail AFTER UPDATE ON log_head BEGIN INSERT INTO child VALUES (1); END";
    on_writer(&store, at_commit).await;
    is_refused(&store, one(1, 10)).await;
    is_refused(&store, answer_alone("a")).await;
    on_writer(&store, "DROP TRIGGER fail").await;
    assert_eq!(store.append(one(1, 10)).await.unwrap().head, 1);
    assert!(store.answers(&["k".to_owned()]).await.unwrap()[0].is_none());
}

#[tokio::test]
async fn an_append_after_our_own_takes_the_fast_path_unless_another_came_between() {
    let directory = tempfile::tempdir().unwrap();
    let (ours, theirs) = (open(&directory).await, open(&directory).await);
    let known = async |store: &SqliteStore| {
        store.appends.as_ref().unwrap().writer().lock().await.tip.map(|tip| tip.head.position)
    };
    ours.append(one(1, 10)).await.unwrap();
    assert_eq!(known(&ours).await, Some(1));
    ours.append(one(2, 10)).await.unwrap();
    assert!(ours.appends.as_ref().unwrap().writer().lock().await.statements.holds(1, 0));
    theirs.append(one(3, 10)).await.unwrap();
    assert_eq!(ours.append(one(4, 10)).await.unwrap().head, 4);
    assert_eq!(theirs.append(one(5, 10)).await.unwrap().head, 5);
    let taken = ours.append(one(5, 10)).await.unwrap();
    let actual = EntryOutcome::WrongExpectedVersion { expected: 0, actual: 1 };
    assert_eq!((taken.outcomes, taken.head), (vec![actual], 5));
    assert_eq!(ours.append(one(6, 10)).await.unwrap().head, 6);
    assert_eq!(ours.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}

#[tokio::test]
async fn the_fast_path_takes_up_to_a_number_of_rows() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    store.append(one(1, 10)).await.unwrap();
    let mut head = 1;
    for (rows, is_fast) in [(MOST_ROWS, true), (MOST_ROWS + 1, false)] {
        let mut events = one(rows as u128, 10);
        events.entries[0].events = vec![events.entries[0].events.remove(0); rows];
        for event in &mut events.entries[0].events {
            event.event_id = Uuid::now_v7();
        }
        let mut answers = answer_alone("a");
        answers.entries = vec![answers.entries.remove(0); rows];
        for (entry, number) in answers.entries.iter_mut().zip(0_usize..) {
            let key = format!("{rows} {number}");
            entry.answer = entry.answer.take().map(|answer| KeyedAnswer { key, ..answer });
            entry.expected_version = 1;
        }
        head += rows as u64;
        assert_eq!(store.append(events).await.unwrap().head, head);
        assert_eq!(store.append(one(10 * rows as u128, 10)).await.unwrap().head, head + 1);
        assert_eq!(store.append(answers).await.unwrap().head, head + 1);
        head += 1;
        let writer = store.appends.as_ref().unwrap().writer().lock().await;
        assert_eq!(writer.statements.holds(rows, 0), is_fast);
        assert_eq!(writer.statements.holds(0, rows), is_fast);
    }
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}

#[tokio::test]
async fn an_fast_path_whose_storage_fails_is_not_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    store.append(one(1, 10)).await.unwrap();
    store.append(one(2, 10)).await.unwrap();
    on_writer(
        &store,
        "CREATE TRIGGER fail AFTER UPDATE ON log_head BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .await;
    is_refused(&store, one(3, 10)).await;
    on_writer(&store, "DROP TRIGGER fail").await;
    assert_eq!(store.append(one(3, 10)).await.unwrap().head, 3);
    assert_eq!(store.append(one(4, 10)).await.unwrap().head, 4);
}

/// Settles an append to an empty log as if its commit had answered with an error.
async fn settle(store: &SqliteStore, append: &Append) -> bool {
    settle_all(store, slice::from_ref(append)).await
}

async fn settle_all(store: &SqliteStore, group: &[Append]) -> bool {
    let head = Head { position: 0, hash: GENESIS, recorded_at: Timestamp::UNIX_EPOCH };
    let plan = plan(group, Found::default(), head);
    let unsettled = Unsettled { error: sqlx::Error::WorkerCrashed, revision: 0, plan };
    let mut writer = store.appends.as_ref().unwrap().writer().lock().await;
    match writer.settle(unsettled).await {
        Ok(appended) => {
            assert_eq!(appended.len(), group.len());
            for appended in appended {
                assert!(matches!(appended.outcomes[..], [EntryOutcome::Written { .. }]));
            }
            true
        }
        Err(AppendError::Failed(StoreError::Unavailable(_))) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_settled_by_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    let (ours, theirs) = (one(1, 10), one(2, 10));
    assert!(!settle(&store, &ours).await, "nothing is there");
    store.append(ours.clone()).await.unwrap();
    assert!(settle(&store, &ours).await);
    store.append(one(3, 10)).await.unwrap();
    assert!(settle(&store, &ours).await, "another append came after ours");
    assert!(!settle(&store, &theirs).await, "another append took the position");
}

#[tokio::test]
async fn a_lost_commit_of_several_appends_is_settled_for_all_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    let ours = [one(1, 10), one(2, 10), answer_alone("ours")];
    assert!(!settle_all(&store, &ours).await, "nothing is there");
    store.append(one(1, 10)).await.unwrap();
    assert!(!settle_all(&store, &ours).await, "another append took the position");
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    store.appends.as_ref().unwrap().writer().lock().await.append(&ours[..2]).await.unwrap();
    assert!(settle_all(&store, &ours[..2]).await);
    assert!(!settle_all(&store, &[ours[1].clone(), ours[0].clone()]).await);
}

#[tokio::test]
async fn a_lost_commit_of_answers_alone_is_settled_by_the_kept_answer() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    store.append(answer_alone("ours")).await.unwrap();
    assert!(settle(&store, &answer_alone("ours")).await);
    assert!(!settle(&store, &answer_alone("theirs")).await);
}

#[tokio::test]
async fn a_settlement_that_cannot_read_says_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    store.append(one(1, 10)).await.unwrap();
    let append = one(2, 10);
    let head = store.head().await.unwrap();
    let plan = plan(slice::from_ref(&append), Found::default(), head);
    let mut writer = store.appends.as_ref().unwrap().writer().lock().await;
    drop(writer.take().await.unwrap());
    std::fs::remove_file(directory.path().join("events.db")).unwrap();
    let unsettled = Unsettled { error: sqlx::Error::WorkerCrashed, revision: 1, plan };
    let unknown = writer.settle(unsettled).await;
    assert!(matches!(unknown, Err(AppendError::Unknown(_))), "{unknown:?}");
}
