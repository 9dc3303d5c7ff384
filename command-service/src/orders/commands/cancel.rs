//! `cancel`: cancels an order of which nothing has been shipped.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer, text};
use crate::orders::problems::CommandProblems;
use crate::orders::{Changed, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::Reason;
use domain::order::OrderCommand;
use serde::Serialize;
use server::PathUuid;
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
    responses(Changed, CommandProblems)
)]
pub async fn cancel_order(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut body = Object::open(json, &["reason"], at, errors)?;
    let reason = body.required("reason", errors, text(Reason::parse));
    Some(OrderCommand::Cancel { reason: reason? })
}
