//! `confirm` and `discard`: commands that say everything by their name. The body is `{}`.

use crate::json::{Errors, Json, Object, Pointer};
use crate::orders::CommandAnswer;
use crate::orders::api::{CommandRequest, OrderApi};
use crate::orders::headers::{CommandHeaders, CommandQuery};
use axum::extract::State;
use axum::response::Response;
use domain::order::OrderCommand;
use serde::Serialize;
use server::PathUuid;
use server::problem::CommandProblems;
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
    responses(
        (status = 200, description = "Done, or already recorded.", body = CommandAnswer<'static>, headers(
            ("ETag" = String, description = "The order's version."),
            ("Consistency-Token" = u64, description = "Position to wait for when reading."),
            ("Idempotent-Replayed" = bool, description = "The answer was given before."),
        )),
        CommandProblems
    )
)]
pub async fn confirm_order(
    State(api): State<OrderApi>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    api.run(id, request, read_confirm).await
}

/// Throw a draft away.
#[utoipa::path(
    post, path = "/v1/orders/{id}/discard", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = EmptyBody,
    responses(
        (status = 200, description = "Done, or already recorded.", body = CommandAnswer<'static>, headers(
            ("ETag" = String, description = "The order's version."),
            ("Consistency-Token" = u64, description = "Position to wait for when reading."),
            ("Idempotent-Replayed" = bool, description = "The answer was given before."),
        )),
        CommandProblems
    )
)]
pub async fn discard_draft(
    State(api): State<OrderApi>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    api.run(id, request, read_discard).await
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
