//! `GET /v1/orders` and `GET /v1/customers/{id}/orders`: lists, as they stand or as they stood.

use super::erased;
use super::orders_then::{OrderSummary, then};
use crate::app::App;
use crate::coalescer::Panicked;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::params::{CustomerOrdersQuery, ListRequest, OrdersQuery, ViewHeaders};
use crate::problems::{self, ReadProblems};
use crate::reply::{self, Page};
use crate::wire::{json_array, json_with};
use axum::extract::State;
use axum::response::Response;
use identity::Scope;
use read_model::ReadModel;
use read_model::read::Seen;
use read_model::read::orders::{ListedOrder, OrderPage};
use read_model::read::positions::Projection;
use serde::Serialize;
use server::{PathCallerId, Problem, ProblemCode, StrictQuery};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// A page of orders.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Orders {
    #[schema(value_type = Vec<OrderSummary>)]
    data: (),
    /// Null on the last page.
    next_cursor: Option<String>,
}

/// Orders.
///
/// A page of summaries. The cursor is stable while orders arrive: nothing is shown twice, nothing is left out.
#[utoipa::path(get, path = "/v1/orders", tag = "views", params(OrdersQuery, ViewHeaders),
    responses((status = 200, description = "a page of orders", body = Orders, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn orders(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<OrdersQuery>,
    scope: Scope,
    consistency: Consistency,
) -> Result<Response, Problem> {
    list(&app, "orders", query, &scope, consistency).await
}

/// A customer's orders.
///
/// As the list of all orders, for one customer; empty for one who has ordered nothing.
#[utoipa::path(get, path = "/v1/customers/{id}/orders", tag = "views",
    params(("id" = String, Path, description = "The customer.", min_length = 1, max_length = 64,
        pattern = "^[A-Za-z0-9._:-]+$"), CustomerOrdersQuery, ViewHeaders),
    responses((status = 200, description = "a page of orders", body = Orders, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn customer_orders(
    State(app): State<App>,
    PathCallerId(customer_id): PathCallerId,
    StrictQuery(query): StrictQuery<CustomerOrdersQuery>,
    scope: Scope,
    consistency: Consistency,
) -> Result<Response, Problem> {
    list(&app, "customer-orders", query.of(customer_id), &scope, consistency).await
}

async fn list(
    app: &App,
    endpoint: &str,
    query: OrdersQuery,
    seen_by: &Scope,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let request = ListRequest::read(query, server::clock::now())?.seen_by(seen_by);
    let scope = request.scope(endpoint);
    let after = match &request.cursor {
        Some(cursor) => {
            let place = app.cursor_key().await?.open(&scope, cursor)?;
            let key = i64::try_from(place.key).unwrap_or(i64::MAX);
            Some((key, Uuid::from_slice(&place.id).unwrap_or_default()))
        }
        None => None,
    };
    let projections: &[Projection] = match request.as_of {
        Some(_) => &[Projection::ORDERS, Projection::HISTORY],
        None => &[Projection::ORDERS],
    };
    app.model_at(consistency, projections).await?;
    let key = format!("{scope} {after:?} {}", request.limit);
    let asked = Arc::new((app.clone(), request, scope));
    let read = move || {
        let asked = Arc::clone(&asked);
        async move { page(&asked.0, &asked.1, &asked.2, after).await }
    };
    let page = app.pages().get(key, read).await;
    let page = page.unwrap_or_else(|Panicked| Err(Problem::new(ProblemCode::INTERNAL)))?;
    consistency.met_at(page.position)?;
    Ok(reply::json(page.position, page.body))
}

async fn page(
    app: &App,
    request: &ListRequest,
    scope: &str,
    after: Option<(i64, Uuid)>,
) -> Result<Page, Problem> {
    // One row more than the page shows whether another page follows.
    let page = OrderPage { sort: request.sort, after, limit: request.limit + 1 };
    let mut seen = read(app.model()?, request, &page).await?;
    let more = seen.found.len() > request.limit as usize;
    seen.found.truncate(request.limit as usize);
    let next = match seen.found.last() {
        Some(last) if more => {
            let place = Place { key: last.sort_key.into(), id: last.order_id.as_bytes().to_vec() };
            Some(app.cursor_key().await?.seal(scope, &place))
        }
        _ => None,
    };
    let shown = seen.found.iter().map(|order| (order.summary.as_str(), order.erased_at));
    let shown = shown.filter(|(summary, _)| !summary.is_empty());
    let body = written(shown, next);
    Ok(Page { position: seen.position, body: body.into() })
}

/// A page of summaries, which are JSON already, each with its erasure.
fn written<'a>(
    summaries: impl Iterator<Item = (&'a str, Option<i64>)> + Clone,
    next: Option<String>,
) -> Vec<u8> {
    let bytes: usize = summaries.clone().map(|(summary, _)| summary.len() + 1).sum();
    json_with(&Orders { data: (), next_cursor: next }, "data", |body| {
        body.reserve(bytes + 256);
        json_array(summaries, body, |(summary, erased_at), body| {
            erased::write(summary.as_bytes(), erased_at, body);
        });
    })
}

/// Rows of the page. One with an empty summary keeps its place in the list and is not shown.
async fn read(
    model: &ReadModel,
    request: &ListRequest,
    page: &OrderPage,
) -> Result<Seen<Vec<ListedOrder>>, Problem> {
    match request.as_of {
        None => model.list_orders(&request.filter, page).await.map_err(problems::of_read_model),
        Some(at) => then(model, &request.filter, page, at).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_json_whatever_its_length() {
        let page = |summaries: &[&str], next: Option<&str>| {
            let summaries = summaries.iter().map(|summary| (*summary, None));
            String::from_utf8(written(summaries, next.map(str::to_owned))).unwrap()
        };
        assert_eq!(page(&[], None), r#"{"data":[],"next_cursor":null}"#);
        assert_eq!(page(&["1", "{}"], Some("ab")), r#"{"data":[1,{}],"next_cursor":"ab"}"#);
    }
}
