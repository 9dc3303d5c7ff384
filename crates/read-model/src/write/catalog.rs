//! The catalog: all projections, their positions, and the compare-and-set that moves these.

use crate::db::{ReadModel, ReadModelError, Sql, WriteTx, from_row, loaded, stored};

/// A projection's row in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// The name that views and operators use, e.g. `orders`.
    pub name: String,
    /// The version of the code that made its rows.
    pub version: u32,
    /// Rises whenever its rows are swapped.
    pub generation: u64,
    /// Whether an operator stopped it.
    pub stopped: bool,
    /// Every event up to here is in the rows.
    pub position: u64,
}

/// The projection and generation that a writer expects to be live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The projection.
    pub name: &'static str,
    /// The generation that the writer has loaded.
    pub generation: u64,
}

/// The log's head, as the projector last saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceHead {
    /// The position of the log's last event.
    pub position: u64,
    /// When the event at that position was stored, in microseconds.
    pub recorded_at: i64,
    /// When the projector saw it, in microseconds.
    pub seen_at: i64,
    /// Its hash in the log's chain, if known: it identifies the log.
    pub hash: Option<[u8; 32]>,
}

/// What the views know of the log that they were made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLog {
    /// The log has at least this number of events.
    pub length: u64,
    /// The position of one of its events, and that event's hash.
    pub witness: Option<(u64, Vec<u8>)>,
}

from_row! {
    struct SeenRow {
        position: Option<i64>,
        witness_position: Option<i64>,
        witness_hash: Option<Vec<u8>>,
        applied: i64,
    }
}

from_row! {
    struct EntryRow {
        name: String,
        version: i64,
        generation: i64,
        state: String,
        position: i64,
    }
}

const SELECT: &str =
    "SELECT name, version, generation, state, position FROM projections ORDER BY name";

fn entry(row: EntryRow) -> Result<CatalogEntry, ReadModelError> {
    Ok(CatalogEntry {
        version: u32::try_from(row.version).unwrap_or(u32::MAX),
        generation: loaded(row.generation)?,
        stopped: row.state != "live",
        position: loaded(row.position)?,
        name: row.name,
    })
}

impl ReadModel {
    /// Every projection in the catalog.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn catalog(&self) -> Result<Vec<CatalogEntry>, ReadModelError> {
        let rows: Vec<EntryRow> = self.rows(Sql::new(SELECT)).await?;
        rows.into_iter().map(entry).collect()
    }

    /// Adds a projection at position 0, unless it is listed.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn register(&self, name: &str, version: u32, now: i64) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "INSERT INTO projections (name, version, generation, state, position, updated_at) \
             VALUES ($1, $2, 1, 'live', 0, $3) ON CONFLICT DO NOTHING",
        );
        self.execute(sql.bind(name).bind(i64::from(version)).bind(now)).await?;
        Ok(())
    }

    /// What the views know of the log that they were made from; `None` if nothing was read yet.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn seen_log(&self) -> Result<Option<SeenLog>, ReadModelError> {
        let sql = "SELECT s.position, s.witness_position, s.witness_hash, \
             COALESCE((SELECT MAX(p.position) FROM projections p), 0) AS applied \
             FROM (SELECT 1 AS one) AS one LEFT JOIN source_head s ON s.id = 1";
        let row: Option<SeenRow> = self.first(Sql::new(sql)).await?;
        let Some(row) = row else { return Ok(None) };
        let length = loaded(row.position.unwrap_or(0).max(row.applied))?;
        let witness = match (row.witness_position, row.witness_hash) {
            (Some(position), Some(hash)) => Some((loaded(position)?, hash)),
            _ => None,
        };
        Ok((length > 0).then_some(SeenLog { length, witness }))
    }

    /// Stops a projection, or makes it live again. `false`: there is none of that name.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn set_state(&self, name: &str, state: State) -> Result<bool, ReadModelError> {
        let sql = Sql::new("UPDATE projections SET state = $1 WHERE name = $2");
        Ok(self.execute(sql.bind(state.as_str()).bind(name)).await? == 1)
    }
}

/// Whether a projection follows the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It follows the log.
    Live,
    /// It stays where it is until it is made live again.
    Stopped,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stopped => "stopped",
        }
    }
}

/// `(name, generation) IN (…)`, with the name in column `name`.
pub(crate) fn push_checkpoints(sql: &mut Sql, name: &str, projections: &[Checkpoint]) {
    let mut between = ") IN (VALUES (";
    if !projections.is_empty() {
        sql.push(format_args!("({name}, generation"));
    }
    for projection in projections {
        sql.push(between).push_bind(projection.name);
        sql.push(", ").push_bind(stored(projection.generation));
        between = "), (";
    }
    sql.push(if projections.is_empty() { "FALSE" } else { "))" });
}

impl WriteTx {
    /// Moves live projections from one position to another, all or none.
    ///
    /// # Errors
    /// [`ReadModelError::CheckpointMoved`] when one of them is not at the expected position, or is now fed from a
    /// topic.
    pub async fn advance(
        &mut self,
        projections: &[Checkpoint],
        from: u64,
        to: u64,
        now: i64,
    ) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "UPDATE projections SET position = $1, updated_at = $2 \
             WHERE position = $3 AND state = 'live' AND NOT EXISTS (SELECT 1 FROM partitions p \
             WHERE p.projection = projections.name AND p.generation = projections.generation) AND ",
        );
        let mut sql = sql.bind(stored(to)).bind(now).bind(stored(from));
        push_checkpoints(&mut sql, "name", projections);
        self.moved(sql, projections.len()).await
    }

    /// Executes an update that must change exactly `rows` rows; otherwise the checkpoint has moved.
    pub(crate) async fn moved(&mut self, sql: Sql, rows: usize) -> Result<(), ReadModelError> {
        if self.execute(sql).await? == rows as u64 {
            Ok(())
        } else {
            Err(ReadModelError::CheckpointMoved)
        }
    }

    /// Every projection in the catalog, as this transaction sees it.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn catalog(&mut self) -> Result<Vec<CatalogEntry>, ReadModelError> {
        let rows: Vec<EntryRow> = self.rows(Sql::new(SELECT)).await?;
        rows.into_iter().map(entry).collect()
    }

    /// Records the log's head; it never goes back.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn set_source_head(&mut self, head: SourceHead) -> Result<(), ReadModelError> {
        let sql = Sql::new(
            "INSERT INTO source_head AS kept (id, position, recorded_at, seen_at) VALUES (1, $1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET position = excluded.position, \
             recorded_at = excluded.recorded_at, seen_at = excluded.seen_at \
             WHERE excluded.position >= kept.position",
        );
        self.execute(sql.bind(stored(head.position)).bind(head.recorded_at).bind(head.seen_at))
            .await?;
        let Some(hash) = &head.hash else { return Ok(()) };
        let sql = Sql::new(
            "UPDATE source_head SET witness_position = $1, witness_hash = $2 \
             WHERE id = 1 AND COALESCE(witness_position, 0) < $1",
        );
        self.execute(sql.bind(stored(head.position)).bind(hash.as_slice())).await?;
        Ok(())
    }
}
