//! `change-line-quantity`: changes the quantity of a draft's line.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer, integer_in};
use crate::orders::problems::CommandProblems;
use crate::orders::{Changed, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::order::OrderCommand;
use serde::Serialize;
use server::PathUuid;
use utoipa::ToSchema;

/// Which line, and how many units.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineQuantityBody {
    /// Which line.
    #[schema(minimum = 1, maximum = 2_147_483_647_u32, example = 1)]
    pub line_id: u32,
    /// Units.
    #[schema(minimum = 1, maximum = 100_000, example = 3)]
    pub quantity: u32,
}

/// Change the quantity of a draft's line.
#[utoipa::path(
    post, path = "/v1/orders/{id}/change-line-quantity", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = LineQuantityBody,
    responses(Changed, CommandProblems)
)]
pub async fn change_line_quantity(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut body = Object::open(json, &["line_id", "quantity"], at, errors)?;
    let line_id = body.required("line_id", errors, integer_in(1..=super::MAX_LINE_ID));
    let quantity = body.required("quantity", errors, integer_in(1..=super::MAX_QUANTITY));
    Some(OrderCommand::ChangeLineQuantity { line_id: line_id?, quantity: quantity? })
}
