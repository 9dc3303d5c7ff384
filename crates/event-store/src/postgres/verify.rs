//! Verifying the log: every row through the audit, page by page, then the order within streams, page by page.
//!
//! Pages are their own SELECTs, so appends go on meanwhile; the head at the start is how far it goes.

use super::PostgresStore;
use super::connect::{on, refusal};
use super::read::event_columns;
use crate::audit::Audit;
use crate::row::{self, EventRow, signed};
use crate::{MAX_DEFECTS, MAX_PAGE_BYTES, Position, StoreError, VerifyReport, Version};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

/// Rows read by one statement.
const PAGE: i64 = 4_096;

/// A row of the pass over streams: the place in it, and where the event stands in the log.
struct Place {
    stream_id: Uuid,
    stream_type: String,
    version: i64,
    position: Position,
}

impl PostgresStore {
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

    /// Reports rows before the first position and beyond the head.
    async fn verify_outside(&self, audit: &mut Audit) -> Result<(), StoreError> {
        let found: Option<i64> = on(&self.readers, async |connection| {
            sqlx::query_scalar(
                "(SELECT position FROM events WHERE position < 1 ORDER BY position LIMIT 1)
                 UNION ALL
                 (SELECT position FROM events WHERE position > (SELECT position FROM log_head)
                  ORDER BY position LIMIT 1)
                 LIMIT 1",
            )
            .fetch_optional(connection)
            .await
        })
        .await?;
        if let Some(position) = found {
            audit.outside(position);
        }
        Ok(())
    }

    /// Audits one page; returns whether there may be another.
    async fn verify_page(&self, audit: &mut Audit) -> Result<bool, StoreError> {
        let after = signed(audit.position());
        let read = on(&self.readers, async |connection| {
            sqlx::query(concat!(
                "SELECT ",
                event_columns!(),
                " FROM (SELECT *, SUM(payload_bytes) OVER (ORDER BY position) - payload_bytes AS before
                        FROM events WHERE position > $1 ORDER BY position LIMIT $2) AS page
                 WHERE before < $3 ORDER BY position"
            ))
            .bind(after)
            .bind(PAGE)
            .bind(signed(MAX_PAGE_BYTES as u64))
            .fetch_all(connection)
            .await
        });
        let rows = match read.await {
            Ok(rows) => rows,
            Err(StoreError::Corrupt(reason)) => {
                audit.broken_off(&reason);
                return Ok(false);
            }
            Err(unavailable) => return Err(unavailable),
        };
        for row in &rows {
            if audit.is_over() {
                break;
            }
            verify_row(audit, row)?;
        }
        Ok(!rows.is_empty())
    }

    /// Each stream counts its versions from 1, and later versions stand later in the log.
    async fn verify_streams(&self, audit: &mut Audit) -> Result<(), StoreError> {
        let mut before = Place {
            stream_id: Uuid::nil(),
            stream_type: String::new(),
            version: i64::MIN,
            position: 0,
        };
        let mut defects = 0;
        // Ends: every page goes on from a later place, or is empty.
        loop {
            let page = self.places_after(&before).await?;
            if page.is_empty() || defects >= MAX_DEFECTS {
                return Ok(());
            }
            for place in page {
                if !place.follows(&before) {
                    defects += 1;
                    let stream = format!("{} {}", place.stream_type, place.stream_id);
                    let version = Version::try_from(place.version).unwrap_or(0);
                    audit.out_of_order(place.position, &stream, version);
                }
                before = place;
            }
        }
    }

    async fn places_after(&self, before: &Place) -> Result<Vec<Place>, StoreError> {
        on(&self.readers, async |connection| {
            sqlx::query(
                "SELECT stream_id, stream_type, version, position FROM events
                 WHERE (stream_id, stream_type, version) > ($1, $2, $3)
                 ORDER BY stream_id, stream_type, version LIMIT $4",
            )
            .bind(before.stream_id)
            .bind(&before.stream_type)
            .bind(before.version)
            .bind(PAGE)
            .try_map(|row: PgRow| {
                Ok(Place {
                    stream_id: row.try_get(0)?,
                    stream_type: row.try_get(1)?,
                    version: row.try_get(2)?,
                    position: row.try_get::<i64, _>(3)?.try_into().unwrap_or(0),
                })
            })
            .fetch_all(connection)
            .await
        })
        .await
    }
}

impl Place {
    fn follows(&self, before: &Self) -> bool {
        let same = self.stream_id == before.stream_id && self.stream_type == before.stream_type;
        match same {
            true => self.version == before.version + 1 && self.position > before.position,
            false => self.version == 1 && self.position > 0,
        }
    }
}

fn verify_row(audit: &mut Audit, row: &PgRow) -> Result<(), StoreError> {
    match EventRow::from_row(row) {
        Ok(EventRow(event)) => audit.event(&event),
        Err(error) => {
            let position = row::number(row, 0).map_err(refusal)?;
            audit.unreadable(position, row::hash(row, 14).ok(), &error.to_string());
        }
    }
    Ok(())
}
