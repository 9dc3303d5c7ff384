//! Running rebuilds: who fills which generation, and how far. The same compare-and-set as for live checkpoints, also on
//! the owner: an owner that was presumed dead cannot write any more.

use super::catalog::{Checkpoint, push_checkpoints};
use crate::db::{ReadModel, ReadModelError, Sql, WriteTx, from_row, loaded, stored};

/// A running rebuild.
#[derive(Debug, Clone, PartialEq)]
pub struct RebuildEntry {
    /// The projection.
    pub name: String,
    /// The version of the code that fills it.
    pub version: u32,
    /// The generation being filled.
    pub generation: u64,
    /// Every event up to here is in the shadow rows.
    pub position: u64,
    /// The process that fills it; opaque.
    pub owner: Vec<u8>,
    /// The owner's last sign of life, in microseconds.
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

/// One step of a rebuild.
#[derive(Debug, Clone, Copy)]
pub struct RebuildStep<'a> {
    /// The owner that takes the step.
    pub owner: &'a [u8],
    /// The position of the shadow rows before it.
    pub from: u64,
    /// Their position after this transaction.
    pub to: u64,
    /// The log's head.
    pub target: u64,
    /// The present speed.
    pub events_per_second: f64,
    /// The present time, in microseconds.
    pub now: i64,
}

impl ReadModel {
    /// Every running rebuild.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn rebuilds(&self) -> Result<Vec<RebuildEntry>, ReadModelError> {
        let rows: Vec<RebuildRow> = self.rows(Sql::new(SELECT)).await?;
        rows.into_iter().map(entry).collect()
    }
}

impl WriteTx {
    /// Every running rebuild, as this transaction sees it.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn rebuilds(&mut self) -> Result<Vec<RebuildEntry>, ReadModelError> {
        let rows: Vec<RebuildRow> = self.rows(Sql::new(SELECT)).await?;
        rows.into_iter().map(entry).collect()
    }

    /// Blocks the owner that fills this projection until this transaction ends, after its present transaction has
    /// ended. On PostgreSQL, transactions that fill take no turns with other writers.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn lock_rebuild(&mut self, projection: &str) -> Result<(), ReadModelError> {
        let sql = Sql::new("UPDATE rebuilds SET target = target WHERE name = $1");
        self.execute(sql.bind(projection)).await?;
        Ok(())
    }

    /// Adds a rebuild, or gives it to another owner.
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
    /// [`ReadModelError::CheckpointMoved`] when one of them is missing, or belongs to another owner now.
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

    /// Releases a rebuild, so that any process may resume it at once.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn release_rebuild(&mut self, owner: &[u8]) -> Result<(), ReadModelError> {
        let sql = Sql::new("UPDATE rebuilds SET heartbeat_at = 0 WHERE owner = $1");
        self.execute(sql.bind(owner)).await?;
        Ok(())
    }
}
