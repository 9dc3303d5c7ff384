//! Snapshots: states of long streams, kept so that loading one need not fold all its events. A cache.

use super::PostgresStore;
use crate::row::{self, signed};
use crate::{LoadedStream, Snapshot, StoreError, StreamId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

/// Fills in the snapshots of the streams that have one.
pub(super) async fn load(
    connection: &mut PgConnection,
    streams: &[StreamId],
    snapshot_version: u16,
    loaded: &mut [LoadedStream],
) -> sqlx::Result<()> {
    let rows = sqlx::query(
        "SELECT asked.nth - 1, kept.version, kept.occurred_at, kept.position, kept.state
         FROM UNNEST($1::uuid[], $2::text[]) WITH ORDINALITY AS asked (stream_id, stream_type, nth)
         JOIN snapshots AS kept ON kept.stream_id = asked.stream_id
             AND kept.stream_type = asked.stream_type AND kept.snapshot_version = $3",
    )
    .bind(streams.iter().map(|stream| stream.id).collect::<Vec<_>>())
    .bind(streams.iter().map(|stream| stream.stream_type.as_str()).collect::<Vec<_>>())
    .bind(i64::from(snapshot_version))
    .try_map(|row: PgRow| {
        let index: usize = row::number(&row, 0)?;
        let snapshot = Snapshot {
            version: row::number(&row, 1)?,
            occurred_at: row::time(&row, 2)?,
            position: row::number(&row, 3)?,
            state: row.try_get(4)?,
        };
        Ok((index, snapshot))
    })
    .fetch_all(connection)
    .await?;
    for (index, snapshot) in rows {
        loaded[index].snapshot = Some(snapshot);
    }
    Ok(())
}

impl PostgresStore {
    pub(crate) async fn save_snapshot(
        &self,
        stream: &StreamId,
        snapshot_version: u16,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        let saved = self.changes(
            sqlx::query(
                "INSERT INTO snapshots
                     (stream_id, stream_type, snapshot_version, version, occurred_at, position, state)
                 SELECT $1, $2, $3, $4, $5, $6, $7
                 FROM events
                 WHERE position = $6 AND stream_id = $1 AND stream_type = $2 AND version = $4
                 ON CONFLICT (stream_id, stream_type, snapshot_version) DO UPDATE
                 SET version = excluded.version, occurred_at = excluded.occurred_at,
                     position = excluded.position, state = excluded.state
                 WHERE excluded.version > snapshots.version",
            )
            .bind(stream.id)
            .bind(stream.stream_type.as_str())
            .bind(i64::from(snapshot_version))
            .bind(signed(snapshot.version))
            .bind(snapshot.occurred_at.timestamp_micros())
            .bind(signed(snapshot.position))
            .bind(snapshot.state),
        );
        saved.await.map(|_| ())
    }
}
