//! `place`: the customer commits to a draft.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer, non_negative_money_text};
use crate::orders::problems::CommandProblems;
use crate::orders::{Changed, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::order::OrderCommand;
use serde::Serialize;
use server::PathUuid;
use utoipa::ToSchema;

/// What the customer saw.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceBody {
    /// The total the customer agreed to; another actual total is refused.
    #[schema(
        pattern = r"^[0-9]+(\.[0-9]+)?$",
        max_length = 32,
        example = "25.00",
        required = false
    )]
    pub expected_total: Option<String>,
}

/// Place a draft.
#[utoipa::path(
    post, path = "/v1/orders/{id}/place", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = PlaceBody,
    responses(Changed, CommandProblems)
)]
pub async fn place_order(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut body = Object::open(json, &["expected_total"], at, errors)?;
    let expected_total = body.optional("expected_total", errors, non_negative_money_text);
    Some(OrderCommand::Place { expected_total: expected_total? })
}
