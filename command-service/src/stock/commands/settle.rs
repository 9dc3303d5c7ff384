//! `firm`, `release`, `commit`: what becomes of a reservation.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer, text};
use crate::orders::commands::empty::EmptyBody;
use crate::stock::StockCommands;
use crate::stock::answer::ReservationChanged;
use crate::stock::problems::StockProblems;
use axum::extract::State;
use axum::response::Response;
use domain::stock::StockCommand;
use domain::{Reason, Reference};
use serde::Serialize;
use server::PathUuid;
use utoipa::ToSchema;

/// Why units are given back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseBody {
    /// Why, in the shop's words; nothing about a person.
    #[schema(min_length = 1, max_length = 500, example = "order cancelled", required = false)]
    pub reason: Option<String>,
}

/// What the units leave in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitBody {
    /// The caller's id of the shipment.
    #[schema(min_length = 1, max_length = 64, example = "parcel-1", required = false)]
    pub shipment_id: Option<String>,
}

/// Make a reservation firm, so that it cannot expire.
#[utoipa::path(
    post, path = "/v1/stock/reservations/{id}/firm", tag = "commands",
    params(("id" = Uuid, Path, description = "The reservation."), CommandQuery, CommandHeaders),
    request_body = EmptyBody,
    responses(ReservationChanged, StockProblems)
)]
pub async fn firm(
    State(stock): State<StockCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    let read = |json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors| {
        Object::open(json, &[], at, errors)?;
        Some(StockCommand::Firm)
    };
    stock.run(id, request, read).await
}

/// Give the units of a reservation back. A reservation that was never made is kept from being made later.
#[utoipa::path(
    post, path = "/v1/stock/reservations/{id}/release", tag = "commands",
    params(("id" = Uuid, Path, description = "The reservation."), CommandQuery, CommandHeaders),
    request_body = ReleaseBody,
    responses(ReservationChanged, StockProblems)
)]
pub async fn release(
    State(stock): State<StockCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    let read = |json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors| {
        let mut body = Object::open(json, &["reason"], at, errors)?;
        let why = body.optional("reason", errors, text(Reason::parse))?;
        Some(StockCommand::Release { why })
    };
    stock.run(id, request, read).await
}

/// Record that the units of a firm reservation have left.
#[utoipa::path(
    post, path = "/v1/stock/reservations/{id}/commit", tag = "commands",
    params(("id" = Uuid, Path, description = "The reservation."), CommandQuery, CommandHeaders),
    request_body = CommitBody,
    responses(ReservationChanged, StockProblems)
)]
pub async fn commit(
    State(stock): State<StockCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    let read = |json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors| {
        let mut body = Object::open(json, &["shipment_id"], at, errors)?;
        let shipment = body.optional("shipment_id", errors, text(Reference::parse))?;
        Some(StockCommand::Commit { shipment })
    };
    stock.run(id, request, read).await
}
