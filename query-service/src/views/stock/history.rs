//! `GET /v1/stock/{product_id}/history`: the events of a product's items, payloads as they were stored.

use super::stock_not_found;
use crate::app::App;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::params::{ViewHeaders, limit, reference};
use crate::problems::StockProblems;
use crate::reply;
use crate::views::history::Event;
use crate::wire::{json_array, json_with};
use axum::extract::State;
use axum::response::Response;
use read_model::read::positions::Projection;
use serde::{Deserialize, Serialize};
use server::{PathCallerId, Problem, StrictQuery};
use utoipa::{IntoParams, ToSchema};

/// The most events on a page.
pub(super) const MAX_LIMIT: u32 = 200;
/// The events on a page unless the request says otherwise.
pub(super) const USUAL_LIMIT: u32 = 50;

/// Which page of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProductStockHistoryQuery {
    /// One warehouse only.
    #[param(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._:-]+$", example = "north")]
    warehouse: Option<String>,
    /// Events on a page; 50 if not given. Pages of very large events are shorter.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before, with the same warehouse.
    cursor: Option<String>,
}

/// A page of the history of stock.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StockHistory {
    #[schema(value_type = Vec<Event>)]
    pub data: (),
    /// Null on the last page.
    pub next_cursor: Option<String>,
}

/// A product's events.
///
/// Everything that has happened to its items, in the log's order. Each event names its warehouse; `version` counts the
/// events of that warehouse's item.
#[utoipa::path(get, path = "/v1/stock/{product_id}/history", tag = "views",
    params(("product_id" = String, Path, description = "The product.", min_length = 1, max_length = 64,
        pattern = "^[A-Za-z0-9._:-]+$"), ProductStockHistoryQuery, ViewHeaders),
    responses((status = 200, description = "a page of events", body = StockHistory, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), StockProblems))]
pub async fn product_stock_history(
    State(app): State<App>,
    PathCallerId(product_id): PathCallerId,
    StrictQuery(query): StrictQuery<ProductStockHistoryQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let limit = limit(query.limit, USUAL_LIMIT, MAX_LIMIT)? as usize;
    let warehouse = reference("warehouse", query.warehouse)?;
    let scope = format!("stock history {product_id} {warehouse:?}");
    let after = match &query.cursor {
        Some(cursor) => app.cursor_key().await?.open(&scope, cursor)?.key,
        None => 0,
    };
    let after = u64::try_from(after).unwrap_or(0);
    let model = app.model_at(consistency, &[Projection::HISTORY, Projection::STOCK]).await?;
    let read = model.stock_events(&product_id, warehouse.as_deref(), after, limit).await;
    let seen = consistency.seen(read)?;
    if seen.found.events.is_empty() && after == 0 {
        return Err(stock_not_found());
    }
    let next_cursor = match (seen.found.more, seen.found.events.last()) {
        (true, Some(last)) => {
            let place = Place { key: last.position.into(), id: Vec::new() };
            Some(app.cursor_key().await?.seal(&scope, &place))
        }
        _ => None,
    };
    let (page, events) = (StockHistory { data: (), next_cursor }, &seen.found.events);
    let body = json_with(&page, "data", |body| json_array(events, body, Event::write));
    Ok(reply::json(seen.position, body))
}
