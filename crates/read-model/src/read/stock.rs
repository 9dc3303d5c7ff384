//! The units of products in warehouses, at present: of one product, and the list of items that run low.

use super::Seen;
use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded};
use uuid::Uuid;

/// The most items of one product that are read at once: the warehouses that it may be in.
pub const MAX_ITEMS: usize = 1_000;

/// Up to this number of items that run low, they are found by what is available, and then sorted. If there are more, the
/// list is read in its own order: items that run low come often enough in it.
const FEW: i64 = 2_000;

/// One product in one warehouse, at present or as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct ItemFigures {
    pub item_id: Uuid,
    pub product_id: String,
    pub warehouse: String,
    pub on_hand: i64,
    pub reserved: i64,
    pub available: i64,
    pub committed_total: i64,
    pub version: u64,
    /// When the last event happened that is counted, in microseconds.
    pub updated_at: i64,
}

/// Which items a list has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockFilter {
    /// Those of which fewer units are available.
    pub below: Option<i64>,
    /// Those in this warehouse.
    pub warehouse: Option<String>,
}

/// Where a page of items begins and how long it is.
#[derive(Debug, Clone)]
pub struct StockPage {
    /// Product and warehouse of the last item before the page.
    pub after: Option<(String, String)>,
    /// The most items it holds.
    pub limit: u32,
}

from_row! {
    struct ItemRow {
        applied: i64,
        item_id: Option<Uuid>,
        product_id: Option<String>,
        warehouse: Option<String>,
        on_hand: Option<i64>,
        reserved: Option<i64>,
        available: Option<i64>,
        committed_total: Option<i64>,
        version: Option<i64>,
        updated_at: Option<i64>,
    }
}

impl ItemRow {
    fn figures(self) -> Option<ItemFigures> {
        Some(ItemFigures {
            item_id: self.item_id?,
            product_id: self.product_id?,
            warehouse: self.warehouse?,
            on_hand: self.on_hand?,
            reserved: self.reserved?,
            available: self.available?,
            committed_total: self.committed_total?,
            version: loaded(self.version?).ok()?,
            updated_at: self.updated_at?,
        })
    }
}

const HEAD: &str = "SELECT p.applied, i.item_id, i.product_id, i.warehouse, i.on_hand, i.reserved, i.available, \
     i.committed_total, i.version, i.updated_at FROM (SELECT COALESCE((SELECT position FROM projections \
     WHERE name = 'stock'), 0) AS applied) AS p LEFT JOIN (SELECT * FROM stock_items i WHERE ";
const TAIL: &str = ") AS i ON TRUE ORDER BY i.product_id, i.warehouse";

fn of_product(product_id: &str, warehouse: Option<&str>) -> Sql {
    let mut sql = Sql::new(HEAD);
    sql.push("i.product_id = ").push_bind(product_id);
    if let Some(warehouse) = warehouse {
        sql.push(" AND i.warehouse = ").push_bind(warehouse);
    }
    sql.push(format_args!(" ORDER BY i.warehouse LIMIT {}{TAIL}", MAX_ITEMS + 1));
    sql
}

/// An expression keeps the storage from the column's index: `few` says which of the two indexes is the better one.
fn listed(filter: &StockFilter, page: &StockPage, few: bool) -> Sql {
    let (available, product_id) = if few {
        ("i.available", "i.product_id || ''")
    } else {
        ("i.available + 0", "i.product_id")
    };
    let mut sql = Sql::new(HEAD);
    sql.push("1 = 1");
    if let Some(below) = filter.below {
        sql.push(format_args!(" AND {available} < ")).push_bind(below);
    }
    if let Some(warehouse) = &filter.warehouse {
        sql.push(" AND i.warehouse = ").push_bind(warehouse);
    }
    if let Some((product, warehouse)) = &page.after {
        sql.push(format_args!(" AND ({product_id}, i.warehouse) > (")).push_bind(product);
        sql.push(", ").push_bind(warehouse).push(")");
    }
    sql.push(format_args!(" ORDER BY {product_id}, i.warehouse LIMIT "));
    sql.push_bind(i64::from(page.limit)).push(TAIL);
    sql
}

fn gathered(rows: Vec<ItemRow>) -> Result<Seen<Vec<ItemFigures>>, ReadModelError> {
    let position = loaded(rows.first().map_or(0, |row| row.applied))?;
    Ok(Seen { position, found: rows.into_iter().filter_map(ItemRow::figures).collect() })
}

impl ReadModel {
    /// A product in all warehouses, or in one, in the order of their ids. More than [`MAX_ITEMS`] means that the list is
    /// cut off.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn stock_of_product(
        &self,
        product_id: &str,
        warehouse: Option<&str>,
    ) -> Result<Seen<Vec<ItemFigures>>, ReadModelError> {
        gathered(self.rows(of_product(product_id, warehouse)).await?)
    }

    /// A page of items, in the order of products and then of warehouses.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn stock_items(
        &self,
        filter: &StockFilter,
        page: &StockPage,
    ) -> Result<Seen<Vec<ItemFigures>>, ReadModelError> {
        let few = match filter.below {
            Some(below) => self.are_few(below).await?,
            None => false,
        };
        gathered(self.rows(listed(filter, page, few)).await?)
    }

    async fn are_few(&self, below: i64) -> Result<bool, ReadModelError> {
        let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM stock_items i WHERE i.available < $1 LIMIT $2) AS low";
        let counted: Option<(i64,)> = self.first(Sql::new(sql).bind(below).bind(FEW + 1)).await?;
        Ok(counted.is_none_or(|(items,)| items <= FEW))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways to find the same page.
    #[tokio::test]
    async fn a_page_is_the_same_by_either_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("views.db").display());
        let model = ReadModel::open(&url, crate::Access::ReadWrite).await.expect("a read model");
        for number in 0_i64..60 {
            let sql = Sql::new(
                "INSERT INTO stock_items (item_id, product_id, warehouse, on_hand, reserved, available, \
                 committed_total, version, position, updated_at) VALUES ($1, $2, $3, $4, 0, $4, 0, 1, 1, 1)",
            );
            let id = Uuid::from_u128(number.unsigned_abs().into());
            let (product, warehouse) = (format!("p{}", number % 20), format!("w{}", number / 20));
            let sql = sql.bind(id).bind(&product).bind(&warehouse).bind(number * 7 % 13);
            model.execute(sql).await.expect("a row");
        }
        let filter = |warehouse| StockFilter { below: Some(6), warehouse };
        for filter in [filter(None), filter(Some("w1".to_owned()))] {
            let (mut after, mut shown) = (None, 0);
            loop {
                let page = StockPage { after: after.clone(), limit: 7 };
                let read = async |few| {
                    gathered(model.rows(listed(&filter, &page, few)).await.expect("rows"))
                        .expect("items")
                        .found
                };
                let (few, many) = (read(true).await, read(false).await);
                assert_eq!(few, many);
                let Some(last) = few.last() else { break };
                assert!(few.iter().all(|item| item.available < 6));
                after = Some((last.product_id.clone(), last.warehouse.clone()));
                shown += few.len();
            }
            assert!(shown > 7, "{shown}");
        }
    }
}
