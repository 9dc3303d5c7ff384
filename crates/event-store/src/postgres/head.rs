//! The head row under its lock: locked and read when an append begins, moved before its commit.

use crate::Head;
use crate::planted;
use crate::row::{self, signed};
use faults::Fault;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

/// Waits for the log's lock and reads the head as the last holder of the lock left it.
pub(super) async fn lock_head(connection: &mut PgConnection) -> sqlx::Result<(Head, i64)> {
    sqlx::query(planted::unlocked(
        "SELECT position, hash, recorded_at, revision FROM log_head WHERE only_row = 1 FOR UPDATE",
    ))
    .try_map(|row: PgRow| {
        let (position, hash) = (row::number(&row, 0)?, row::hash(&row, 1)?);
        let head = Head { position, hash, recorded_at: row::time(&row, 2)? };
        Ok((head, row.try_get(3)?))
    })
    .fetch_one(connection)
    .await
}

/// False when the head is not the one that was locked.
pub(super) async fn move_head(
    connection: &mut PgConnection,
    head: &Head,
    revision: i64,
) -> sqlx::Result<bool> {
    let moved = sqlx::query(
        "UPDATE log_head SET position = $1, hash = $2, recorded_at = $3, revision = $4 + 1
         WHERE only_row = 1 AND revision = $4",
    )
    .bind(signed(head.position))
    .bind(&head.hash[..])
    .bind(head.recorded_at.timestamp_micros())
    .bind(revision)
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1 || faults::planted(Fault::CursorWithoutLock))
}
