//! Verifying the log: every row through the audit, page by page, then the order within streams.
//!
//! Pages are their own SELECTs, so appends go on meanwhile; the head at the start is how far it goes. Order within
//! streams is asked of the index in one pass that remembers nothing but the row before.

use super::{SqliteStore, refusal};
use crate::audit::Audit;
use crate::row::{self, EventRow, event_columns, signed};
use crate::{Position, StoreError, VerifyReport};
use futures::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

/// Rows read by one statement.
const PAGE: i64 = 4_096;

impl SqliteStore {
    pub(crate) async fn verify(
        &self,
        mut progress: impl FnMut(Position, Position) + Send,
    ) -> Result<VerifyReport, StoreError> {
        let head = self.head().await?;
        let mut audit = Audit::new(head);
        self.verify_outside(&mut audit).await?;
        // Ends: every page goes on from a later position, or is the last.
        while !audit.is_over() && self.verify_page(&mut audit).await? {
            progress(audit.position().min(head.position), head.position);
        }
        self.verify_streams(&mut audit).await?;
        Ok(audit.finish())
    }

    /// Rows where none can be: before the first position, and beyond the head.
    async fn verify_outside(&self, audit: &mut Audit) -> Result<(), StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT position FROM events
             WHERE position < 1 OR position > (SELECT position FROM log_head) LIMIT 1",
        )
        .fetch_optional(&self.readers)
        .await
        .map_err(refusal)?;
        if let Some(position) = found {
            audit.outside(position);
        }
        Ok(())
    }

    /// Reads one page; whether there may be another.
    async fn verify_page(&self, audit: &mut Audit) -> Result<bool, StoreError> {
        let mut rows = sqlx::query(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events WHERE position > $1 ORDER BY position LIMIT $2"
        ))
        .bind(signed(audit.position()))
        .bind(PAGE)
        .fetch(&self.readers);
        let mut read = 0;
        while !audit.is_over() {
            match rows.try_next().await {
                Ok(Some(row)) => verify_row(audit, &row)?,
                Ok(None) => return Ok(read == PAGE),
                Err(error) => match refusal(error) {
                    StoreError::Corrupt(reason) => {
                        audit.broken_off(&reason);
                        return Ok(false);
                    }
                    unavailable => return Err(unavailable),
                },
            }
            read += 1;
        }
        Ok(false)
    }

    async fn verify_streams(&self, audit: &mut Audit) -> Result<(), StoreError> {
        let rows = sqlx::query(
            "SELECT position, stream_type, stream_id, version
             FROM (SELECT position, stream_type, stream_id, version,
                       LAG(version, 1, 0) OVER stream AS version_before,
                       LAG(position, 1, 0) OVER stream AS position_before
                   FROM events
                   WINDOW stream AS (PARTITION BY stream_id, stream_type ORDER BY version))
             WHERE version <> version_before + 1 OR position <= position_before
             LIMIT $1",
        )
        .bind(signed(crate::MAX_DEFECTS as u64))
        .fetch_all(&self.readers)
        .await
        .map_err(refusal)?;
        for row in rows {
            let stream_id: Uuid = row.try_get(2).map_err(refusal)?;
            let stream = format!("{} {stream_id}", row.try_get::<&str, _>(1).map_err(refusal)?);
            let version = row::number(&row, 3).map_err(refusal)?;
            audit.out_of_order(row::number(&row, 0).map_err(refusal)?, &stream, version);
        }
        Ok(())
    }
}

fn verify_row(audit: &mut Audit, row: &SqliteRow) -> Result<(), StoreError> {
    match EventRow::from_row(row) {
        Ok(EventRow(event)) => audit.event(&event),
        Err(error) => {
            let position = row::number(row, 0).map_err(refusal)?;
            audit.unreadable(position, row::hash(row, 14).ok(), &error.to_string());
        }
    }
    Ok(())
}
