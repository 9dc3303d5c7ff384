//! The stored hashes of the Merkle tree, found by their places with one statement.

use super::sql::Sql;
use crate::db::ReadModelError;
use std::collections::HashMap;
use std::fmt::Write;
use transparency::{Hash, Node};

/// The condition that `place` is one of the places in `$1`, a JSON array of numbers.
pub(crate) const SQLITE_PLACES: &str = "IN (SELECT value FROM json_each($1))";
/// The same on PostgreSQL.
pub(crate) const POSTGRES_PLACES: &str =
    "IN (SELECT CAST(json_array_elements_text(CAST($1 AS json)) AS bigint))";

/// The places of these nodes as a JSON array.
pub(crate) fn places(nodes: &[Node]) -> String {
    let mut text = String::from("[");
    for (index, node) in nodes.iter().enumerate() {
        let between = if index == 0 { "" } else { "," };
        let _ = write!(text, "{between}{}", node.place());
    }
    text.push(']');
    text
}

/// The statement that finds the hashes of these nodes in a table.
pub(crate) fn select(table: &str, condition: &str, nodes: &[Node]) -> Sql {
    Sql::new(format!("SELECT place, hash FROM \"{table}\" WHERE place {condition}"))
        .bind(places(nodes).as_str())
}

/// The hashes that were found of these nodes.
pub(crate) fn found(
    nodes: &[Node],
    rows: impl IntoIterator<Item = (i64, Vec<u8>)>,
) -> Result<HashMap<Node, Hash>, ReadModelError> {
    let nodes: HashMap<u64, Node> = nodes.iter().map(|node| (node.place(), *node)).collect();
    let mut found = HashMap::with_capacity(nodes.len());
    for (place, hash) in rows {
        let node = u64::try_from(place).ok().and_then(|place| nodes.get(&place));
        let hash = hash.try_into().ok();
        let (Some(node), Some(hash)) = (node, hash) else {
            return Err(ReadModelError::Corrupt(format!(
                "log_hashes has no hash at place {place}"
            )));
        };
        found.insert(*node, hash);
    }
    Ok(found)
}
