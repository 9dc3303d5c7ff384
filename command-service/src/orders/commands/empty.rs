//! `confirm` and `discard`: their name says everything, so the body is `{}`.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer};
use crate::orders::problems::CommandProblems;
use crate::orders::{Changed, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::order::OrderCommand;
use serde::Serialize;
use server::PathUuid;
use utoipa::ToSchema;

/// `{}`
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct EmptyBody {}

/// Confirm a placed order.
#[utoipa::path(
    post, path = "/v1/orders/{id}/confirm", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = EmptyBody,
    responses(Changed, CommandProblems)
)]
pub async fn confirm_order(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read_confirm).await
}

/// Throw a draft away.
#[utoipa::path(
    post, path = "/v1/orders/{id}/discard", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = EmptyBody,
    responses(Changed, CommandProblems)
)]
pub async fn discard_draft(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read_discard).await
}

/// Reads the body of `confirm`.
pub fn read_confirm(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    Object::open(json, &[], at, errors)?;
    Some(OrderCommand::Confirm)
}

/// Reads the body of `discard`.
pub fn read_discard(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    Object::open(json, &[], at, errors)?;
    Some(OrderCommand::Discard)
}
