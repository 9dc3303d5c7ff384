//! Reading events: pages of the log, pages of a stream, many streams at once.
//!
//! Each page is one SELECT, so it sees one state of the log and holds nothing open afterwards. Pages end at a number
//! of rows or of bytes, never by skipping, and what is read is checked to be contiguous before it is given out.

use super::{SqliteStore, refusal};
use crate::contiguity::{check_positions, check_versions};
use crate::row::{EventRow, event_columns, number, signed};
use crate::stream::StreamEnd;
use crate::{
    LoadedStream, MAX_PAGE_BYTES, Position, RecordedEvent, StoreError, StreamId, StreamType,
    Version,
};
use futures::TryStreamExt;
use sqlx::query::QueryAs;
use sqlx::sqlite::SqliteArguments;
use sqlx::{FromRow, Row, Sqlite, SqliteConnection, SqlitePool};
use std::fmt::Write;

type EventQuery = QueryAs<'static, Sqlite, EventRow, SqliteArguments>;

impl SqliteStore {
    pub(crate) async fn last_of(
        &self,
        stream_type: StreamType,
        after: Position,
        until: Position,
    ) -> Result<Option<Position>, StoreError> {
        let last: Option<i64> = sqlx::query_scalar(
            "SELECT MAX(position) FROM events WHERE position > $1 AND position <= $2 AND stream_type = $3",
        )
        .bind(signed(after))
        .bind(signed(until))
        .bind(stream_type.as_str().to_owned())
        .fetch_one(&self.readers)
        .await
        .map_err(refusal)?;
        Ok(last.map(i64::unsigned_abs))
    }

    pub(crate) async fn read_feed(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        if let Some(events) = self.tail.page(after, limit) {
            return Ok(events);
        }
        let query = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events WHERE position > $1 ORDER BY position LIMIT $2"
        ));
        let events = page(&self.readers, query.bind(signed(after)).bind(rows(limit))).await?;
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
            " FROM events WHERE stream_id = $1 AND stream_type = $2 AND version > $3",
            " ORDER BY version LIMIT $4"
        ));
        let query = query.bind(stream.id).bind(stream.stream_type.to_string());
        let query = query.bind(signed(after)).bind(rows(limit));
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
        self.load_snapshots(streams, snapshot_version, &mut loaded).await?;
        // A snapshot replaced in between does no harm: events after the one in hand never change.
        let after = loaded.iter().map(|one| one.snapshot.as_ref().map_or(0, |s| s.version));
        let asked = asked(streams.iter().zip(after));
        let mut rows = sqlx::query(concat!(
            "SELECT ",
            event_columns!(),
            ", asked.key
             FROM json_each($1) AS asked
             CROSS JOIN events ON stream_id = unhex(substr(asked.value, 1, 32))
                 AND stream_type = substr(asked.value, 53)
                 AND version > CAST(substr(asked.value, 33, 20) AS INTEGER)"
        ))
        .bind(asked)
        .fetch(&self.readers);
        while let Some(row) = rows.try_next().await.map_err(refusal)? {
            let index: usize = number(&row, 16).map_err(refusal)?;
            loaded[index].events.push(EventRow::from_row(&row).map_err(refusal)?.0);
        }
        drop(rows);
        for stream in &mut loaded {
            // They come in order, by the index; asking for it would copy every payload through a sorter.
            stream.events.sort_by_key(|event| event.version);
            let after = stream.snapshot.as_ref().map_or(0, |snapshot| snapshot.version);
            check_versions(after, &stream.events)?;
        }
        Ok(loaded)
    }
}

/// Streams for `json_each`, each as one text: its id in 32 hex digits, a number in 20 digits, its type.
pub(super) fn asked<'a>(streams: impl Iterator<Item = (&'a StreamId, u64)>) -> String {
    let mut asked = String::from("[");
    for (stream, number) in streams {
        let comma = if asked.len() > 1 { "," } else { "" };
        let id = stream.id.simple();
        let stream_type = serde_json::Value::from(stream.stream_type.as_str()).to_string();
        let stream_type = &stream_type[1..];
        write!(asked, "{comma}\"{id}{number:020}{stream_type}").expect("a String takes all");
    }
    asked.push(']');
    asked
}

/// How the streams end, in the order asked.
pub(super) async fn ends(
    connection: &mut SqliteConnection,
    streams: &[&StreamId],
) -> sqlx::Result<Vec<StreamEnd>> {
    let mut ends = vec![StreamEnd::ABSENT; streams.len()];
    let rows = sqlx::query(
        "SELECT asked.key, last.version, last.partition_key
         FROM json_each($1) AS asked
         CROSS JOIN events AS last ON last.position = (
             SELECT position FROM events
             WHERE stream_id = unhex(substr(asked.value, 1, 32)) AND stream_type = substr(asked.value, 53)
             ORDER BY version DESC LIMIT 1)",
    )
    .bind(asked(streams.iter().map(|stream| (*stream, 0))))
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

/// Reads until the query ends or the page is full of bytes.
async fn page(readers: &SqlitePool, query: EventQuery) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut events = Vec::new();
    let mut bytes = 0;
    let mut rows = query.fetch(readers);
    while bytes < MAX_PAGE_BYTES
        && let Some(EventRow(event)) = rows.try_next().await.map_err(refusal)?
    {
        bytes += event.payload.len();
        events.push(event);
    }
    Ok(events)
}
