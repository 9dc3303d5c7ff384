//! Tables of the projection `stock`: the present row of each item, and a row for each of its versions.

use crate::db::{
    Binds, BulkStatement, MAX_KEYS, ReadModel, ReadModelError, Row, Sql, Tables, WriteTx, loaded,
    padded, stored,
};
use uuid::Uuid;

/// The tables of this projection.
pub const TABLES: &[&str] = &["stock_items", "stock_versions"];

/// What a batch changes in these tables.
#[derive(Debug, Default)]
pub struct StockChanges {
    /// One for each item.
    pub items: Vec<StockItemRow>,
    /// One for each event.
    pub versions: Vec<StockVersionRow>,
}

/// An item at present.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct StockItemRow {
    pub item_id: Uuid,
    pub product_id: String,
    pub warehouse: String,
    pub on_hand: u64,
    pub reserved: u64,
    pub available: i64,
    pub committed_total: u64,
    pub version: u64,
    pub position: u64,
    pub updated_at: i64,
}

/// An item after one of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StockVersionRow {
    pub item_id: Uuid,
    pub version: u64,
    pub occurred_at: i64,
    pub recorded_at: i64,
    pub on_hand: u64,
    pub reserved: u64,
    pub committed_total: u64,
}

/// An item as later folding needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StoredItem {
    pub item_id: Uuid,
    pub version: u64,
    pub on_hand: u64,
    pub reserved: u64,
    pub committed_total: u64,
    pub warehouse: String,
    pub product_id: String,
}

/// Product and warehouse of an item never change.
const ITEMS: BulkStatement = BulkStatement {
    id: "stock_items",
    head: "INSERT INTO {table} (item_id, product_id, warehouse, on_hand, reserved, available, committed_total, \
        version, position, updated_at)",
    table: "stock_items",
    columns: 10,
    tail: "ON CONFLICT (item_id) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved, \
        available = excluded.available, committed_total = excluded.committed_total, \
        version = excluded.version, position = excluded.position, updated_at = excluded.updated_at",
};

const VERSIONS: BulkStatement = BulkStatement {
    id: "stock_versions",
    head: "INSERT INTO {table} (item_id, version, occurred_at, recorded_at, on_hand, reserved, committed_total)",
    table: "stock_versions",
    columns: 7,
    tail: "",
};

impl Row for StockItemRow {
    fn bind(self, binds: &mut Binds) {
        binds
            .uuid(self.item_id)
            .text(self.product_id)
            .text(self.warehouse)
            .int(stored(self.on_hand))
            .int(stored(self.reserved))
            .int(self.available)
            .int(stored(self.committed_total))
            .int(stored(self.version))
            .int(stored(self.position))
            .int(self.updated_at);
    }
}

impl Row for StockVersionRow {
    fn bind(self, binds: &mut Binds) {
        binds
            .uuid(self.item_id)
            .int(stored(self.version))
            .int(self.occurred_at)
            .int(self.recorded_at)
            .int(stored(self.on_hand))
            .int(stored(self.reserved))
            .int(stored(self.committed_total));
    }
}

impl WriteTx {
    /// Writes a batch's changes.
    ///
    /// # Errors
    /// When the storage refuses, or a version of an item already exists.
    pub async fn write_stock(
        &mut self,
        tables: Tables,
        changes: StockChanges,
    ) -> Result<(), ReadModelError> {
        self.bulk(&ITEMS, tables, changes.items).await?;
        self.bulk(&VERSIONS, tables, changes.versions).await
    }
}

impl ReadModel {
    /// The present state of these items; missing ones are left out.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn load_stock_items(
        &self,
        tables: Tables,
        items: &[Uuid],
    ) -> Result<Vec<StoredItem>, ReadModelError> {
        let mut found = Vec::with_capacity(items.len());
        for keys in items.chunks(MAX_KEYS) {
            // One subquery with one value for each key, as in `load_orders`.
            let mut sql = Sql::new(
                "SELECT asked.id, (SELECT s.version || ' ' || s.on_hand || ' ' || s.reserved || ' ' || \
                 s.committed_total || ' ' || octet_length(s.warehouse) || ' ' || s.warehouse || s.product_id FROM ",
            );
            sql.push(tables.name("stock_items")).push(" s WHERE s.item_id = asked.id) FROM ");
            sql.push_table(padded(keys));
            let rows: Vec<(Uuid, Option<String>)> = self.rows(sql).await?;
            for (item_id, text) in rows {
                let Some(text) = text else { continue };
                let item = unpacked(item_id, &text).ok_or_else(|| {
                    ReadModelError::Corrupt(format!("stock item {item_id} has no counters"))
                })?;
                found.push(item);
            }
        }
        Ok(found)
    }
}

fn unpacked(item_id: Uuid, text: &str) -> Option<StoredItem> {
    let mut parts = text.splitn(6, ' ');
    let mut number = || loaded(parts.next()?.parse().ok()?).ok();
    let (version, on_hand, reserved) = (number()?, number()?, number()?);
    let (committed_total, warehouse_bytes) = (number()?, number()?);
    let names = parts.next()?;
    let (warehouse, product_id) = names.split_at_checked(usize::try_from(warehouse_bytes).ok()?)?;
    Some(StoredItem {
        item_id,
        version,
        on_hand,
        reserved,
        committed_total,
        warehouse: warehouse.to_owned(),
        product_id: product_id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_whatever_is_in_them() {
        for (warehouse, product_id) in [("a", "b"), ("a b", " c"), ("größe 7", "7 größe"), ("", "")]
        {
            let text = format!("3 10 2 5 {} {warehouse}{product_id}", warehouse.len());
            let expected = StoredItem {
                item_id: Uuid::nil(),
                version: 3,
                on_hand: 10,
                reserved: 2,
                committed_total: 5,
                warehouse: warehouse.to_owned(),
                product_id: product_id.to_owned(),
            };
            assert_eq!(unpacked(Uuid::nil(), &text), Some(expected), "{text}");
        }
        for broken in ["", "1 2 3", "1 2 3 4 9 ab", "-1 2 3 4 0 ", "1 2 3 4 x ab"] {
            assert_eq!(unpacked(Uuid::nil(), broken), None, "{broken}");
        }
    }
}
