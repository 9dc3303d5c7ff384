//! `GET /v1/reports/sales`: orders, units and revenue by UTC day or month of placing, now or as they stood.

use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{ViewHeaders, as_of, currency, day, invalid};
use crate::problems::ReadProblems;
use crate::reply;
use crate::wire::{Amount, day_name, json, month_name};
use axum::extract::State;
use axum::response::Response;
use read_model::read::positions::Projection;
use read_model::read::reports::{MAX_SALES_DAYS, SalesDay, SalesFilter};
use serde::{Deserialize, Serialize};
use server::{Problem, StrictQuery};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// The periods of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Interval {
    #[default]
    Day,
    Month,
}

/// What the sales report is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SalesQuery {
    /// The periods; days if not given.
    #[param(inline)]
    interval: Option<Interval>,
    /// Orders placed on this UTC day or later: a date, or a time that is midnight in UTC.
    #[param(example = "2026-03-01")]
    from: Option<String>,
    /// Orders placed before this UTC day: a date, or a time that is midnight in UTC.
    #[param(example = "2026-04-01")]
    to: Option<String>,
    /// One currency only.
    #[param(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: Option<String>,
    /// As these figures stood at this time.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    as_of: Option<String>,
}

/// A period's figures in one currency; sums over months may exceed what one amount can hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    orders: i128,
    units: i128,
    revenue: i128,
    cancelled_orders: i128,
    cancelled_revenue: i128,
}

impl Sums {
    fn add(&mut self, day: &SalesDay) {
        self.orders += i128::from(day.orders);
        self.units += i128::from(day.units);
        self.revenue += day.revenue;
        self.cancelled_orders += i128::from(day.cancelled_orders);
        self.cancelled_revenue += day.cancelled_revenue;
    }
}

/// A period's sales in a currency.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "period": "2026-03-03", "currency": "USD", "orders": 3, "units": 6, "revenue": "30.00", "cancelled_orders": 1,
    "cancelled_revenue": "10.00"}))]
struct SalesPeriod<'a> {
    /// A UTC day or month.
    period: &'a str,
    currency: &'a str,
    #[schema(value_type = i64)]
    orders: i128,
    #[schema(value_type = i64)]
    units: i128,
    #[schema(value_type = String)]
    revenue: Amount<'a>,
    #[schema(value_type = i64)]
    cancelled_orders: i128,
    #[schema(value_type = String)]
    cancelled_revenue: Amount<'a>,
}

/// Sales by period.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SalesReport<'a> {
    data: Vec<SalesPeriod<'a>>,
}

/// Sales by period.
///
/// By UTC day or month of placing, one row for each currency; periods without anything are left out. Orders cancelled
/// since are told apart.
#[utoipa::path(get, path = "/v1/reports/sales", tag = "views", params(SalesQuery, ViewHeaders),
    responses((status = 200, description = "the report", body = SalesReport, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn sales(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<SalesQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let filter = SalesFilter {
        from_day: day("from", query.from.as_deref())?,
        to_day: day("to", query.to.as_deref())?,
        currency: currency(query.currency)?,
        as_of: as_of("as_of", query.as_of.as_deref(), server::clock::now())?,
    };
    let model = app.model_at(consistency, &[Projection::SALES]).await?;
    let seen = consistency.seen(model.sales(&filter).await)?;
    if seen.found.len() > MAX_SALES_DAYS {
        return Err(invalid("from", "nearer to `to`: there are too many days between them"));
    }
    let periods = summed(&seen.found, query.interval.unwrap_or_default());
    let data = periods.iter().map(|((period, currency), sums)| SalesPeriod {
        period,
        currency,
        orders: sums.orders,
        units: sums.units,
        revenue: Amount::new(sums.revenue, currency),
        cancelled_orders: sums.cancelled_orders,
        cancelled_revenue: Amount::new(sums.cancelled_revenue, currency),
    });
    Ok(reply::json(seen.position, json(&SalesReport { data: data.collect() })))
}

fn summed(days: &[SalesDay], interval: Interval) -> BTreeMap<(String, &str), Sums> {
    let name = match interval {
        Interval::Day => day_name,
        Interval::Month => month_name,
    };
    let mut periods: BTreeMap<(String, &str), Sums> = BTreeMap::new();
    for day in days {
        periods.entry((name(day.placed_day), day.currency.as_str())).or_default().add(day);
    }
    periods.retain(|_, sums| *sums != Sums::default());
    periods
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(placed_day: i64, revenue: i128) -> SalesDay {
        SalesDay {
            placed_day,
            currency: "USD".into(),
            orders: 1,
            units: 2,
            revenue,
            cancelled_orders: 0,
            cancelled_revenue: 0,
        }
    }

    #[test]
    fn a_month_may_sum_to_more_than_64_bits_hold() {
        let most = i128::from(i64::MAX);
        let days = [day(17_494, most), day(17_495, most), day(17_600, 1)];
        let months = summed(&days, Interval::Month);
        let november = months[&("2017-11".to_owned(), "USD")];
        assert_eq!(november.revenue, 2 * most);
        assert_eq!(november.units, 4);
        assert_eq!(months.len(), 2);
    }

    #[test]
    fn periods_of_nothing_are_left_out() {
        let nothing = SalesDay { orders: 0, units: 0, ..day(1, 0) };
        assert!(summed(&[nothing], Interval::Day).is_empty());
    }
}
