//! Reading events: pages of the log, pages of a stream, many streams at once.
//!
//! Each page is one SELECT, so it sees one state of the log and holds nothing open afterwards: a reader that sees a
//! position sees all before it. Pages end at a number of rows or of bytes, never by skipping; where a page ends is worked out by
//! the server, which would send the rest otherwise. What is read is checked to be contiguous before it is given out.

use super::connect::on;
use super::{PostgresStore, snapshots};
use crate::contiguity::{check_positions, check_versions};
use crate::row::{EventRow, number, signed};
use crate::stream::StreamEnd;
use crate::{
    LoadedStream, MAX_PAGE_BYTES, Position, RecordedEvent, StoreError, StreamId, StreamType,
    Version,
};
use futures::TryStreamExt;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{FromRow, PgConnection, PgPool, Postgres, Row};

type EventQuery<'q> = QueryAs<'q, Postgres, EventRow, PgArguments>;

/// The columns of an event, as `EventRow` reads them.
macro_rules! event_columns {
    () => {
        "position, stream_type, stream_id, version, event_id, event_type, schema_version, \
         occurred_at, recorded_at, correlation_id, causation_id, traceparent, actor, \
         payload::text, hash, partition_key"
    };
}
pub(super) use event_columns;

impl PostgresStore {
    pub(crate) async fn last_of(
        &self,
        stream_type: StreamType,
        after: Position,
        until: Position,
    ) -> Result<Option<Position>, StoreError> {
        let last: Option<i64> = on(&self.readers, async |connection| {
            sqlx::query_scalar(
                "SELECT MAX(position) FROM events WHERE position > $1 AND position <= $2 AND stream_type = $3",
            )
            .bind(signed(after))
            .bind(signed(until))
            .bind(stream_type.as_str().to_owned())
            .fetch_one(connection)
            .await
        })
        .await?;
        Ok(last.map(i64::unsigned_abs))
    }

    pub(crate) async fn read_feed(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let query = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM (SELECT *, SUM(payload_bytes) OVER (ORDER BY position) - payload_bytes AS before
                    FROM events WHERE position > $1 ORDER BY position LIMIT $2) AS page
             WHERE before < $3 ORDER BY position"
        ));
        let query = query.bind(signed(after)).bind(rows(limit)).bind(rows(MAX_PAGE_BYTES));
        let events = page(&self.readers, query).await?;
        check_positions(after, &events)?;
        Ok(events)
    }

    pub(crate) async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let query = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM (SELECT *, SUM(payload_bytes) OVER (ORDER BY version) - payload_bytes AS before
                    FROM events WHERE stream_id = $1 AND stream_type = $2 AND version > $3
                    ORDER BY version LIMIT $4) AS page
             WHERE before < $5 ORDER BY version"
        ));
        let query = query.bind(stream.id).bind(stream.stream_type.as_str()).bind(signed(after));
        let query = query.bind(rows(limit)).bind(rows(MAX_PAGE_BYTES));
        let events = page(&self.readers, query).await?;
        check_versions(after, &events)?;
        Ok(events)
    }

    pub(crate) async fn load(
        &self,
        streams: &[StreamId],
        snapshot_version: u16,
    ) -> Result<Vec<LoadedStream>, StoreError> {
        let mut loaded = vec![LoadedStream::default(); streams.len()];
        if streams.is_empty() {
            return Ok(loaded);
        }
        on(&self.readers, async |connection| {
            snapshots::load(connection, streams, snapshot_version, &mut loaded).await?;
            load_events(connection, streams, &mut loaded).await
        })
        .await?;
        for stream in &loaded {
            let after = stream.snapshot.as_ref().map_or(0, |snapshot| snapshot.version);
            check_versions(after, &stream.events)?;
        }
        Ok(loaded)
    }
}

/// Adds the events after each stream's snapshot. One replaced in between does no harm: events after the one in hand
/// never change.
async fn load_events(
    connection: &mut PgConnection,
    streams: &[StreamId],
    loaded: &mut [LoadedStream],
) -> sqlx::Result<()> {
    let after = loaded.iter().map(|one| one.snapshot.as_ref().map_or(0, |s| signed(s.version)));
    let mut rows = sqlx::query(concat!(
        "SELECT ",
        event_columns!(),
        ", nth - 1
         FROM UNNEST($1::uuid[], $2::text[], $3::bigint[]) WITH ORDINALITY AS asked (id, type, after, nth)
         CROSS JOIN LATERAL (
             SELECT * FROM events
             WHERE stream_id = asked.id AND stream_type = asked.type AND version > asked.after
             ORDER BY version) AS event"
    ))
    .bind(streams.iter().map(|stream| stream.id).collect::<Vec<_>>())
    .bind(streams.iter().map(|stream| stream.stream_type.as_str()).collect::<Vec<_>>())
    .bind(after.collect::<Vec<_>>())
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let index: usize = number(&row, 16)?;
        loaded[index].events.push(EventRow::from_row(&row)?.0);
    }
    Ok(())
}

/// How the streams end, in the order asked.
pub(super) async fn ends(
    connection: &mut PgConnection,
    streams: &[&StreamId],
) -> sqlx::Result<Vec<StreamEnd>> {
    let mut ends = vec![StreamEnd::ABSENT; streams.len()];
    let rows = sqlx::query(
        "SELECT nth - 1, last.version, last.partition_key
         FROM UNNEST($1::uuid[], $2::text[]) WITH ORDINALITY AS asked (id, type, nth)
         CROSS JOIN LATERAL (
             SELECT version, partition_key FROM events WHERE stream_id = asked.id AND stream_type = asked.type
             ORDER BY version DESC LIMIT 1) AS last",
    )
    .bind(streams.iter().map(|stream| stream.id).collect::<Vec<_>>())
    .bind(streams.iter().map(|stream| stream.stream_type.as_str()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    for row in rows {
        let index: usize = number(&row, 0)?;
        ends[index] = StreamEnd { version: number(&row, 1)?, partition_key: row.try_get(2)? };
    }
    Ok(ends)
}

fn rows(limit: usize) -> i64 {
    signed(limit as u64)
}

async fn page(readers: &PgPool, query: EventQuery<'_>) -> Result<Vec<RecordedEvent>, StoreError> {
    on(readers, async |connection| {
        query.fetch(connection).map_ok(|EventRow(event)| event).try_collect().await
    })
    .await
}
