//! Generations of a projection's tables: shadows derived from the live tables' own definition, the swap, the way back.
//!
//! Live tables have plain names, all others `<table>__g<generation>`. Everything here is DDL inside the caller's write
//! transaction, so that it happens together with the catalog's rows or not at all. Names come from the program and
//! from the schema itself, never from outside.

use super::{SqliteTx, Tables, WriteTx, loaded, stored};
use crate::ReadModelError;
use sqlx::AssertSqlSafe;

/// A generation that takes the live one's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Successor {
    /// Its number, above the live one's.
    pub generation: u64,
    /// The version of the code that made it.
    pub version: u32,
    /// How far its rows have come.
    pub position: u64,
}

impl WriteTx {
    /// Creates the empty tables of a new generation beside the live ones, and removes all others but the live ones.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn create_shadow(
        &mut self,
        projection: &str,
        tables: &[&'static str],
        generation: u64,
    ) -> Result<(), ReadModelError> {
        for table in tables {
            for other in self.generations_of(table).await? {
                self.ddl(format!("DROP TABLE \"{table}__g{other}\"")).await?;
            }
            for sql in self.definitions(table, generation).await? {
                self.ddl(sql).await?;
            }
        }
        let Self::Sqlite(SqliteTx { transaction, .. }) = self;
        sqlx::query("DELETE FROM kept_generations WHERE name = $1")
            .bind(projection)
            .execute(&mut **transaction)
            .await?;
        sqlx::query(
            "DELETE FROM parked_events WHERE projection = $1 AND generation <> \
             (SELECT generation FROM projections WHERE name = $1)",
        )
        .bind(projection)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// Puts a filled generation in the live one's place and keeps the live one; ends the rebuild.
    ///
    /// # Errors
    /// [`ReadModelError::CheckpointMoved`] when the live generation or position is not the given one any more.
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
            let (old, new) = (live.generation, next.generation);
            self.ddl(format!("ALTER TABLE \"{table}\" RENAME TO \"{table}__g{old}\"")).await?;
            self.ddl(format!("ALTER TABLE \"{table}__g{new}\" RENAME TO \"{table}\"")).await?;
        }
        self.exchange(projection, next, live, now).await?;
        let Self::Sqlite(SqliteTx { transaction, .. }) = self;
        sqlx::query("DELETE FROM rebuilds WHERE name = $1")
            .bind(projection)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Puts the kept generation back in the live one's place and keeps the live one instead. `None`: nothing is kept.
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
        let Self::Sqlite(SqliteTx { transaction, .. }) = self;
        let kept: Option<(i64, i64, i64)> = sqlx::query_as(
            "SELECT generation, version, position FROM kept_generations WHERE name = $1",
        )
        .bind(projection)
        .fetch_optional(&mut **transaction)
        .await?;
        let Some((kept, version, position)) = kept else { return Ok(None) };
        let (kept, next) = (loaded(kept)?, live.generation + 1);
        for table in tables {
            let old = live.generation;
            self.ddl(format!("ALTER TABLE \"{table}\" RENAME TO \"{table}__g{old}\"")).await?;
            self.ddl(format!("ALTER TABLE \"{table}__g{kept}\" RENAME TO \"{table}\"")).await?;
        }
        let Self::Sqlite(SqliteTx { transaction, .. }) = self;
        sqlx::query(
            "UPDATE parked_events SET generation = $1 WHERE projection = $2 AND generation = $3",
        )
        .bind(stored(next))
        .bind(projection)
        .bind(stored(kept))
        .execute(&mut **transaction)
        .await?;
        let next = Successor {
            generation: next,
            version: u32::try_from(version).unwrap_or(u32::MAX),
            position: loaded(position)?,
        };
        self.exchange(projection, next, live, now).await?;
        Ok(Some(next))
    }

    /// Writes down which generation is live and which is kept.
    async fn exchange(
        &mut self,
        projection: &str,
        next: Successor,
        live: Successor,
        now: i64,
    ) -> Result<(), ReadModelError> {
        let Self::Sqlite(SqliteTx { transaction, .. }) = self;
        sqlx::query(
            "UPDATE projections SET version = $1, generation = $2, position = $3, updated_at = $4 WHERE name = $5",
        )
        .bind(i64::from(next.version))
        .bind(stored(next.generation))
        .bind(stored(next.position))
        .bind(now)
        .bind(projection)
        .execute(&mut **transaction)
        .await?;
        sqlx::query(
            "INSERT INTO kept_generations (name, version, generation, position, kept_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET version = excluded.version, \
             generation = excluded.generation, position = excluded.position, kept_at = excluded.kept_at",
        )
        .bind(projection)
        .bind(i64::from(live.version))
        .bind(stored(live.generation))
        .bind(stored(live.position))
        .bind(now)
        .execute(&mut **transaction)
        .await?;
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

    /// The numbers of all generations of a table that are not live.
    async fn generations_of(&mut self, table: &str) -> Result<Vec<u64>, ReadModelError> {
        let Self::Sqlite(SqliteTx { transaction, .. }) = self;
        let prefix = format!("{table}__g");
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, length($1)) = $1",
        )
        .bind(&prefix)
        .fetch_all(&mut **transaction)
        .await?;
        Ok(names.iter().filter_map(|name| name[prefix.len()..].parse().ok()).collect())
    }

    /// What creates `table` and its indexes under the names of another generation.
    async fn definitions(
        &mut self,
        table: &str,
        generation: u64,
    ) -> Result<Vec<String>, ReadModelError> {
        let Self::Sqlite(SqliteTx { transaction, .. }) = self;
        let found: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT type, name, sql FROM sqlite_schema \
             WHERE tbl_name = $1 AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC",
        )
        .bind(table)
        .fetch_all(&mut **transaction)
        .await?;
        let name = Tables::Shadow(generation).name(table);
        let definitions = found.iter().map(|(kind, index, sql)| {
            let columns = sql.find('(').map(|at| &sql[at..]);
            let columns = columns.ok_or_else(|| {
                ReadModelError::Corrupt(format!("{table} has an unknown definition"))
            })?;
            Ok(match kind.as_str() {
                "table" => format!("CREATE TABLE \"{name}\" {columns}"),
                _ => {
                    let unique = if sql.starts_with("CREATE UNIQUE") { "UNIQUE " } else { "" };
                    let plain = index.split("__g").next().unwrap_or(index);
                    format!(
                        "CREATE {unique}INDEX \"{plain}__g{generation}\" ON \"{name}\" {columns}"
                    )
                }
            })
        });
        definitions.collect()
    }

    async fn ddl(&mut self, sql: String) -> Result<(), ReadModelError> {
        let Self::Sqlite(SqliteTx { transaction, .. }) = self;
        sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(&mut **transaction).await?;
        Ok(())
    }
}
