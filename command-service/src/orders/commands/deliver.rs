//! `deliver`: records that a shipment arrived.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer, text};
use crate::orders::problems::CommandProblems;
use crate::orders::{Changed, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::Reference;
use domain::order::OrderCommand;
use serde::Serialize;
use server::PathUuid;
use utoipa::ToSchema;

/// Which parcel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveryBody {
    /// The caller's id of the shipment.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^([A-Za-z0-9_:-]|\.[A-Za-z0-9_:-]|\.\.[A-Za-z0-9._:-])[A-Za-z0-9._:-]*$",
        example = "parcel-1"
    )]
    pub shipment_id: String,
}

/// Record that a shipment arrived.
#[utoipa::path(
    post, path = "/v1/orders/{id}/deliver", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = DeliveryBody,
    responses(Changed, CommandProblems)
)]
pub async fn deliver(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut body = Object::open(json, &["shipment_id"], at, errors)?;
    let shipment_id = body.required("shipment_id", errors, text(Reference::parse));
    Some(OrderCommand::Deliver { shipment_id: shipment_id? })
}
