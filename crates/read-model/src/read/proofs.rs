//! The stored hashes of the Merkle tree over all events, and the newest signed checkpoint.

use super::Seen;
use crate::db::{ReadModel, ReadModelError, Sql, loaded, log_hashes};
use std::collections::HashMap;
use transparency::{Hash, Node};

/// A signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The log's name, that of the key.
    pub origin: String,
    /// Events that it covers.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The signed note.
    pub note: String,
}

/// The hashes of `log_hashes` at some places, with the position that the tree has applied.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT COALESCE((SELECT position FROM projections WHERE name = 'proofs'), 0) AS applied, \
             h.place, h.hash FROM (SELECT 1 AS one) AS one LEFT JOIN log_hashes h ON h.place ",
            $condition
        )
    };
}

const ON_SQLITE: &str = select!("IN (SELECT value FROM json_each($1))");
const ON_POSTGRES: &str =
    select!("= ANY(ARRAY(SELECT CAST(json_array_elements_text(CAST($1 AS json)) AS bigint)))");

/// Applied, place, hash.
type HashRow = (i64, Option<i64>, Option<Vec<u8>>);
/// Origin, size, root, note.
type CheckpointRow = (String, i64, Vec<u8>, String);

impl ReadModel {
    /// The stored hashes of these nodes. All nodes of a tree of as many leaves as the position are stored.
    ///
    /// # Errors
    /// When the storage refuses or a row is damaged.
    pub async fn log_hashes(
        &self,
        nodes: &[Node],
    ) -> Result<Seen<HashMap<Node, Hash>>, ReadModelError> {
        let sql = Sql::new(match self {
            Self::Sqlite(_) => ON_SQLITE,
            Self::Postgres(_) => ON_POSTGRES,
        });
        let rows: Vec<HashRow> = self.rows(sql.bind(log_hashes::places(nodes).as_str())).await?;
        let applied = rows.first().map_or(0, |(applied, ..)| *applied);
        let rows = rows.into_iter().filter_map(|(_, place, hash)| Some((place?, hash?)));
        Ok(Seen { position: loaded(applied)?, found: log_hashes::found(nodes, rows)? })
    }

    /// The checkpoint that was signed last, of one origin or of any.
    ///
    /// # Errors
    /// When the storage refuses or the row is damaged.
    pub async fn signed_checkpoint(
        &self,
        origin: Option<&str>,
    ) -> Result<Option<SignedCheckpoint>, ReadModelError> {
        let columns = "SELECT origin, size, root, note FROM log_checkpoints";
        let sql = match origin {
            Some(origin) => Sql::new(format!("{columns} WHERE origin = $1")).bind(origin),
            None => Sql::new(format!("{columns} ORDER BY signed_at DESC, origin LIMIT 1")),
        };
        let row: Option<CheckpointRow> = self.first(sql).await?;
        let Some((origin, size, root, note)) = row else { return Ok(None) };
        let root = root.try_into().map_err(|_| {
            ReadModelError::Corrupt("the root of the signed checkpoint is damaged".into())
        })?;
        Ok(Some(SignedCheckpoint { origin, size: loaded(size)?, root, note }))
    }
}
