//! Tables of the projection `products`: deltas added to what stands there.

use super::insert::{Binds, Row, Shape};
use super::{Tables, WriteTx};
use crate::ReadModelError;

/// The tables of this projection.
pub const TABLES: &[&str] = &["products", "product_sales"];

/// What a batch changes in these tables.
#[derive(Debug, Default)]
pub struct ProductsChanges {
    /// Per product.
    pub products: Vec<ProductDelta>,
    /// Per product and currency.
    pub sales: Vec<ProductSalesDelta>,
}

/// What changes for a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductDelta {
    /// Which one.
    pub product_id: String,
    /// The name given last; `None` when a batch only takes back, so that the product is there already.
    pub name: Option<String>,
    /// Orders that hold it.
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

const PRODUCTS: Shape = Shape {
    id: "products",
    head: "INSERT INTO {table} AS kept (product_id, name, orders, units)",
    table: "products",
    columns: 4,
    tail: "ON CONFLICT (product_id) DO UPDATE SET \
        name = CASE WHEN excluded.name = '' THEN kept.name ELSE excluded.name END, \
        orders = kept.orders + excluded.orders, units = kept.units + excluded.units",
};

const SALES: Shape = Shape {
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
        binds
            .text(self.product_id)
            .text(self.name.unwrap_or_default())
            .int(self.orders)
            .int(self.units);
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
