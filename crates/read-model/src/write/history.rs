//! Table of the projection `history`: every event as the log has it.

use crate::db::{
    Binds, BulkStatement, MAX_KEYS, ReadModel, ReadModelError, Row, Sql, Tables, WriteTx, loaded,
    padded, stored,
};
use uuid::Uuid;

/// The tables of this projection.
pub const TABLES: &[&str] = &["history"];

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct HistoryRow {
    pub position: u64,
    pub stream_type: String,
    pub stream_id: Uuid,
    pub partition_key: Option<Uuid>,
    pub version: u64,
    pub event_id: Uuid,
    pub event_type: String,
    pub schema_version: u16,
    pub occurred_at: i64,
    pub recorded_at: i64,
    pub actor: Option<String>,
    pub correlation_id: Option<String>,
    pub causation_id: Option<String>,
    pub traceparent: Option<String>,
    pub data: String,
}

const INSERT: BulkStatement = BulkStatement {
    id: "history",
    head: "INSERT INTO {table} (position, stream_type, stream_id, partition_key, version, event_id, event_type, \
           schema_version, occurred_at, recorded_at, actor, correlation_id, causation_id, traceparent, data)",
    table: "history",
    columns: 15,
    tail: "",
};

impl Row for HistoryRow {
    fn bind(self, binds: &mut Binds) {
        binds
            .int(stored(self.position))
            .text(self.stream_type)
            .uuid(self.stream_id)
            .maybe_uuid(self.partition_key)
            .int(stored(self.version))
            .uuid(self.event_id)
            .text(self.event_type)
            .int(self.schema_version.into())
            .int(self.occurred_at)
            .int(self.recorded_at)
            .maybe_text(self.actor)
            .maybe_text(self.correlation_id)
            .maybe_text(self.causation_id)
            .maybe_text(self.traceparent)
            .text(self.data);
    }
}

impl WriteTx {
    /// Adds events.
    ///
    /// # Errors
    /// When the storage refuses, or a position or (stream, version) already exists.
    pub async fn write_history(
        &mut self,
        tables: Tables,
        rows: Vec<HistoryRow>,
    ) -> Result<(), ReadModelError> {
        self.bulk(&INSERT, tables, rows).await
    }
}

impl ReadModel {
    /// The last version of each of these streams (type, id), in their order; `None` for a stream without events.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn history_versions(
        &self,
        tables: Tables,
        streams: &[(&str, Uuid)],
    ) -> Result<Vec<Option<u64>>, ReadModelError> {
        let mut versions = vec![None; streams.len()];
        let places: Vec<usize> = (0..streams.len()).collect();
        for asked in places.chunks(MAX_KEYS) {
            // One subquery for each key, as in `load_orders`.
            let mut sql = Sql::new("SELECT asked.column1, (SELECT MAX(h.version) FROM ");
            sql.push(tables.name("history"));
            sql.push(
                " h WHERE h.stream_id = asked.column3 AND h.stream_type = asked.column2) FROM ",
            );
            let mut between = "(VALUES (";
            for place in padded(asked) {
                let (stream_type, id) = streams[place];
                sql.push(between).push_bind(stored(place as u64)).push(", ");
                sql.push_bind(stream_type).push(", ").push_bind(id);
                between = "), (";
            }
            sql.push(")) AS asked");
            let rows: Vec<(i64, Option<i64>)> = self.rows(sql).await?;
            for (place, version) in rows {
                versions[loaded(place)? as usize] = version.map(loaded).transpose()?;
            }
        }
        Ok(versions)
    }
}
