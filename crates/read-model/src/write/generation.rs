//! Generations of a projection's tables: shadow tables made from the live tables' definition, the swap, the rollback.
//!
//! Live tables have plain names, all others `<table>__g<generation>`. Everything here is DDL inside the caller's write
//! transaction, so it takes effect together with the catalog's rows or not at all. Names come from the program and from
//! the schema itself, never from outside.

use crate::db::{ReadModelError, Sql, WriteTx, loaded, stored};

/// A generation that replaces the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Successor {
    /// Its number, higher than that of the live one.
    pub generation: u64,
    /// The version of the code that made it.
    pub version: u32,
    /// The position of its rows.
    pub position: u64,
}

impl WriteTx {
    /// Creates the empty tables of a new generation, and removes all others but the live ones.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn create_shadow(
        &mut self,
        projection: &str,
        tables: &[&'static str],
        generation: u64,
    ) -> Result<(), ReadModelError> {
        self.forget_kept_partitions(projection).await?;
        for table in tables {
            for other in self.generations_of(table).await? {
                self.ddl(format!("DROP TABLE \"{table}__g{other}\"")).await?;
            }
            self.copy_definition(table, generation).await?;
        }
        let kept = Sql::new("DELETE FROM kept_generations WHERE name = $1");
        self.execute(kept.bind(projection)).await?;
        let parked = Sql::new(
            "DELETE FROM parked_events WHERE projection = $1 AND generation <> \
             (SELECT generation FROM projections WHERE name = $1)",
        );
        self.execute(parked.bind(projection)).await?;
        Ok(())
    }

    /// Deletes every row of a projection, live or not, and the record of their source. Its present writers are refused
    /// from now on.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn begin_anew(
        &mut self,
        projection: &str,
        tables: &[&'static str],
        now: i64,
    ) -> Result<(), ReadModelError> {
        self.lock_rebuild(projection).await?;
        for table in tables {
            for other in self.generations_of(table).await? {
                self.ddl(format!("DROP TABLE \"{table}__g{other}\"")).await?;
            }
            self.ddl(format!("DELETE FROM \"{table}\"")).await?;
        }
        let sql = Sql::new(
            "UPDATE projections SET position = 0, generation = generation + 1, updated_at = $1 WHERE name = $2",
        );
        self.execute(sql.bind(now).bind(projection)).await?;
        for sql in [
            "DELETE FROM kept_generations WHERE name = $1",
            "DELETE FROM rebuilds WHERE name = $1",
            "DELETE FROM parked_events WHERE projection = $1",
            "DELETE FROM partitions WHERE projection = $1",
        ] {
            self.execute(Sql::new(sql).bind(projection)).await?;
        }
        self.execute(Sql::new("DELETE FROM source_head")).await?;
        Ok(())
    }

    /// Swaps a filled generation in and keeps the old live one; ends the rebuild.
    ///
    /// # Errors
    /// [`ReadModelError::CheckpointMoved`] when the live generation or position is no longer the given one.
    pub async fn swap(
        &mut self,
        projection: &str,
        tables: &[&'static str],
        next: Successor,
        now: i64,
    ) -> Result<(), ReadModelError> {
        let live = self.live(projection).await?;
        if live.position > next.position || live.generation >= next.generation {
            return Err(ReadModelError::CheckpointMoved);
        }
        for table in tables {
            self.take_stock(table, next.generation).await?;
        }
        for table in tables {
            self.exchange_table(table, live.generation, next.generation).await?;
        }
        self.carry_partitions(projection, live.generation, next.generation, next.position).await?;
        self.exchange(projection, next, live, now).await?;
        self.execute(Sql::new("DELETE FROM rebuilds WHERE name = $1").bind(projection)).await?;
        Ok(())
    }

    /// Makes the kept generation live again and keeps the live one instead. `None`: there is no kept generation.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn roll_back(
        &mut self,
        projection: &str,
        tables: &[&'static str],
        now: i64,
    ) -> Result<Option<Successor>, ReadModelError> {
        let live = self.live(projection).await?;
        let sql =
            Sql::new("SELECT generation, version, position FROM kept_generations WHERE name = $1");
        let kept: Vec<(i64, i64, i64)> = self.rows(sql.bind(projection)).await?;
        let Some((kept, version, position)) = kept.first().copied() else { return Ok(None) };
        let (kept, next) = (loaded(kept)?, live.generation + 1);
        for table in tables {
            self.exchange_table(table, live.generation, kept).await?;
        }
        self.renumber_partitions(projection, kept, next).await?;
        self.renumber_parked(projection, kept, next).await?;
        let next = Successor {
            generation: next,
            version: u32::try_from(version).unwrap_or(u32::MAX),
            position: loaded(position)?,
        };
        self.exchange(projection, next, live, now).await?;
        Ok(Some(next))
    }

    /// Records which generation is live and which is kept.
    async fn exchange(
        &mut self,
        projection: &str,
        next: Successor,
        live: Successor,
        now: i64,
    ) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "UPDATE projections SET version = $1, generation = $2, position = $3, updated_at = $4 WHERE name = $5",
        );
        let sql = sql
            .bind(i64::from(next.version))
            .bind(stored(next.generation))
            .bind(stored(next.position))
            .bind(now)
            .bind(projection);
        self.execute(sql).await?;
        let sql = Sql::new(
            "INSERT INTO kept_generations (name, version, generation, position, kept_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET version = excluded.version, \
             generation = excluded.generation, position = excluded.position, kept_at = excluded.kept_at",
        );
        let sql = sql
            .bind(projection)
            .bind(i64::from(live.version))
            .bind(stored(live.generation))
            .bind(stored(live.position))
            .bind(now);
        self.execute(sql).await?;
        Ok(())
    }

    async fn live(&mut self, projection: &str) -> Result<Successor, ReadModelError> {
        let entries = self.catalog().await?;
        let live = entries.into_iter().find(|entry| entry.name == projection);
        let live = live.ok_or_else(|| {
            ReadModelError::Corrupt(format!("the projection {projection} is not in the catalog"))
        })?;
        Ok(Successor {
            generation: live.generation,
            version: live.version,
            position: live.position,
        })
    }

    /// Renames one table's live rows to generation `old`, and those of `new` to the live name.
    async fn exchange_table(
        &mut self,
        table: &str,
        old: u64,
        new: u64,
    ) -> Result<(), ReadModelError> {
        self.ddl(format!("ALTER TABLE \"{table}\" RENAME TO \"{table}__g{old}\"")).await?;
        self.ddl(format!("ALTER TABLE \"{table}__g{new}\" RENAME TO \"{table}\"")).await
    }
}
