//! `GET /v1/stock/reservations/{id}`: a reservation, as it stands or as it was.

use super::reservation_document::{ReservationDocument, present};
use super::{is_for_the_shop, reservation_not_found, reservation_stream};
use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{ViewHeaders, invalid};
use crate::problems::{self, StockProblems};
use crate::replay::Replay;
use crate::reply::{self, Tag};
use crate::views::past::{MEMENTO, asked, memento};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use domain::stock::StockAggregate;
use identity::Scope;
use read_model::read::positions::Projection;
use read_model::read::version_at::Until;
use serde::Deserialize;
use server::{PathUuid, Problem, ProblemCode, StrictQuery};
use utoipa::IntoParams;
use uuid::Uuid;

/// Which state of the reservation is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReservationQuery {
    /// The reservation as it was at this version.
    #[param(minimum = 1)]
    version: Option<u64>,
    /// The reservation as it was at this time of the business.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    as_of: Option<String>,
    /// The reservation as the log knew it at this time.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    known_at: Option<String>,
}

/// One reservation.
///
/// What it holds, or why it holds nothing; with `version`, `as_of` or `known_at` as it was then, replayed from its events.
#[utoipa::path(get, path = "/v1/stock/reservations/{id}", tag = "views",
    params(("id" = Uuid, Path, description = "The reservation."), ReservationQuery, ViewHeaders,
        ("If-None-Match" = Option<String>, Header, description = "`\"2\"`: answer 304 if the reservation is at version 2.")),
    responses(
        (status = 200, description = "the reservation", body = ReservationDocument, headers(
            ("ETag" = String, description = "the reservation's version, quoted"),
            ("Consistency-Token" = u64, description = "the position that the view has applied"),
            ("Memento-Datetime" = String, description = "when the shown state of the past began"))),
        (status = 304, description = "nothing has changed since the answer with the tag of If-None-Match"),
        StockProblems))]
pub async fn reservation(
    State(app): State<App>,
    PathUuid(id): PathUuid,
    StrictQuery(query): StrictQuery<ReservationQuery>,
    scope: Scope,
    consistency: Consistency,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    is_for_the_shop(&scope)?;
    match asked(query.version, query.as_of.as_deref(), query.known_at.as_deref())? {
        None => now(&app, id, consistency, &headers).await,
        Some(until) => then(&app, id, until, consistency, &headers).await,
    }
}

async fn now(
    app: &App,
    id: Uuid,
    consistency: Consistency,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let model = app.model_at(consistency, &[Projection::RESERVATIONS]).await?;
    let seen = consistency.seen(model.reservation(id).await)?;
    let row = seen.found.ok_or_else(reservation_not_found)?;
    let tag = Tag::version(row.version);
    if reply::has_tag(headers, &tag) {
        return Ok(reply::not_modified(seen.position, &tag));
    }
    let body = present(&row).map_err(|error| {
        // The error's own message would quote values.
        tracing::error!(reservation.id = %id, column = error.column(), "a row cannot be read");
        Problem::new(ProblemCode::INTERNAL)
    })?;
    Ok(answer(seen.position, body, &tag))
}

async fn then(
    app: &App,
    id: Uuid,
    until: Until,
    consistency: Consistency,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let model = app.model_at(consistency, &[Projection::HISTORY]).await?;
    let stream = reservation_stream(id);
    let seen = consistency.seen(app.loaders().version_at(model, stream, until).await)?;
    let version = seen.found;
    if let Until::Version(asked) = until
        && version < asked
    {
        return Err(beyond(app, id).await?);
    }
    if version == 0 {
        return Err(unborn(app, id).await?);
    }
    let tag = Tag::version(version);
    if reply::has_tag(headers, &tag) {
        return Ok(reply::not_modified(seen.position, &tag));
    }
    let mut replay = Replay::<StockAggregate>::default();
    replay.advance_stream(model, stream, version).await?;
    if replay.version() != version {
        return Err(Problem::new(ProblemCode::UNAVAILABLE)
            .detail("The history was exchanged while it was read. Try again.")
            .retry_after(problems::RETRY_AFTER_SECONDS));
    }
    let (occurred_at, recorded_at) = replay.times();
    let document = replay.with(move |replay| replay.document(id)).await?;
    let body = document.ok_or_else(reservation_not_found)?;
    let mut response = answer(seen.position, body, &tag);
    let since = match until {
        Until::RecordedAt(_) => recorded_at,
        Until::Version(_) | Until::OccurredAt(_) => occurred_at,
    };
    response.headers_mut().insert(MEMENTO.clone(), memento(since));
    Ok(response)
}

fn answer(position: u64, body: Vec<u8>, tag: &Tag) -> Response {
    let mut response = reply::json(position, body);
    response.headers_mut().insert(header::ETAG, tag.header());
    response
}

/// The problem for a version above the last.
async fn beyond(app: &App, id: Uuid) -> Result<Problem, Problem> {
    Ok(match last_version(app, id).await? {
        0 => reservation_not_found(),
        last => invalid("version", &format!("at most {last}, the reservation's last version"))
            .with("last_version", last),
    })
}

/// The problem for a reservation that had not begun then, or that does not exist.
async fn unborn(app: &App, id: Uuid) -> Result<Problem, Problem> {
    Ok(match last_version(app, id).await? {
        0 => reservation_not_found(),
        _ => Problem::new(problems::RESERVATION_NOT_FOUND)
            .detail("The reservation's first event is later than the time that was asked for."),
    })
}

/// The reservation's last version; 0 if there is no such reservation.
async fn last_version(app: &App, id: Uuid) -> Result<u64, Problem> {
    let until = Until::Version(u64::MAX);
    let last = app.loaders().version_at(app.model()?, reservation_stream(id), until).await;
    Ok(last.map_err(problems::of_read_model)?.found)
}
