//! Table of the projection `history`: every event as it stands in the log.

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
    pub stream_type: &'static str,
    pub stream_id: Uuid,
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
    head: "INSERT INTO {table} (position, stream_type, stream_id, version, event_id, event_type, schema_version, \
           occurred_at, recorded_at, actor, correlation_id, causation_id, traceparent, data)",
    table: "history",
    columns: 14,
    tail: "",
};

impl Row for HistoryRow {
    fn bind(self, binds: &mut Binds) {
        binds
            .int(stored(self.position))
            .text(self.stream_type)
            .uuid(self.stream_id)
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
    /// When the storage refuses, or a position or (stream, version) is already there.
    pub async fn write_history(
        &mut self,
        tables: Tables,
        rows: Vec<HistoryRow>,
    ) -> Result<(), ReadModelError> {
        self.bulk(&INSERT, tables, rows).await
    }
}

impl ReadModel {
    /// The last version of each of these streams; streams without events are left out.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn history_versions(
        &self,
        tables: Tables,
        streams: &[Uuid],
    ) -> Result<Vec<(Uuid, u64)>, ReadModelError> {
        let mut found = Vec::with_capacity(streams.len());
        for keys in streams.chunks(MAX_KEYS) {
            // Key by key, as orders are loaded.
            let mut sql = Sql::new("SELECT asked.id, (SELECT MAX(h.version) FROM ");
            sql.push(tables.name("history")).push(" h WHERE h.stream_id = asked.id) FROM ");
            sql.push_table(padded(keys));
            let rows: Vec<(Uuid, Option<i64>)> = self.rows(sql).await?;
            for (stream, version) in rows {
                if let Some(version) = version {
                    found.push((stream, loaded(version)?));
                }
            }
        }
        Ok(found)
    }
}
