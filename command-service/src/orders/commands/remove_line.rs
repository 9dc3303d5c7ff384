//! `remove-line`: removes a line from a draft.

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

/// Which line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveLineBody {
    /// Which line.
    #[schema(minimum = 1, maximum = 2_147_483_647_u32, example = 1)]
    pub line_id: u32,
}

/// Take a line off a draft.
#[utoipa::path(
    post, path = "/v1/orders/{id}/remove-line", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = RemoveLineBody,
    responses(Changed, CommandProblems)
)]
pub async fn remove_line(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut body = Object::open(json, &["line_id"], at, errors)?;
    let line_id = body.required("line_id", errors, integer_in(1..=super::MAX_LINE_ID));
    Some(OrderCommand::RemoveLine { line_id: line_id? })
}
