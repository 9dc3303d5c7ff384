//! Table of the projection `proofs`: the stored hashes of the Merkle tree over all events.
//!
//! Subtrees are completed here, inside the transaction, because their halves may come in any order: events of a topic
//! arrive by partition. Writers of one generation never overlap, so each sees the halves that the others have stored.

use crate::db::{Binds, BulkStatement, ReadModelError, Row, Tables, WriteTx, log_hashes, stored};
use transparency::{Growth, Hash, Node};

/// The tables of this projection.
pub const TABLES: &[&str] = &["log_hashes"];

/// New leaves: the index and hash of each. The event at position 1 has index 0.
#[derive(Debug, Default)]
pub struct NewLeaves(pub Vec<(u64, Hash)>);

const INSERT: BulkStatement = BulkStatement {
    id: "log_hashes",
    head: "INSERT INTO {table} (place, hash)",
    table: "log_hashes",
    columns: 2,
    tail: "",
};

/// One stored hash.
struct HashRow(Node, Hash);

impl Row for HashRow {
    fn bind(self, binds: &mut Binds) {
        binds.int(stored(self.0.place())).bytes(self.1.to_vec());
    }
}

impl WriteTx {
    /// Adds leaves and the hashes that they complete.
    ///
    /// # Errors
    /// When the storage refuses, or a leaf already exists.
    pub async fn write_proofs(
        &mut self,
        tables: Tables,
        leaves: NewLeaves,
    ) -> Result<(), ReadModelError> {
        let mut growth = Growth::of(leaves.0);
        loop {
            let wanted = growth.wanted();
            if wanted.is_empty() {
                break;
            }
            let condition = match self {
                Self::Sqlite(_) => log_hashes::SQLITE_PLACES,
                Self::Postgres(_) => log_hashes::POSTGRES_PLACES,
            };
            let sql = log_hashes::select(&tables.name("log_hashes"), condition, &wanted);
            let found = log_hashes::found(&wanted, self.rows(sql).await?)?;
            growth.grow(wanted, found);
        }
        let rows = growth.into_nodes().into_iter().map(|(node, hash)| HashRow(node, hash));
        self.bulk(&INSERT, tables, rows.collect()).await
    }
}
