//! The head row under the write lock: locked and read when an append begins, moved as its last statement.

use crate::Head;
use crate::plan::Plan;
use crate::row::{self, signed};
use faults::{Fault, planted};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Row, SqliteConnection};
use std::sync::LazyLock;

/// Takes the write lock, then, in a statement of its own, reads the head. Sent together: one way to the connection's
/// thread and back instead of two.
pub(super) async fn lock_head(connection: &mut SqliteConnection) -> sqlx::Result<(Head, i64)> {
    sqlx::query("BEGIN IMMEDIATE; SELECT position, hash, recorded_at, revision FROM log_head")
        .try_map(|row: SqliteRow| {
            let (position, hash) = (row::number(&row, 0)?, row::hash(&row, 1)?);
            let head = Head { position, hash, recorded_at: row::time(&row, 2)? };
            Ok((head, row.try_get(3)?))
        })
        .fetch_one(connection)
        .await
}

/// Moves the head and commits; sent together, too. The hash becomes NULL, which the schema refuses, and COMMIT is never
/// reached, should the head not have the revision that the plan was made on, or not just as many events have gone in as
/// were planned. `counted` is one more condition, or empty.
pub(super) fn move_head_and_commit(counted: &str) -> String {
    let went_in = match planted(Fault::FalseCreated) {
        false => "= (SELECT COUNT(*) FROM events WHERE events.position > log_head.position)",
        true => "IS NOT NULL",
    };
    format!(
        "UPDATE log_head SET position = ?, hash = CASE WHEN revision = ? AND ? {went_in}{counted} \
         THEN ? END, recorded_at = ?, revision = revision + 1; COMMIT"
    )
}

static MOVE_HEAD_AND_COMMIT: LazyLock<String> = LazyLock::new(|| move_head_and_commit(""));

/// What [`move_head_and_commit`] binds.
pub(super) fn bind_head(
    arguments: &mut SqliteArguments,
    plan: &Plan<'_>,
    revision: i64,
) -> Result<(), BoxDynError> {
    arguments.add(signed(plan.head.position))?;
    arguments.add(revision)?;
    arguments.add(signed(plan.events.len() as u64))?;
    arguments.add(plan.head.hash.to_vec())?;
    arguments.add(plan.head.recorded_at.timestamp_micros())
}

/// Moves the head and commits after rows that went in by statements of their own.
pub(super) async fn commit(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    revision: i64,
) -> sqlx::Result<()> {
    let mut arguments = SqliteArguments::default();
    bind_head(&mut arguments, plan, revision).map_err(sqlx::Error::Encode)?;
    sqlx::query_with(MOVE_HEAD_AND_COMMIT.as_str(), arguments).execute(connection).await.map(|_| ())
}
