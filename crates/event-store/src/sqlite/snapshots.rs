//! Snapshots: states of long streams, kept so that loading one need not fold all its events. A cache.

use super::read::asked;
use super::{SqliteStore, refusal};
use crate::row::{self, signed};
use crate::{LoadedStream, Snapshot, StoreError, StreamId};
use sqlx::Row;

impl SqliteStore {
    /// Fills in the snapshots of the streams that have one.
    pub(super) async fn load_snapshots(
        &self,
        streams: &[StreamId],
        snapshot_version: u16,
        loaded: &mut [LoadedStream],
    ) -> Result<(), StoreError> {
        let rows = sqlx::query(
            "SELECT asked.key, version, occurred_at, position, state
             FROM json_each($1) AS asked
             CROSS JOIN snapshots ON stream_id = unhex(substr(asked.value, 1, 32))
                 AND stream_type = substr(asked.value, 53) AND snapshot_version = $2",
        )
        .bind(asked(streams.iter().map(|stream| (stream, 0))))
        .bind(i64::from(snapshot_version))
        .try_map(|row: sqlx::sqlite::SqliteRow| {
            let index: usize = row::number(&row, 0)?;
            let snapshot = Snapshot {
                version: row::number(&row, 1)?,
                occurred_at: row::time(&row, 2)?,
                position: row::number(&row, 3)?,
                state: row.try_get(4)?,
            };
            Ok((index, snapshot))
        })
        .fetch_all(&self.readers)
        .await
        .map_err(refusal)?;
        for (index, snapshot) in rows {
            loaded[index].snapshot = Some(snapshot);
        }
        Ok(())
    }

    pub(crate) async fn save_snapshot(
        &self,
        stream: &StreamId,
        snapshot_version: u16,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        let (writer, stream) = (self.writer()?, *stream);
        let task = tokio::spawn(async move {
            let mut writer = writer.lock().await;
            let mut connection = writer.take().await?;
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
            .bind(stream.stream_type.to_string())
            .bind(i64::from(snapshot_version))
            .bind(signed(snapshot.version))
            .bind(snapshot.occurred_at.timestamp_micros())
            .bind(signed(snapshot.position))
            .bind(snapshot.state)
            .execute(&mut connection)
            .await
            .map_err(refusal)?;
            writer.put_back(connection);
            Ok(())
        });
        task.await.unwrap_or_else(|ended| Err(StoreError::Unavailable(ended.to_string())))
    }
}
