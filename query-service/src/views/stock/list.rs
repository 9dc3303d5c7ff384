//! `GET /v1/stock`: items in the order of products, above all those that run low.

use super::document::StockItem;
use super::releases::Releases;
use crate::app::App;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::params::{ViewHeaders, limit, reference};
use crate::problems::{INVALID_CURSOR, StockProblems};
use crate::reply;
use crate::wire::json;
use axum::extract::State;
use axum::response::Response;
use read_model::read::positions::Projection;
use read_model::read::stock::{ItemFigures, StockFilter, StockPage};
use serde::{Deserialize, Serialize};
use server::{Problem, StrictQuery};
use utoipa::{IntoParams, ToSchema};

/// The most items on a page.
const MAX_LIMIT: u32 = 200;
/// The items on a page unless the request says otherwise.
const USUAL_LIMIT: u32 = 50;

/// What the list of items is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StockQuery {
    /// Items of which fewer units are available; 0 lists those that are short.
    #[param(example = 5)]
    below: Option<i64>,
    /// Items in this warehouse.
    #[param(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._:-]+$", example = "north")]
    warehouse: Option<String>,
    /// Items on a page; 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
}

/// A page of items.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StockList<'a> {
    data: Vec<StockItem<'a>>,
    /// Null on the last page.
    next_cursor: Option<String>,
}

/// Items by product.
///
/// Ordered by product and then by warehouse. That order does not change with the stock, so a traversal shows each item at
/// most once, and each that meets the filters all the while.
#[utoipa::path(get, path = "/v1/stock", tag = "views", params(StockQuery, ViewHeaders),
    responses((status = 200, description = "a page of items", body = StockList, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), StockProblems))]
pub async fn stock_list(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<StockQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let limit = limit(query.limit, USUAL_LIMIT, MAX_LIMIT)?;
    let warehouse = reference("warehouse", query.warehouse)?;
    let filter = StockFilter { below: query.below, warehouse };
    let scope = format!("stock {filter:?}");
    let after = match &query.cursor {
        Some(cursor) => Some(item_of(&app.cursor_key().await?.open(&scope, cursor)?)?),
        None => None,
    };
    let model = app.model_at(consistency, &[Projection::STOCK]).await?;
    // One row more than the page shows whether another page follows.
    let page = StockPage { after, limit: limit + 1 };
    let mut seen = consistency.seen(model.stock_items(&filter, &page).await)?;
    let more = seen.found.len() > limit as usize;
    seen.found.truncate(limit as usize);
    let next_cursor = match seen.found.last() {
        Some(last) if more => Some(app.cursor_key().await?.seal(&scope, &place_of(last))),
        _ => None,
    };
    let releases = Releases::read(&app, &seen.found, consistency).await?;
    let data = seen.found.iter().map(|item| StockItem::of(item, &releases)).collect();
    let position = releases.beside(seen.position);
    Ok(reply::json(position, json(&StockList { data, next_cursor })))
}

/// The place of an item: both ids, one after the other, and where the second begins.
fn place_of(item: &ItemFigures) -> Place {
    let key = i128::try_from(item.product_id.len()).unwrap_or(i128::MAX);
    let id = [item.product_id.as_bytes(), item.warehouse.as_bytes()].concat();
    Place { key, id }
}

fn item_of(place: &Place) -> Result<(String, String), Problem> {
    let read = || {
        let ids = std::str::from_utf8(&place.id).ok()?;
        let (product_id, warehouse) = ids.split_at_checked(usize::try_from(place.key).ok()?)?;
        Some((product_id.to_owned(), warehouse.to_owned()))
    };
    read().ok_or_else(|| Problem::new(INVALID_CURSOR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_place_comes_back_as_its_item() {
        for (product_id, warehouse) in [("tea", "north"), ("größe 7", ""), ("", "ü")] {
            let (product_id, warehouse) = (product_id.to_owned(), warehouse.to_owned());
            let item = ItemFigures {
                item_id: Uuid::nil(),
                product_id: product_id.clone(),
                warehouse: warehouse.clone(),
                on_hand: 0,
                reserved: 0,
                available: 0,
                committed_total: 0,
                version: 1,
                updated_at: 0,
            };
            assert_eq!(item_of(&place_of(&item)).unwrap(), (product_id, warehouse));
        }
        for (key, id) in [(-1, "ab"), (3, "ab"), (1, "ü")] {
            assert!(item_of(&Place { key, id: id.into() }).is_err(), "{key} {id}");
        }
    }
}
