//! Events that could not be projected, with the later events of their streams, kept whole until a retry.

use crate::db::{
    Binds, BulkStatement, MAX_KEYS, ReadModel, ReadModelError, Row, Sql, Tables, WriteTx, loaded,
    padded, stored,
};
use uuid::Uuid;

/// A parked event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedRow {
    /// The projection that could not fold it.
    pub projection: &'static str,
    /// The projection's generation.
    pub generation: u64,
    /// Its position in the log.
    pub position: u64,
    /// The name of its stream's aggregate, e.g. `order`.
    pub stream_type: String,
    /// The stream's id, unique together with the type.
    pub stream_id: Uuid,
    /// Its version in the stream.
    pub version: u64,
    /// The reason; never holds the event's values.
    pub reason: String,
    /// The whole event as JSON.
    pub event: String,
    /// When it was parked, in microseconds.
    pub parked_at: i64,
}

/// Why an event is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedReason {
    /// Its position in the log.
    pub position: u64,
    /// The name of its stream's aggregate, e.g. `order`.
    pub stream_type: String,
    /// The stream's id, unique together with the type.
    pub stream_id: Uuid,
    /// Its version in the stream.
    pub version: u64,
    /// The reason; never holds the event's values.
    pub reason: String,
}

const PARK: BulkStatement = BulkStatement {
    id: "parked_events",
    head: "INSERT INTO {table} (projection, generation, position, stream_type, stream_id, version, reason, event, parked_at)",
    table: "parked_events",
    columns: 9,
    tail: "ON CONFLICT (projection, generation, position) DO NOTHING",
};

impl Row for ParkedRow {
    fn bind(self, binds: &mut Binds) {
        binds
            .text(self.projection)
            .int(stored(self.generation))
            .int(stored(self.position))
            .text(self.stream_type)
            .uuid(self.stream_id)
            .int(stored(self.version))
            .text(self.reason)
            .text(self.event)
            .int(self.parked_at);
    }
}

impl ReadModel {
    /// The streams (type, id) that are parked in a generation of a projection.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn parked_streams(
        &self,
        projection: &str,
        generation: u64,
    ) -> Result<Vec<(String, Uuid)>, ReadModelError> {
        let sql = "SELECT DISTINCT stream_type, stream_id FROM parked_events \
             WHERE projection = $1 AND generation = $2";
        self.rows(Sql::new(sql).bind(projection).bind(stored(generation))).await
    }

    /// The first parked events of a generation, with their reasons.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn parked_reasons(
        &self,
        projection: &str,
        generation: u64,
        limit: u32,
    ) -> Result<Vec<ParkedReason>, ReadModelError> {
        let sql = Sql::new(
            "SELECT position, stream_type, stream_id, version, reason FROM parked_events \
             WHERE projection = $1 AND generation = $2 ORDER BY position LIMIT $3",
        );
        let sql = sql.bind(projection).bind(stored(generation)).bind(i64::from(limit));
        let rows: Vec<(i64, String, Uuid, i64, String)> = self.rows(sql).await?;
        let reason = |(position, stream_type, stream_id, version, reason)| {
            let (position, version) = (loaded(position)?, loaded(version)?);
            Ok(ParkedReason { position, stream_type, stream_id, version, reason })
        };
        rows.into_iter().map(reason).collect()
    }
}

impl WriteTx {
    /// Parks events.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn park(&mut self, rows: Vec<ParkedRow>) -> Result<(), ReadModelError> {
        self.bulk(&PARK, Tables::Live, rows).await
    }

    /// A page of parked events after a position, in order: position, stream (type, id), event.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn parked_events(
        &mut self,
        projection: &str,
        generation: u64,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, (String, Uuid), String)>, ReadModelError> {
        let sql = Sql::new(
            "SELECT position, stream_type, stream_id, event FROM parked_events \
             WHERE projection = $1 AND generation = $2 AND position > $3 ORDER BY position LIMIT $4",
        );
        let sql = sql.bind(projection).bind(stored(generation)).bind(stored(after));
        let rows: Vec<(i64, String, Uuid, String)> = self.rows(sql.bind(i64::from(limit))).await?;
        let parked =
            |(position, stream_type, id, event)| Ok((loaded(position)?, (stream_type, id), event));
        rows.into_iter().map(parked).collect()
    }

    /// Removes parked events and gives the projection a new generation number, so that every writer that knew them as
    /// parked reloads.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn unpark(
        &mut self,
        projection: &str,
        generation: u64,
        positions: &[u64],
    ) -> Result<(), ReadModelError> {
        for keys in positions.chunks(MAX_KEYS) {
            let mut sql = Sql::new("DELETE FROM parked_events WHERE projection = ");
            sql.push_bind(projection).push(" AND generation = ").push_bind(stored(generation));
            sql.push(" AND position IN ").push_list(padded(keys).map(stored));
            self.execute(sql).await?;
        }
        self.renumber(projection, generation, generation + 1).await
    }

    /// Gives a projection and its parked events another generation number.
    pub(crate) async fn renumber(
        &mut self,
        projection: &str,
        from: u64,
        to: u64,
    ) -> Result<(), ReadModelError> {
        let sql =
            Sql::new("UPDATE projections SET generation = $1 WHERE name = $2 AND generation = $3");
        let sql = sql.bind(stored(to)).bind(projection).bind(stored(from));
        if self.execute(sql).await? != 1 {
            return Err(ReadModelError::CheckpointMoved);
        }
        self.renumber_partitions(projection, from, to).await?;
        self.renumber_parked(projection, from, to).await
    }

    /// Moves parked events from one generation number to another.
    pub(crate) async fn renumber_parked(
        &mut self,
        projection: &str,
        from: u64,
        to: u64,
    ) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "UPDATE parked_events SET generation = $1 WHERE projection = $2 AND generation = $3",
        );
        self.execute(sql.bind(stored(to)).bind(projection).bind(stored(from))).await?;
        Ok(())
    }
}
