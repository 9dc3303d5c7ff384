//! `cancel`: calls off an order of which nothing has left.

use crate::json::{Errors, Json, Object, Pointer, text};
use crate::orders::CommandAnswer;
use crate::orders::api::{CommandRequest, OrderApi};
use crate::orders::headers::{CommandHeaders, CommandQuery};
use axum::extract::State;
use axum::response::Response;
use domain::Reason;
use domain::order::OrderCommand;
use serde::Serialize;
use server::PathUuid;
use server::problem::CommandProblems;
use utoipa::ToSchema;

/// Why.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// Why; line ends (LF, CR LF) and tabs are kept.
    #[schema(min_length = 1, max_length = 500, example = "ordered twice")]
    pub reason: String,
}

/// Cancel an order of which nothing has been shipped.
#[utoipa::path(
    post, path = "/v1/orders/{id}/cancel", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = CancelBody,
    responses(
        (status = 200, description = "Done, or already recorded.", body = CommandAnswer<'static>, headers(
            ("ETag" = String, description = "The order's version."),
            ("Consistency-Token" = u64, description = "Position to wait for when reading."),
            ("Idempotent-Replayed" = bool, description = "The answer was given before."),
        )),
        CommandProblems
    )
)]
pub async fn cancel_order(
    State(api): State<OrderApi>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    api.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut body = Object::open(json, &["reason"], at, errors)?;
    let reason = body.required("reason", errors, text(Reason::parse));
    Some(OrderCommand::Cancel { reason: reason? })
}
