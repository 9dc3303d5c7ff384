//! Checkpoints of projections that are fed from a topic: one for each partition, moved by compare-and-set in the
//! transaction that writes the rows.
//!
//! The position of such a projection in the catalog is the least of its partitions'. So waiting for a position means
//! waiting for all of them, whichever process reads them. Checkpoints belong to a generation, as parked events do. A
//! swap carries them over, raised to the position of the new rows. Those of the kept generation wait for a rollback; if
//! the topic turns out to be another one, they go back to the first record.

use super::catalog::{Checkpoint, push_checkpoints};
use crate::db::{ReadModel, ReadModelError, Sql, WriteTx, from_row, loaded, stored};

/// How far a projection has read one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The next record to read.
    pub next_offset: i64,
    /// Every event of the partition up to here is in the rows.
    pub position: u64,
}

/// A partition checkpoint's expected value and its new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The partition.
    pub number: i32,
    /// The expected value.
    pub from: Mark,
    /// The new value.
    pub to: Mark,
}

/// The checkpoint of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionEntry {
    /// The projection that the topic feeds.
    pub projection: String,
    /// The generation whose rows the checkpoint accounts for.
    pub generation: u64,
    /// The partition.
    pub number: i32,
    /// The name of the topic that feeds it.
    pub topic: String,
    /// How far it has been read.
    pub mark: Mark,
}

from_row! {
    struct PartitionRow {
        projection: String,
        generation: i64,
        number: i64,
        topic: String,
        next_offset: i64,
        position: i64,
    }
}

/// The checkpoints of the live generations.
const SELECT: &str = "SELECT p.projection, p.generation, p.number, p.topic, p.next_offset, p.position \
    FROM partitions p JOIN projections c ON c.name = p.projection AND c.generation = p.generation \
    ORDER BY p.projection, p.number";

fn entry(row: PartitionRow) -> Result<PartitionEntry, ReadModelError> {
    let number = i32::try_from(row.number)
        .map_err(|_| ReadModelError::Corrupt("a partition's number is out of range".into()))?;
    let mark = Mark { next_offset: row.next_offset, position: loaded(row.position)? };
    Ok(PartitionEntry {
        projection: row.projection,
        generation: loaded(row.generation)?,
        number,
        topic: row.topic,
        mark,
    })
}

impl ReadModel {
    /// The partition checkpoints of every projection that is fed from a topic.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn partitions(&self) -> Result<Vec<PartitionEntry>, ReadModelError> {
        let rows: Vec<PartitionRow> = self.rows(Sql::new(SELECT)).await?;
        rows.into_iter().map(entry).collect()
    }
}

impl WriteTx {
    /// The same, as this transaction sees them.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn partitions(&mut self) -> Result<Vec<PartitionEntry>, ReadModelError> {
        let rows: Vec<PartitionRow> = self.rows(Sql::new(SELECT)).await?;
        rows.into_iter().map(entry).collect()
    }

    /// Blocks all other writers of these live projections until this transaction ends.
    ///
    /// # Errors
    /// [`ReadModelError::CheckpointMoved`] when one of them is stopped or of another generation.
    pub async fn lock_projections(
        &mut self,
        projections: &[Checkpoint],
        now: i64,
    ) -> Result<(), ReadModelError> {
        let sql = "UPDATE projections SET updated_at = $1 WHERE state = 'live' AND ";
        let mut sql = Sql::new(sql).bind(now);
        push_checkpoints(&mut sql, "name", projections);
        self.moved(sql, projections.len()).await
    }

    /// Adds a partition, or sets the place from which it is read.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn enter_partition(&mut self, entry: &PartitionEntry) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "INSERT INTO partitions (projection, generation, number, topic, next_offset, position) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (projection, generation, number) DO UPDATE SET \
             topic = excluded.topic, next_offset = excluded.next_offset, position = excluded.position",
        );
        let sql = sql
            .bind(&entry.projection)
            .bind(stored(entry.generation))
            .bind(i64::from(entry.number))
            .bind(&entry.topic)
            .bind(entry.mark.next_offset)
            .bind(stored(entry.mark.position));
        self.execute(sql).await?;
        Ok(())
    }

    /// Deletes a generation's partitions: it is fed from the log again, or from a topic with another number of
    /// partitions.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn leave_partitions(&mut self, projection: Checkpoint) -> Result<(), ReadModelError> {
        let sql = Sql::new("DELETE FROM partitions WHERE projection = $1 AND generation = $2");
        self.execute(sql.bind(projection.name).bind(stored(projection.generation))).await?;
        Ok(())
    }

    /// Moves partitions of some projections, each projection by the same steps; all or none.
    ///
    /// # Errors
    /// [`ReadModelError::CheckpointMoved`] when one is not at its expected value.
    pub async fn move_partitions(
        &mut self,
        projections: &[Checkpoint],
        steps: &[Step],
    ) -> Result<(), ReadModelError> {
        let mut sql = Sql::new(
            "UPDATE partitions SET next_offset = step.to_offset, position = step.to_position FROM \
             (SELECT column1 AS number, column2 AS from_offset, column3 AS from_position, \
             column4 AS to_offset, column5 AS to_position FROM (VALUES ",
        );
        let mut between = "(";
        for Step { number, from, to } in steps {
            sql.push(between).push_bind(i64::from(*number));
            for mark in [from, to] {
                sql.push(", ").push_bind(mark.next_offset);
                sql.push(", ").push_bind(stored(mark.position));
            }
            between = "), (";
        }
        sql.push(
            ")) AS given) AS step WHERE partitions.number = step.number \
             AND partitions.next_offset = step.from_offset \
             AND partitions.position = step.from_position AND ",
        );
        push_checkpoints(&mut sql, "projection", projections);
        self.moved(sql, projections.len() * steps.len()).await
    }

    /// Raises the catalog's positions of these projections to the least of their partitions'. A separate statement
    /// locks them first, so that the least includes what others have committed by then.
    ///
    /// # Errors
    /// [`ReadModelError::CheckpointMoved`] when one of them is now stopped or of another generation.
    pub async fn settle_partitions(
        &mut self,
        projections: &[Checkpoint],
        now: i64,
    ) -> Result<(), ReadModelError> {
        self.lock_projections(projections, now).await?;
        let least = "(SELECT MIN(p.position) FROM partitions p \
            WHERE p.projection = projections.name AND p.generation = projections.generation)";
        let mut sql = Sql::new(format!(
            "UPDATE projections SET position = {least} WHERE position < {least} AND "
        ));
        push_checkpoints(&mut sql, "name", projections);
        self.execute(sql).await?;
        Ok(())
    }

    /// The position of a projection's furthest partition; locks all of them. `None`: no topic feeds it.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn lock_partitions(
        &mut self,
        projection: Checkpoint,
    ) -> Result<Option<u64>, ReadModelError> {
        let sql = Sql::new(
            "UPDATE partitions SET position = position WHERE projection = $1 AND generation = $2 \
             RETURNING position",
        );
        let positions: Vec<(i64,)> =
            self.rows(sql.bind(projection.name).bind(stored(projection.generation))).await?;
        positions.into_iter().map(|(position,)| position).max().map(loaded).transpose()
    }

    /// Carries partitions over to a generation that replaces another, with rows up to `position`.
    pub(crate) async fn carry_partitions(
        &mut self,
        projection: &str,
        from: u64,
        to: u64,
        position: u64,
    ) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "INSERT INTO partitions (projection, generation, number, topic, next_offset, position) \
             SELECT projection, $1, number, topic, next_offset, \
             CASE WHEN position < $2 THEN $2 ELSE position END \
             FROM partitions WHERE projection = $3 AND generation = $4",
        );
        let sql = sql.bind(stored(to)).bind(stored(position)).bind(projection).bind(stored(from));
        self.execute(sql).await?;
        Ok(())
    }

    /// Moves partitions from one generation number to another.
    pub(crate) async fn renumber_partitions(
        &mut self,
        projection: &str,
        from: u64,
        to: u64,
    ) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "UPDATE partitions SET generation = $1 WHERE projection = $2 AND generation = $3",
        );
        self.execute(sql.bind(stored(to)).bind(projection).bind(stored(from))).await?;
        Ok(())
    }

    /// Sets stopped projections and kept generations to the first record of these partitions, in case they return: the
    /// records at their offsets are gone.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn reread_others(&mut self, partitions: &[i32]) -> Result<(), ReadModelError> {
        for number in partitions {
            let sql = Sql::new(
                "UPDATE partitions SET next_offset = 0 WHERE number = $1 AND NOT EXISTS \
                 (SELECT 1 FROM projections c WHERE c.name = partitions.projection \
                 AND c.generation = partitions.generation AND c.state = 'live')",
            );
            self.execute(sql.bind(i64::from(*number))).await?;
        }
        Ok(())
    }

    /// Deletes all partitions but those of the live generation.
    pub(crate) async fn forget_kept_partitions(
        &mut self,
        projection: &str,
    ) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "DELETE FROM partitions WHERE projection = $1 AND generation <> \
             (SELECT generation FROM projections WHERE name = $1)",
        );
        self.execute(sql.bind(projection)).await?;
        Ok(())
    }
}
