//! `GET /v1/products/{product_id}` and `GET /v1/products`: what has sold, and what sells best.

use super::customers::MoneyAmount;
use crate::app::App;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::params::{ViewHeaders, currency, limit};
use crate::problems::ReadProblems;
use crate::reply;
use crate::wire::json;
use axum::extract::State;
use axum::response::Response;
use read_model::read::positions::Projection;
use read_model::read::products::{ProductFigures, ProductPage, ProductRank};
use serde::{Deserialize, Serialize};
use server::{NoQuery, PathCallerId, Problem, ProblemCode, StrictQuery};
use utoipa::{IntoParams, ToSchema};

/// The most products on a page.
const MAX_LIMIT: u32 = 200;
/// The products on a page unless the request says otherwise.
const USUAL_LIMIT: u32 = 20;

/// What best sellers are sorted by, most first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub enum ProductsSort {
    #[default]
    #[serde(rename = "-units")]
    Units,
    #[serde(rename = "-revenue")]
    Revenue,
}

/// What the list of best sellers is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProductsQuery {
    /// Sales in this currency only; `-revenue` needs it.
    #[param(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: Option<String>,
    /// The order of the list; the smaller product id breaks ties.
    #[param(inline)]
    sort: Option<ProductsSort>,
    /// Products on a page; 20 if not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before, with the same currency and sort.
    cursor: Option<String>,
}

/// What has sold of a product, cancelled orders left out.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "product_id": "tea-1", "name": "Tea", "orders": 3, "units": 6,
    "revenue": [{"currency": "USD", "amount": "30.00"}]}))]
pub(super) struct ProductSummary<'a> {
    product_id: &'a str,
    /// As the order placed last (by `occurred_at`) says it, on its last line for the product.
    name: &'a str,
    #[schema(value_type = u64)]
    orders: i64,
    #[schema(value_type = u64)]
    units: i64,
    revenue: Vec<MoneyAmount<'a>>,
}

impl<'a> ProductSummary<'a> {
    pub(super) fn of(product: &'a ProductFigures) -> Self {
        Self {
            product_id: &product.product_id,
            name: &product.name,
            orders: product.orders,
            units: product.units,
            revenue: product.revenue.iter().map(MoneyAmount::of).collect(),
        }
    }
}

/// One product.
///
/// What has sold of it; cancelled orders are left out.
#[utoipa::path(get, path = "/v1/products/{product_id}", tag = "views",
    params(("product_id" = String, Path, description = "The product.", min_length = 1, max_length = 64,
        pattern = "^[A-Za-z0-9._:-]+$"), ViewHeaders),
    responses((status = 200, description = "the product", body = ProductSummary, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn product(
    State(app): State<App>,
    PathCallerId(product_id): PathCallerId,
    _: StrictQuery<NoQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let model = app.model_at(consistency, &[Projection::PRODUCTS]).await?;
    let seen = consistency.seen(model.product(&product_id).await)?;
    let product = seen.found.ok_or_else(|| {
        Problem::new(ProblemCode::NOT_FOUND).detail("No placed order holds a product of this id.")
    })?;
    Ok(reply::json(seen.position, json(&ProductSummary::of(&product))))
}

/// Best sellers.
///
/// With `currency`, all figures are of sales in that currency.
#[utoipa::path(get, path = "/v1/products", tag = "views", params(ProductsQuery, ViewHeaders),
    responses((status = 200, description = "a page of products", body = Products, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn products(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<ProductsQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let rank = rank(&query)?;
    let limit = limit(query.limit, USUAL_LIMIT, MAX_LIMIT)?;
    let scope = format!("products {rank:?}");
    let after = match &query.cursor {
        Some(cursor) => {
            let place = app.cursor_key().await?.open(&scope, cursor)?;
            Some((place.key, String::from_utf8(place.id).unwrap_or_default()))
        }
        None => None,
    };
    let model = app.model_at(consistency, &[Projection::PRODUCTS]).await?;
    // One row more than the page shows whether another page follows.
    let page = ProductPage { after, limit: limit + 1 };
    let mut seen = consistency.seen(model.best_sellers(&rank, &page).await)?;
    let more = seen.found.len() > limit as usize;
    seen.found.truncate(limit as usize);
    let next = match seen.found.last() {
        Some(last) if more => {
            let id = last.product.product_id.clone().into_bytes();
            Some(app.cursor_key().await?.seal(&scope, &Place { key: last.rank, id }))
        }
        _ => None,
    };
    let body = Products {
        data: seen.found.iter().map(|ranked| ProductSummary::of(&ranked.product)).collect(),
        next_cursor: next,
    };
    Ok(reply::json(seen.position, json(&body)))
}

/// A page of best sellers.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Products<'a> {
    data: Vec<ProductSummary<'a>>,
    /// Null on the last page.
    next_cursor: Option<String>,
}

fn rank(query: &ProductsQuery) -> Result<ProductRank, Problem> {
    let currency = currency(query.currency.clone())?;
    match (query.sort.unwrap_or_default(), currency) {
        (ProductsSort::Units, None) => Ok(ProductRank::Units),
        (ProductsSort::Units, Some(currency)) => Ok(ProductRank::UnitsIn(currency)),
        (ProductsSort::Revenue, Some(currency)) => Ok(ProductRank::RevenueIn(currency)),
        (ProductsSort::Revenue, None) => Err(Problem::new(ProblemCode::INVALID_PARAMETER)
            .detail("Revenues in several currencies have no order: add currency=USD, say, or sort by -units.")
            .with("parameter", "currency")),
    }
}
