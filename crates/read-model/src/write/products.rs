//! Tables of the projection `products`: deltas that are added to the stored rows.

use super::named::{Named, bind_placing, is_later, keep_last_name};
use crate::db::{Binds, BulkStatement, ReadModelError, Row, Tables, WriteTx};

/// The tables of this projection.
pub const TABLES: &[&str] = &["products", "product_sales"];

/// What a batch changes in these tables.
#[derive(Debug, Default)]
pub struct ProductsChanges {
    /// One for each product.
    pub products: Vec<ProductDelta>,
    /// One for each product and currency.
    pub sales: Vec<ProductSalesDelta>,
}

/// What changes for a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductDelta {
    /// The product's id.
    pub product_id: String,
    /// The name in the order placed last; `None` if a batch only takes back, so that the product already exists.
    pub named: Option<Named>,
    /// Orders with this product.
    pub orders: i64,
    /// Units ordered.
    pub units: i64,
}

/// What changes in a product's sales.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ProductSalesDelta {
    pub product_id: String,
    pub currency: &'static str,
    pub orders: i64,
    pub units: i64,
    pub revenue: i128,
}

const PRODUCTS: BulkStatement = BulkStatement {
    id: "products",
    head: "INSERT INTO {table} AS kept (product_id, name, named_at, named_position, orders, units)",
    table: "products",
    columns: 6,
    tail: concat!(
        "ON CONFLICT (product_id) DO UPDATE SET ",
        keep_last_name!(),
        ", orders = kept.orders + excluded.orders, units = kept.units + excluded.units"
    ),
};

const SALES: BulkStatement = BulkStatement {
    id: "product_sales",
    head: "INSERT INTO {table} AS kept (product_id, currency, orders, units, revenue_high, revenue_low)",
    table: "product_sales",
    columns: 6,
    tail: "ON CONFLICT (product_id, currency) DO UPDATE SET orders = kept.orders + excluded.orders, \
        units = kept.units + excluded.units, \
        revenue_high = kept.revenue_high + excluded.revenue_high \
            + (kept.revenue_low + excluded.revenue_low) / 1000000000, \
        revenue_low = (kept.revenue_low + excluded.revenue_low) % 1000000000",
};

impl Row for ProductDelta {
    fn bind(self, binds: &mut Binds) {
        let placing = self.named.as_ref().map(|named| (named.at, named.position));
        binds.text(self.product_id).text(self.named.map(|named| named.name).unwrap_or_default());
        bind_placing(placing, binds);
        binds.int(self.orders).int(self.units);
    }
}

impl Row for ProductSalesDelta {
    fn bind(self, binds: &mut Binds) {
        binds
            .text(self.product_id)
            .text(self.currency)
            .int(self.orders)
            .int(self.units)
            .sum(self.revenue);
    }
}

impl WriteTx {
    /// Writes a batch's changes.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn write_products(
        &mut self,
        tables: Tables,
        changes: ProductsChanges,
    ) -> Result<(), ReadModelError> {
        self.bulk(&PRODUCTS, tables, changes.products).await?;
        self.bulk(&SALES, tables, changes.sales).await
    }
}
