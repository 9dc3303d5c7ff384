//! Rebuilds under way: who fills which generation, how far it has come. The same compare-and-set as live checkpoints,
//! on the owner as well, so that one who was taken for dead cannot write any more.

use super::catalog::{Checkpoint, push_checkpoints};
use crate::db::{ReadModel, ReadModelError, Sql, WriteTx, from_row, loaded, stored};

/// A rebuild under way.
#[derive(Debug, Clone, PartialEq)]
pub struct RebuildEntry {
    /// The projection.
    pub name: String,
    /// The version of the code that fills it.
    pub version: u32,
    /// The generation being filled.
    pub generation: u64,
    /// How far it has come.
    pub position: u64,
    /// Who fills it; opaque.
    pub owner: Vec<u8>,
    /// When that one was last heard of, in microseconds.
    pub heartbeat_at: i64,
}

from_row! {
    struct RebuildRow {
        name: String,
        version: i64,
        generation: i64,
        position: i64,
        owner: Vec<u8>,
        heartbeat_at: i64,
    }
}

const SELECT: &str =
    "SELECT name, version, generation, position, owner, heartbeat_at FROM rebuilds ORDER BY name";

fn entry(row: RebuildRow) -> Result<RebuildEntry, ReadModelError> {
    Ok(RebuildEntry {
        version: u32::try_from(row.version).unwrap_or(u32::MAX),
        generation: loaded(row.generation)?,
        position: loaded(row.position)?,
        name: row.name,
        owner: row.owner,
        heartbeat_at: row.heartbeat_at,
    })
}

/// How a rebuild moves on.
#[derive(Debug, Clone, Copy)]
pub struct RebuildStep<'a> {
    /// Who says so.
    pub owner: &'a [u8],
    /// Where the shadow rows are.
    pub from: u64,
    /// Where they are after this transaction.
    pub to: u64,
    /// The log's head.
    pub target: u64,
    /// How fast it goes.
    pub events_per_second: f64,
    /// In microseconds.
    pub now: i64,
}

impl ReadModel {
    /// Every rebuild under way.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn rebuilds(&self) -> Result<Vec<RebuildEntry>, ReadModelError> {
        let rows: Vec<RebuildRow> = self.rows(Sql::new(SELECT)).await?;
        rows.into_iter().map(entry).collect()
    }
}

impl WriteTx {
    /// Every rebuild under way, as this transaction sees it.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn rebuilds(&mut self) -> Result<Vec<RebuildEntry>, ReadModelError> {
        let rows: Vec<RebuildRow> = self.rows(Sql::new(SELECT)).await?;
        rows.into_iter().map(entry).collect()
    }

    /// Keeps whoever fills this projection out until this transaction ends, once what is under way has ended: on
    /// PostgreSQL those who fill take no turns with other writers.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn lock_rebuild(&mut self, projection: &str) -> Result<(), ReadModelError> {
        let sql = Sql::new("UPDATE rebuilds SET target = target WHERE name = $1");
        self.execute(sql.bind(projection)).await?;
        Ok(())
    }

    /// Enters a rebuild, or gives it to another owner.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn claim_rebuild(
        &mut self,
        claim: &RebuildEntry,
        target: u64,
    ) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "INSERT INTO rebuilds (name, version, generation, position, target, events_per_second, owner, \
             heartbeat_at, started_at) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $7) \
             ON CONFLICT (name) DO UPDATE SET version = excluded.version, generation = excluded.generation, \
             position = excluded.position, target = excluded.target, events_per_second = 0, \
             owner = excluded.owner, heartbeat_at = excluded.heartbeat_at",
        );
        let sql = sql
            .bind(&claim.name)
            .bind(i64::from(claim.version))
            .bind(stored(claim.generation))
            .bind(stored(claim.position))
            .bind(stored(target))
            .bind(claim.owner.as_slice())
            .bind(claim.heartbeat_at);
        self.execute(sql).await?;
        Ok(())
    }

    /// Moves rebuilds from one position to another, all or none.
    ///
    /// # Errors
    /// [`ReadModelError::CheckpointMoved`] when one of them is not there, or belongs to somebody else by now.
    pub async fn advance_rebuild(
        &mut self,
        projections: &[Checkpoint],
        step: RebuildStep<'_>,
    ) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "UPDATE rebuilds SET position = $1, target = $2, events_per_second = $3, heartbeat_at = $4 \
             WHERE position = $5 AND owner = $6 AND ",
        );
        let mut sql = sql
            .bind(stored(step.to))
            .bind(stored(step.target))
            .bind(step.events_per_second)
            .bind(step.now)
            .bind(stored(step.from))
            .bind(step.owner);
        push_checkpoints(&mut sql, "name", projections);
        self.moved(sql, projections.len()).await
    }

    /// Lets go of a rebuild, so that anybody may resume it at once.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn release_rebuild(&mut self, owner: &[u8]) -> Result<(), ReadModelError> {
        let sql = Sql::new("UPDATE rebuilds SET heartbeat_at = 0 WHERE owner = $1");
        self.execute(sql.bind(owner)).await?;
        Ok(())
    }
}
