//! Reads a stored event from a row, the same for every backend.
//!
//! Columns are taken by place, in the order of `event_columns!`, and texts are borrowed from the row until they are
//! known to be good. A value that is not of its type is an error with the column's place, never a guess.

use crate::event::from_micros;
use crate::{Metadata, RecordedEvent, StreamId, StreamType, Timestamp};
use sqlx::error::BoxDynError;
use sqlx::{ColumnIndex, Database, Decode, FromRow, Row, Type};
use uuid::Uuid;

/// The columns of an event in the order in which [`EventRow`] reads them.
macro_rules! event_columns {
    () => {
        "position, stream_type, stream_id, version, event_id, event_type, schema_version, \
         occurred_at, recorded_at, correlation_id, causation_id, traceparent, actor, payload, hash, \
         partition_key"
    };
}
pub(crate) use event_columns;

/// An event as a row of either backend.
pub(crate) struct EventRow(pub RecordedEvent);

impl<'r, R> FromRow<'r, R> for EventRow
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let text = |index: usize| -> sqlx::Result<Option<String>> {
            Ok(row.try_get::<Option<&'r str>, _>(index)?.map(str::to_owned))
        };
        let stream = StreamId {
            stream_type: StreamType::parse(row.try_get(1)?)
                .ok_or_else(|| at(1, "it is no name of a stream type".into()))?,
            id: row.try_get(2)?,
        };
        Ok(Self(RecordedEvent {
            position: number(row, 0)?,
            stream,
            partition_key: row.try_get::<Option<Uuid>, _>(15)?.unwrap_or(stream.id),
            version: number(row, 3)?,
            event_id: row.try_get(4)?,
            event_type: row.try_get::<&'r str, _>(5)?.to_owned(),
            schema_version: number(row, 6)?,
            occurred_at: time(row, 7)?,
            recorded_at: time(row, 8)?,
            metadata: Metadata {
                correlation_id: text(9)?,
                causation_id: text(10)?,
                traceparent: text(11)?,
                actor: text(12)?,
            },
            payload: row.try_get::<&'r str, _>(13)?.as_bytes().to_vec(),
            hash: hash(row, 14)?,
        }))
    }
}

/// The number as databases hold it. Positions and versions stay far below 2^63.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An unsigned number from its signed column.
pub(crate) fn number<'r, R, N>(row: &'r R, index: usize) -> sqlx::Result<N>
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    N: TryFrom<i64>,
{
    let stored: i64 = row.try_get(index)?;
    N::try_from(stored).map_err(|_| at(index, format!("{stored} is out of range").into()))
}

/// A time that is stored as microseconds.
pub(crate) fn time<'r, R>(row: &'r R, index: usize) -> sqlx::Result<Timestamp>
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let stored: i64 = row.try_get(index)?;
    from_micros(stored).ok_or_else(|| at(index, format!("{stored} is no time").into()))
}

/// Thirty-two bytes.
pub(crate) fn hash<'r, R>(row: &'r R, index: usize) -> sqlx::Result<[u8; 32]>
where
    R: Row,
    usize: ColumnIndex<R>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
{
    let stored: &'r [u8] = row.try_get(index)?;
    stored.try_into().map_err(|_| at(index, format!("{} bytes, not 32", stored.len()).into()))
}

fn at(index: usize, source: BoxDynError) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: index.to_string(), source }
}
