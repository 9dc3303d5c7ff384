//! Reports: sums of daily changes and, as of a moment, the single changes of its own day before it.

use super::Seen;
use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded, sum};

/// Microseconds in a UTC day.
const DAY: i64 = 86_400_000_000;

/// The most rows (days × currencies) of a sales report: decades, for any shop.
pub const MAX_SALES_DAYS: usize = 100_000;

/// Which sales a report covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SalesFilter {
    /// The first day, in days since 1970.
    pub from_day: Option<i64>,
    /// The day after the last.
    pub to_day: Option<i64>,
    /// One currency only.
    pub currency: Option<String>,
    /// The figures as of this moment.
    pub as_of: Option<i64>,
}

/// What was ordered on a day in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct SalesDay {
    pub placed_day: i64,
    pub currency: String,
    pub orders: i64,
    pub units: i64,
    pub revenue: i128,
    pub cancelled_orders: i64,
    pub cancelled_revenue: i128,
}

from_row! {
    struct SalesRow {
        applied: i64,
        placed_day: Option<i64>,
        currency: Option<String>,
        orders: Option<i64>,
        units: Option<i64>,
        revenue_high: Option<i64>,
        revenue_low: Option<i64>,
        cancelled_orders: Option<i64>,
        cancelled_revenue_high: Option<i64>,
        cancelled_revenue_low: Option<i64>,
    }
}

const FIGURES: &str = "placed_day, currency, orders, units, revenue_high, revenue_low, cancelled_orders, \
     cancelled_revenue_high, cancelled_revenue_low";

fn push_sales_filter(sql: &mut Sql, filter: &SalesFilter) {
    if let Some(from) = filter.from_day {
        sql.push(" AND placed_day >= ").push_bind(from);
    }
    if let Some(to) = filter.to_day {
        sql.push(" AND placed_day < ").push_bind(to);
    }
    if let Some(currency) = &filter.currency {
        sql.push(" AND currency = ").push_bind(currency);
    }
}

/// Each column is summed by itself: the sum of fewer than 10⁹ lower parts stays below 10¹⁸.
fn sales(filter: &SalesFilter) -> Sql {
    let mut sql = Sql::new(format!(
        "SELECT p.applied, d.* FROM (SELECT COALESCE((SELECT position FROM projections WHERE name = 'sales'), 0) \
         AS applied) AS p LEFT JOIN (SELECT c.placed_day, c.currency, CAST(SUM(c.orders) AS BIGINT) AS orders, \
         CAST(SUM(c.units) AS BIGINT) AS units, CAST(SUM(c.revenue_high) AS BIGINT) AS revenue_high, \
         CAST(SUM(c.revenue_low) AS BIGINT) AS revenue_low, \
         CAST(SUM(c.cancelled_orders) AS BIGINT) AS cancelled_orders, \
         CAST(SUM(c.cancelled_revenue_high) AS BIGINT) AS cancelled_revenue_high, \
         CAST(SUM(c.cancelled_revenue_low) AS BIGINT) AS cancelled_revenue_low \
         FROM (SELECT {FIGURES} FROM sales_days WHERE 1 = 1"
    ));
    push_sales_filter(&mut sql, filter);
    if let Some(at) = filter.as_of {
        let day = at.div_euclid(DAY);
        sql.push(" AND changed_day < ").push_bind(day);
        sql.push(format_args!(
            " UNION ALL SELECT {FIGURES} FROM sales_changes WHERE changed_at >= "
        ));
        sql.push_bind(day * DAY).push(" AND changed_at <= ").push_bind(at);
        push_sales_filter(&mut sql, filter);
    }
    sql.push(") AS c GROUP BY c.placed_day, c.currency ORDER BY c.placed_day, c.currency LIMIT ");
    sql.push_bind(i64::try_from(MAX_SALES_DAYS + 1).unwrap_or(i64::MAX));
    sql.push(") AS d ON TRUE ORDER BY d.placed_day, d.currency");
    sql
}

/// The status that orders are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Dimension {
    Status,
    Payment,
    Fulfillment,
}

/// How many orders are (or were) counted under a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StatusCount {
    pub dimension: Dimension,
    pub code: i16,
    pub count: i64,
}

from_row! {
    struct CountRow {
        applied: i64,
        dimension: Option<i64>,
        code: Option<i64>,
        count: Option<i64>,
    }
}

const COUNTS_NOW: &str = "SELECT COALESCE((SELECT position FROM projections WHERE name = 'orders'), 0) AS applied, \
     c.dimension, c.code, c.count FROM (SELECT 1 AS one) AS one LEFT JOIN \
     (SELECT CAST(dimension AS BIGINT) AS dimension, CAST(code AS BIGINT) AS code, \
     CAST(SUM(change) AS BIGINT) AS count FROM order_count_changes \
     GROUP BY dimension, code) AS c ON TRUE";

/// The days before the moment's own day, plus the versions of that day up to the moment. Payment and fulfilment are
/// counted over placed (1), confirmed (2) and completed (3) orders, as in the projection.
const COUNTS_AS_OF: &str = "WITH today AS (SELECT status, payment_status, fulfillment_status, was_status, \
     was_payment_status, was_fulfillment_status, COUNT(*) AS n FROM order_versions \
     WHERE occurred_at >= $2 AND occurred_at <= $3 GROUP BY status, payment_status, fulfillment_status, \
     was_status, was_payment_status, was_fulfillment_status), \
     changes AS (SELECT dimension, code, change FROM order_count_changes WHERE day < $1 \
     UNION ALL SELECT 0, status, n FROM today \
     UNION ALL SELECT 0, was_status, -n FROM today WHERE was_status IS NOT NULL \
     UNION ALL SELECT 1, payment_status, n FROM today WHERE status IN (1, 2, 3) \
     UNION ALL SELECT 1, was_payment_status, -n FROM today WHERE was_status IN (1, 2, 3) \
     UNION ALL SELECT 2, fulfillment_status, n FROM today WHERE status IN (1, 2, 3) \
     UNION ALL SELECT 2, was_fulfillment_status, -n FROM today WHERE was_status IN (1, 2, 3)) \
     SELECT COALESCE((SELECT position FROM projections WHERE name = 'orders'), 0) AS applied, \
     c.dimension, c.code, c.count FROM (SELECT 1 AS one) AS one LEFT JOIN \
     (SELECT CAST(dimension AS BIGINT) AS dimension, CAST(code AS BIGINT) AS code, \
     CAST(SUM(change) AS BIGINT) AS count FROM changes GROUP BY dimension, code) AS c ON TRUE";

fn count(row: &CountRow) -> Option<StatusCount> {
    let dimension = match row.dimension? {
        0 => Dimension::Status,
        1 => Dimension::Payment,
        2 => Dimension::Fulfillment,
        _ => return None,
    };
    Some(StatusCount { dimension, code: i16::try_from(row.code?).ok()?, count: row.count? })
}

impl ReadModel {
    /// Sales by day and currency, in order of days. More than [`MAX_SALES_DAYS`] rows means that the report is cut off.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn sales(&self, filter: &SalesFilter) -> Result<Seen<Vec<SalesDay>>, ReadModelError> {
        let rows: Vec<SalesRow> = self.rows(sales(filter)).await?;
        let position = loaded(rows.first().map_or(0, |row| row.applied))?;
        let days = rows.into_iter().filter_map(|row| {
            Some(SalesDay {
                placed_day: row.placed_day?,
                currency: row.currency?,
                orders: row.orders?,
                units: row.units?,
                revenue: sum::join(row.revenue_high?, row.revenue_low?),
                cancelled_orders: row.cancelled_orders?,
                cancelled_revenue: sum::join(
                    row.cancelled_revenue_high?,
                    row.cancelled_revenue_low?,
                ),
            })
        });
        Ok(Seen { position, found: days.collect() })
    }

    /// How many orders are, or were at a moment, in each status. A status without orders may be missing.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn status_counts(
        &self,
        as_of: Option<i64>,
    ) -> Result<Seen<Vec<StatusCount>>, ReadModelError> {
        let sql = match as_of {
            None => Sql::new(COUNTS_NOW),
            Some(at) => {
                let day = at.div_euclid(DAY);
                Sql::new(COUNTS_AS_OF).bind(day).bind(day * DAY).bind(at)
            }
        };
        let rows: Vec<CountRow> = self.rows(sql).await?;
        let position = loaded(rows.first().map_or(0, |row| row.applied))?;
        Ok(Seen { position, found: rows.iter().filter_map(count).collect() })
    }
}
