//! The status of the projections themselves.

use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded};

/// A projection's status, for operators.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct ProjectionStatus {
    pub name: String,
    pub stopped: bool,
    pub position: u64,
    pub updated_at: i64,
    /// The log's head as the projector last saw it.
    pub head: u64,
    /// When the first event that is not applied was stored, if the read model knows it.
    pub waiting_since: Option<i64>,
    pub parked_streams: u64,
    pub rebuild: Option<RebuildStatus>,
}

/// A rebuild under way.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct RebuildStatus {
    pub position: u64,
    pub target: u64,
    pub events_per_second: f64,
}

from_row! {
    struct StatusRow {
        name: String,
        state: String,
        position: i64,
        updated_at: i64,
        head: i64,
        waiting_since: Option<i64>,
        parked_streams: i64,
        rebuild_position: Option<i64>,
        rebuild_target: Option<i64>,
        rebuild_speed: Option<f64>,
    }
}

const ALL: &str = "SELECT p.name, p.state, p.position, p.updated_at, \
     COALESCE((SELECT s.position FROM source_head s WHERE s.id = 1), 0) AS head, \
     (SELECT h.recorded_at FROM history h WHERE h.position = p.position + 1) AS waiting_since, \
     (SELECT COUNT(*) FROM (SELECT DISTINCT e.stream_type, e.stream_id FROM parked_events e \
     WHERE e.projection = p.name AND e.generation = p.generation) AS parked) AS parked_streams, \
     r.position AS rebuild_position, r.target AS rebuild_target, r.events_per_second AS rebuild_speed \
     FROM projections p LEFT JOIN rebuilds r ON r.name = p.name ORDER BY p.name";

fn status(row: StatusRow) -> Result<ProjectionStatus, ReadModelError> {
    let rebuild = match (row.rebuild_position, row.rebuild_target) {
        (Some(position), Some(target)) => Some(RebuildStatus {
            position: loaded(position)?,
            target: loaded(target)?,
            events_per_second: row.rebuild_speed.unwrap_or(0.0),
        }),
        _ => None,
    };
    Ok(ProjectionStatus {
        name: row.name,
        stopped: row.state != "live",
        position: loaded(row.position)?,
        updated_at: row.updated_at,
        head: loaded(row.head)?,
        waiting_since: row.waiting_since,
        parked_streams: loaded(row.parked_streams)?,
        rebuild,
    })
}

impl ReadModel {
    /// Every projection, by name.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn projection_statuses(&self) -> Result<Vec<ProjectionStatus>, ReadModelError> {
        let rows: Vec<StatusRow> = self.rows(Sql::new(ALL)).await?;
        rows.into_iter().map(status).collect()
    }
}
