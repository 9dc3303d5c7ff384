//! `deliver`: a parcel arrived.

use crate::json::{Errors, Json, Object, Pointer, text};
use crate::orders::CommandAnswer;
use crate::orders::api::{CommandRequest, OrderApi};
use crate::orders::headers::{CommandHeaders, CommandQuery};
use axum::extract::State;
use axum::response::Response;
use domain::Reference;
use domain::order::OrderCommand;
use serde::Serialize;
use server::PathUuid;
use server::problem::CommandProblems;
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
    responses(
        (status = 200, description = "Done, or already recorded.", body = CommandAnswer<'static>, headers(
            ("ETag" = String, description = "The order's version."),
            ("Consistency-Token" = u64, description = "Position to wait for when reading."),
            ("Idempotent-Replayed" = bool, description = "The answer was given before."),
        )),
        CommandProblems
    )
)]
pub async fn deliver(
    State(api): State<OrderApi>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    api.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut body = Object::open(json, &["shipment_id"], at, errors)?;
    let shipment_id = body.required("shipment_id", errors, text(Reference::parse));
    Some(OrderCommand::Deliver { shipment_id: shipment_id? })
}
