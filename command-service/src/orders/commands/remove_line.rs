//! `remove-line`: takes a line off a draft.

use crate::json::{Errors, Json, Object, Pointer, integer_in};
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
    responses(
        (status = 200, description = "Done, or already recorded.", body = CommandAnswer<'static>, headers(
            ("ETag" = String, description = "The order's version."),
            ("Consistency-Token" = u64, description = "Position to wait for when reading."),
            ("Idempotent-Replayed" = bool, description = "The answer was given before."),
        )),
        CommandProblems
    )
)]
pub async fn remove_line(
    State(api): State<OrderApi>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    api.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut body = Object::open(json, &["line_id"], at, errors)?;
    let line_id = body.required("line_id", errors, integer_in(1..=super::MAX_LINE_ID));
    Some(OrderCommand::RemoveLine { line_id: line_id? })
}
