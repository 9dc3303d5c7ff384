//! `GET /v1/stock/reservations/{id}/history`: a reservation's events, payloads as they were stored.

use super::history::{MAX_LIMIT, StockHistory, USUAL_LIMIT};
use super::{is_for_the_shop, reservation_not_found, reservation_stream};
use crate::app::App;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::params::{ViewHeaders, limit};
use crate::problems::StockProblems;
use crate::reply;
use crate::views::history::Event;
use crate::wire::{json_array, json_with};
use axum::extract::State;
use axum::response::Response;
use identity::Scope;
use read_model::read::positions::Projection;
use serde::Deserialize;
use server::{PathUuid, Problem, StrictQuery};
use utoipa::IntoParams;

/// Which page of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReservationHistoryQuery {
    /// Events on a page; 50 if not given. Pages of very large events are shorter.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A reservation's events.
///
/// Everything that has happened to the reservation, oldest first.
#[utoipa::path(get, path = "/v1/stock/reservations/{id}/history", tag = "views",
    params(("id" = Uuid, Path, description = "The reservation."), ReservationHistoryQuery, ViewHeaders),
    responses((status = 200, description = "a page of events", body = StockHistory, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), StockProblems))]
pub async fn reservation_history(
    State(app): State<App>,
    PathUuid(id): PathUuid,
    StrictQuery(query): StrictQuery<ReservationHistoryQuery>,
    scope: Scope,
    consistency: Consistency,
) -> Result<Response, Problem> {
    is_for_the_shop(&scope)?;
    let limit = limit(query.limit, USUAL_LIMIT, MAX_LIMIT)? as usize;
    let cursor_scope = format!("reservation history {id}");
    let after = match &query.cursor {
        Some(cursor) => app.cursor_key().await?.open(&cursor_scope, cursor)?.key,
        None => 0,
    };
    let after = u64::try_from(after).unwrap_or(0);
    let model = app.model_at(consistency, &[Projection::HISTORY]).await?;
    let read = model.stream_events(reservation_stream(id), after, u64::MAX, limit).await;
    let seen = consistency.seen(read)?;
    if seen.found.events.is_empty() && after == 0 {
        return Err(reservation_not_found());
    }
    let next_cursor = match (seen.found.more, seen.found.events.last()) {
        (true, Some(last)) => {
            let place = Place { key: last.version.into(), id: Vec::new() };
            Some(app.cursor_key().await?.seal(&cursor_scope, &place))
        }
        _ => None,
    };
    let (page, events) = (StockHistory { data: (), next_cursor }, &seen.found.events);
    let body = json_with(&page, "data", |body| json_array(events, body, Event::write));
    Ok(reply::json(seen.position, body))
}
