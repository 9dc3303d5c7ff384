//! `GET /v1/stock/{product_id}`: what each warehouse has of a product, now or as it was.

use super::document::ProductStock;
use super::releases::Releases;
use super::stock_not_found;
use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{ViewHeaders, as_of, invalid, reference};
use crate::problems::{self, StockProblems};
use crate::reply::{self, Tag};
use crate::views::past::{MEMENTO, memento};
use crate::wire::json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use read_model::read::positions::Projection;
use read_model::read::stock::{ItemFigures, MAX_ITEMS};
use read_model::read::stock_then::StockMoment;
use serde::Deserialize;
use server::{PathCallerId, Problem, ProblemCode, StrictQuery};
use utoipa::IntoParams;

/// Which warehouse, and when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProductStockQuery {
    /// One warehouse only. The answer then has the item's version as `ETag`.
    #[param(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._:-]+$", example = "north")]
    warehouse: Option<String>,
    /// The stock as it was at this time of the business.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    as_of: Option<String>,
    /// The stock as the log knew it at this time.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    known_at: Option<String>,
}

/// What is asked of a product's stock.
struct Asked {
    product_id: String,
    warehouse: Option<String>,
}

/// The stock of one product.
///
/// Each warehouse with its counters, and the sums; with `as_of` or `known_at` as it was then. An item that is short at
/// present names the newest soft reservations, which should be released first.
#[utoipa::path(get, path = "/v1/stock/{product_id}", tag = "views",
    params(("product_id" = String, Path, description = "The product.", min_length = 1, max_length = 64,
        pattern = "^[A-Za-z0-9._:-]+$"), ProductStockQuery, ViewHeaders,
        ("If-None-Match" = Option<String>, Header, description = "With `warehouse`: answer 304 if the item still has this tag.")),
    responses(
        (status = 200, description = "the stock", body = ProductStock, headers(
            ("ETag" = String, description = "with `warehouse`: the item's version, quoted; with a dot and a hash after the version while it is short"),
            ("Consistency-Token" = u64, description = "the position that the view has applied"),
            ("Memento-Datetime" = String, description = "when the shown state of the past began"))),
        (status = 304, description = "nothing has changed since the answer with the tag of If-None-Match"),
        StockProblems))]
pub async fn product_stock(
    State(app): State<App>,
    PathCallerId(product_id): PathCallerId,
    StrictQuery(query): StrictQuery<ProductStockQuery>,
    consistency: Consistency,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let moment = moment(query.as_of.as_deref(), query.known_at.as_deref())?;
    let asked = Asked { product_id, warehouse: reference("warehouse", query.warehouse)? };
    match moment {
        None => present(&app, &asked, consistency, &headers).await,
        Some(moment) => then(&app, &asked, moment, consistency, &headers).await,
    }
}

async fn present(
    app: &App,
    asked: &Asked,
    consistency: Consistency,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let model = app.model_at(consistency, &[Projection::STOCK]).await?;
    let (product, warehouse) = (asked.product_id.as_str(), asked.warehouse.as_deref());
    let seen = consistency.seen(model.stock_of_product(product, warehouse).await)?;
    bounded(seen.found.len())?;
    if seen.found.is_empty() {
        return Err(stock_not_found());
    }
    let releases = Releases::read(app, &seen.found, consistency).await?;
    let position = releases.beside(seen.position);
    let shown = Shown { items: &seen.found, releases: &releases, position };
    Ok(shown.answer(asked, headers))
}

async fn then(
    app: &App,
    asked: &Asked,
    moment: StockMoment,
    consistency: Consistency,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let model = app.model_at(consistency, &[Projection::STOCK]).await?;
    let (product, warehouse) = (asked.product_id.as_str(), asked.warehouse.as_deref());
    let seen = consistency.seen(model.stock_of_product_at(product, warehouse, moment).await)?;
    bounded(seen.found.present)?;
    if seen.found.items.is_empty() {
        return Err(match seen.found.present {
            0 => stock_not_found(),
            _ => Problem::new(problems::STOCK_NOT_FOUND)
                .detail("The first event of this stock is later than the time that was asked for."),
        });
    }
    let (releases, items) = (Releases::none(), &seen.found.items);
    let shown = Shown { items, releases: &releases, position: seen.position };
    let mut response = shown.answer(asked, headers);
    if response.status().is_success() {
        response.headers_mut().insert(MEMENTO.clone(), memento(seen.found.since));
    }
    Ok(response)
}

/// What is shown; at least one item.
struct Shown<'a> {
    items: &'a [ItemFigures],
    releases: &'a Releases,
    position: u64,
}

impl Shown<'_> {
    fn answer(&self, asked: &Asked, headers: &HeaderMap) -> Response {
        let body = json(&ProductStock::of(&asked.product_id, self.items, self.releases));
        let Some(tag) = self.tag(asked, &body) else { return reply::json(self.position, body) };
        if reply::has_tag(headers, &tag) {
            return reply::not_modified(self.position, &tag);
        }
        let mut response = reply::json(self.position, body);
        response.headers_mut().insert(header::ETAG, tag.header());
        response
    }

    /// Several warehouses have no version together.
    fn tag(&self, asked: &Asked, body: &[u8]) -> Option<Tag> {
        asked.warehouse.as_ref()?;
        let item = self.items.first()?;
        Some(match self.releases.of_item(item) {
            Some(_) => Tag::short(item.version, body),
            None => Tag::version(item.version),
        })
    }
}

/// Parses the moment of the past; at most one of the two parameters may be given.
fn moment(occurred: Option<&str>, known: Option<&str>) -> Result<Option<StockMoment>, Problem> {
    let now = server::clock::now();
    let occurred = as_of("as_of", occurred, now)?.map(StockMoment::OccurredAt);
    let known = as_of("known_at", known, now)?.map(StockMoment::RecordedAt);
    if occurred.is_some() && known.is_some() {
        return Err(Problem::new(ProblemCode::INVALID_PARAMETER)
            .detail("Give one of as_of and known_at, not both.")
            .with("parameter", "as_of"));
    }
    Ok(occurred.or(known))
}

/// Refuses to show a part of a product's warehouses as if it were all.
fn bounded(items: usize) -> Result<(), Problem> {
    if items > MAX_ITEMS {
        let must = format!("given: more than {MAX_ITEMS} warehouses have the product");
        return Err(invalid("warehouse", &must));
    }
    Ok(())
}
