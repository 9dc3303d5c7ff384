//! What was sold: one product, several products, and the list of best sellers.

use super::{CurrencyAmount, Seen};
use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded, sum};

/// The most products that are read by id at once; a statement takes 32 766 values.
pub const MAX_PRODUCTS: usize = 2_000;

/// A product's sales.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct ProductFigures {
    pub product_id: String,
    pub name: String,
    pub orders: i64,
    pub units: i64,
    /// Of orders that are not cancelled, by currency.
    pub revenue: Vec<CurrencyAmount>,
}

/// The rank of best sellers, highest first; the smaller id breaks ties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductRank {
    /// Units, in all currencies.
    Units,
    /// Units sold in one currency; all figures are that currency's.
    UnitsIn(String),
    /// Revenue in one currency; all figures are that currency's.
    RevenueIn(String),
}

/// Where a page of best sellers begins and how long it is.
#[derive(Debug, Clone)]
pub struct ProductPage {
    /// Rank and id of the last product before the page.
    pub after: Option<(i128, String)>,
    /// The most products it holds.
    pub limit: u32,
}

/// A best seller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedProduct {
    /// The value it is ranked by.
    pub rank: i128,
    /// Its name, orders, units and revenue.
    pub product: ProductFigures,
}

from_row! {
    struct ProductRow {
        applied: i64,
        product_id: Option<String>,
        name: Option<String>,
        orders: Option<i64>,
        units: Option<i64>,
        rank_high: Option<i64>,
        rank_low: Option<i64>,
        currency: Option<String>,
        revenue_high: Option<i64>,
        revenue_low: Option<i64>,
    }
}

const APPLIED: &str =
    "SELECT COALESCE((SELECT position FROM projections WHERE name = 'products'), 0) AS applied";

fn joined(high: Option<i64>, low: Option<i64>) -> Option<i128> {
    Some(sum::join(high?, low?))
}

/// Rows of one product follow each other, one for each of its currencies.
fn gathered(rows: Vec<ProductRow>) -> Result<Seen<Vec<RankedProduct>>, ReadModelError> {
    let mut seen = Seen { position: 0, found: Vec::<RankedProduct>::new() };
    for row in rows {
        seen.position = loaded(row.applied)?;
        let (Some(product_id), Some(name)) = (row.product_id, row.name) else { continue };
        let revenue = joined(row.revenue_high, row.revenue_low);
        let amount = row.currency.zip(revenue);
        let amount = amount.map(|(currency, amount)| CurrencyAmount { currency, amount });
        match seen.found.last_mut() {
            Some(last) if last.product.product_id == product_id => {
                last.product.revenue.extend(amount);
            }
            _ => seen.found.push(RankedProduct {
                rank: joined(row.rank_high, row.rank_low).unwrap_or(0),
                product: ProductFigures {
                    product_id,
                    name,
                    orders: row.orders.unwrap_or(0),
                    units: row.units.unwrap_or(0),
                    revenue: amount.into_iter().collect(),
                },
            }),
        }
    }
    Ok(seen)
}

fn best_sellers(rank: &ProductRank, page: &ProductPage) -> Sql {
    // A sum is compared by its two columns; units have only the lower one.
    let (table, (high, low), key, currency) = match rank {
        ProductRank::Units => ("products", ("CAST(0 AS BIGINT)", "b.units"), "b.units", None),
        ProductRank::UnitsIn(currency) => {
            ("product_sales", ("CAST(0 AS BIGINT)", "b.units"), "b.units", Some(currency))
        }
        ProductRank::RevenueIn(currency) => (
            "product_sales",
            ("b.revenue_high", "b.revenue_low"),
            "b.revenue_high, b.revenue_low",
            Some(currency),
        ),
    };
    let mut sql = Sql::new(format!(
        "SELECT p.applied, t.product_id, n.name, t.orders, t.units, t.rank_high, t.rank_low, s.currency, \
         s.revenue_high, s.revenue_low FROM ({APPLIED}) AS p LEFT JOIN (SELECT b.product_id, b.orders, b.units, \
         {high} AS rank_high, {low} AS rank_low FROM {table} b WHERE 1 = 1"
    ));
    if let Some(currency) = currency {
        sql.push(" AND b.currency = ").push_bind(currency);
    }
    if let Some((place, product_id)) = &page.after {
        for (before, compared, after) in
            [(" AND ", "<=", " AND ("), ("", "<", " OR b.product_id > ")]
        {
            sql.push(format_args!("{before}({key}) {compared} ("));
            push_place(&mut sql, rank, *place);
            sql.push(")").push(after);
        }
        sql.push_bind(product_id).push(")");
    }
    sql.push(format_args!(" ORDER BY {} DESC, b.product_id LIMIT ", key.replace(',', " DESC,")));
    sql.push_bind(i64::from(page.limit));
    sql.push(
        ") AS t ON TRUE LEFT JOIN products n ON n.product_id = t.product_id \
         LEFT JOIN product_sales s ON s.product_id = t.product_id",
    );
    if let Some(currency) = currency {
        sql.push(" AND s.currency = ").push_bind(currency);
    }
    sql.push(" ORDER BY t.rank_high DESC, t.rank_low DESC, t.product_id, s.currency");
    sql
}

/// The rank of the product before the page, column by column.
fn push_place(sql: &mut Sql, rank: &ProductRank, place: i128) {
    match rank {
        ProductRank::Units | ProductRank::UnitsIn(_) => {
            sql.push_bind(i64::try_from(place).unwrap_or(i64::MAX));
        }
        ProductRank::RevenueIn(_) => {
            let (high, low) = sum::split(place);
            sql.push_bind(high).push(", ").push_bind(low);
        }
    }
}

const ONE: &str = "SELECT COALESCE((SELECT position FROM projections WHERE name = 'products'), 0) AS applied, \
     n.product_id, n.name, n.orders, n.units, CAST(0 AS BIGINT) AS rank_high, n.units AS rank_low, s.currency, s.revenue_high, s.revenue_low \
     FROM (SELECT 1 AS one) AS one LEFT JOIN products n ON n.product_id = $1 \
     LEFT JOIN product_sales s ON s.product_id = n.product_id ORDER BY s.currency";

impl ReadModel {
    /// A product's figures.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn product(
        &self,
        product_id: &str,
    ) -> Result<Seen<Option<ProductFigures>>, ReadModelError> {
        let seen = gathered(self.rows(Sql::new(ONE).bind(product_id)).await?)?;
        let found = seen.found.into_iter().next().map(|ranked| ranked.product);
        Ok(Seen { position: seen.position, found })
    }

    /// Figures of these products, by id. Products never sold are left out, and so are those beyond [`MAX_PRODUCTS`].
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn products(
        &self,
        product_ids: &[String],
    ) -> Result<Seen<Vec<ProductFigures>>, ReadModelError> {
        let mut sql = Sql::new(format!(
            "SELECT p.applied, n.product_id, n.name, n.orders, n.units, CAST(0 AS BIGINT) AS rank_high, n.units AS rank_low, s.currency, s.revenue_high, s.revenue_low \
             FROM ({APPLIED}) AS p LEFT JOIN products n ON n.product_id IN "
        ));
        sql.push_list(product_ids.iter().take(MAX_PRODUCTS)).push(
            " LEFT JOIN product_sales s ON s.product_id = n.product_id ORDER BY n.product_id, s.currency",
        );
        let seen = gathered(self.rows(sql.once()).await?)?;
        let found = seen.found.into_iter().map(|ranked| ranked.product).collect();
        Ok(Seen { position: seen.position, found })
    }

    /// A page of best sellers.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn best_sellers(
        &self,
        rank: &ProductRank,
        page: &ProductPage,
    ) -> Result<Seen<Vec<RankedProduct>>, ReadModelError> {
        gathered(self.rows(best_sellers(rank, page)).await?)
    }
}
